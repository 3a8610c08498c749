"""A small fake of ``cuda.bindings.runtime``: memory in numpy, two streams of deferred work.

Work on a stream runs only when somebody waits for that stream, so a missing wait shows as old data.
``cudaMemcpy`` and ``cudaMemset`` go to CUDA's own default stream, which the other does not wait
for: what they write is seen only once the default stream was waited for. Copies are refused unless
each side is the kind of memory that the call claims.
"""

from __future__ import annotations

import ctypes
import enum
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

Work = Callable[[], object]


class cudaError_t(enum.IntEnum):
    cudaSuccess = 0
    cudaErrorInvalidValue = 1
    cudaErrorMemoryAllocation = 2
    cudaErrorStubLibrary = 34
    cudaErrorInsufficientDriver = 35
    cudaErrorNoDevice = 100
    cudaErrorIllegalAddress = 700
    cudaErrorSystemDriverMismatch = 803
    cudaErrorUnknown = 999
    cudaErrorStreamCaptureUnsupported = 900


class cudaMemcpyKind(enum.IntEnum):
    cudaMemcpyHostToDevice = 1
    cudaMemcpyDeviceToHost = 2


class cudaStreamCaptureMode(enum.IntEnum):
    cudaStreamCaptureModeThreadLocal = 1


OK = cudaError_t.cudaSuccess
BAD = cudaError_t.cudaErrorInvalidValue


class FakeCuda:
    """One GPU; ``calls`` counts what was asked of it."""

    cudaError_t = cudaError_t
    cudaMemcpyKind = cudaMemcpyKind
    cudaStreamCaptureMode = cudaStreamCaptureMode
    cudaStreamNonBlocking = 1
    cudaHostAllocDefault = 0
    cudaEventDisableTiming = 2

    def __init__(self, capability: tuple[int, int] = (8, 9), name: str = "Fake 4090") -> None:
        self.capability, self.name = capability, name
        self.device: dict[int, Any] = {}
        self.pinned: dict[int, Any] = {}
        self.pending: list[Work] = []
        self.default: list[Work] = []
        self.recording: list[Work] | None = None
        self.capturable = True
        self.networks_capturable = True
        """whether TensorRT-RTX's runs may be recorded"""
        self.free_bytes = 1 << 30
        self.devices = 1
        self.driver = 13010
        """the newest CUDA that the driver serves, 0 without one"""
        self.fault: cudaError_t | None = None
        """what looking for GPUs answers instead"""
        self.lost: cudaError_t | None = None
        """what every call on the GPU answers from now on, as after a kernel that went astray"""
        self.calls: dict[str, int] = {}
        self.events: dict[int, list[int]] = {}
        """how often each was recorded, and how often the stream has reached it"""

    def cudaGetDeviceCount(self) -> tuple[Any, ...]:
        if self.fault is not None:
            return self.fault, None
        if self.driver < self.cudaRuntimeGetVersion()[1]:
            return cudaError_t.cudaErrorInsufficientDriver, None
        if not self.devices:
            return cudaError_t.cudaErrorNoDevice, None
        return OK, self.devices

    def cudaGetDevice(self) -> tuple[Any, ...]:
        return OK, 0

    def cudaGetDeviceProperties(self, device: int) -> tuple[Any, ...]:
        major, minor = self.capability
        return OK, SimpleNamespace(name=self.name.encode(), major=major, minor=minor)

    def cudaDriverGetVersion(self) -> tuple[Any, ...]:
        return OK, self.driver

    def cudaRuntimeGetVersion(self) -> tuple[Any, ...]:
        return OK, 13000

    def cudaMemGetInfo(self) -> tuple[Any, ...]:
        return OK, self.free_bytes, 1 << 30

    def cudaMalloc(self, size: int) -> tuple[Any, ...]:
        if self.lost is not None:
            return self.lost, None
        if size > self.free_bytes:
            return cudaError_t.cudaErrorMemoryAllocation, None
        self.free_bytes -= size
        return OK, self._take(self.device, size)

    def cudaFree(self, address: int) -> tuple[Any, ...]:
        self.free_bytes += len(self.device.pop(address)[1])
        return (OK,)

    def cudaHostAlloc(self, size: int, flags: int) -> tuple[Any, ...]:
        return OK, self._take(self.pinned, size)

    def cudaFreeHost(self, address: int) -> tuple[Any, ...]:
        del self.pinned[address]
        return (OK,)

    def cudaMemset(self, address: int, value: int, count: int) -> tuple[Any, ...]:
        if not self._inside(self.device, address, count):
            return (BAD,)
        self.default.append(lambda: ctypes.memset(address, value, count))
        return (OK,)

    def cudaMemsetAsync(self, address: int, value: int, count: int, stream: Any) -> tuple[Any, ...]:
        if not self._inside(self.device, address, count):
            return (BAD,)
        self.enqueue(lambda: ctypes.memset(address, value, count))
        return (OK,)

    def cudaMemcpy(self, dst: int, src: int, count: int, kind: int) -> tuple[Any, ...]:
        if not self._sides(dst, src, count, kind, pinned=False):
            return (BAD,)
        if kind == cudaMemcpyKind.cudaMemcpyHostToDevice:
            staged = ctypes.string_at(src, count)  # it may return before the GPU has it
            self.default.append(lambda: ctypes.memmove(dst, staged, count))
        else:
            self.cudaStreamSynchronize(0)
            ctypes.memmove(dst, src, count)
        self._count("cudaMemcpy")
        return (OK,)

    def cudaMemcpyAsync(
        self, dst: int, src: int, count: int, kind: int, stream: Any
    ) -> tuple[Any, ...]:
        if self.lost is not None:
            return (self.lost,)
        if not self._sides(dst, src, count, kind, pinned=False):
            return (BAD,)
        pinned = self._sides(dst, src, count, kind, pinned=True)
        if self.recording is not None and not pinned:
            return (cudaError_t.cudaErrorStreamCaptureUnsupported,)
        up = kind == cudaMemcpyKind.cudaMemcpyHostToDevice
        source: int | bytes = src if pinned or not up else ctypes.string_at(src, count)

        def copy() -> None:
            self._count(cudaMemcpyKind(kind).name)
            ctypes.memmove(dst, source, count)

        self.enqueue(copy)
        return (OK,)

    def cudaStreamCreateWithFlags(self, flags: int) -> tuple[Any, ...]:
        return OK, 77

    def cudaStreamDestroy(self, stream: Any) -> tuple[Any, ...]:
        return (OK,)

    def cudaStreamSynchronize(self, stream: Any) -> tuple[Any, ...]:
        if self.lost is not None:
            return (self.lost,)
        if self.recording is not None:
            self.capturable = False  # waiting breaks a capture
            return (cudaError_t.cudaErrorStreamCaptureUnsupported,)
        work = self.pending if stream else self.default
        while work:
            work.pop(0)()
        return (OK,)

    def cudaEventCreateWithFlags(self, flags: int) -> tuple[Any, ...]:
        self.events[len(self.events)] = [0, 0]
        return OK, len(self.events) - 1

    def cudaEventDestroy(self, event: int) -> tuple[Any, ...]:
        del self.events[event]
        return (OK,)

    def cudaEventRecord(self, event: int, stream: Any) -> tuple[Any, ...]:
        if self.lost is not None:
            return (self.lost,)
        self.events[event][0] += 1
        number = self.events[event][0]

        def reach() -> None:
            self.events[event][1] = number

        self.enqueue(reach)
        return (OK,)

    def cudaEventSynchronize(self, event: int) -> tuple[Any, ...]:
        if self.lost is not None:
            return (self.lost,)
        recorded, _ = self.events[event]
        while self.events[event][1] < recorded:
            self.pending.pop(0)()
        return (OK,)

    def cudaStreamBeginCapture(self, stream: Any, mode: int) -> tuple[Any, ...]:
        self.recording = []
        return (OK,)

    def cudaStreamEndCapture(self, stream: Any) -> tuple[Any, ...]:
        recorded, self.recording = self.recording, None
        if not self.capturable:
            return cudaError_t.cudaErrorStreamCaptureUnsupported, None
        return OK, recorded

    def cudaGraphInstantiate(self, graph: Any, flags: int) -> tuple[Any, ...]:
        return OK, list(graph)

    def cudaGraphDestroy(self, graph: Any) -> tuple[Any, ...]:
        return (OK,)

    def cudaGraphExecDestroy(self, graph: Any) -> tuple[Any, ...]:
        return (OK,)

    def cudaGraphLaunch(self, graph: Any, stream: Any) -> tuple[Any, ...]:
        self._count("cudaGraphLaunch")
        for work in graph:
            self.enqueue(work)
        return (OK,)

    def cudaGetLastError(self) -> tuple[Any, ...]:
        return (OK if self.lost is None else self.lost,)

    def enqueue(self, work: Work) -> None:
        (self.pending if self.recording is None else self.recording).append(work)

    def on_device(self, address: int, count: int) -> bool:
        return self._inside(self.device, address, count)

    def _count(self, name: str) -> None:
        self.calls[name] = self.calls.get(name, 0) + 1

    def _take(self, pool: dict[int, Any], size: int) -> int:
        whole = np.full(size + 512, 0xCD, np.uint8)
        address = -(-whole.ctypes.data // 256) * 256
        pool[address] = whole, bytes(size)
        return address

    def _inside(self, pool: dict[int, Any], address: int, count: int) -> bool:
        return any(
            start <= address and address + count <= start + len(size)
            for start, (_, size) in pool.items()
        )

    def _sides(self, dst: int, src: int, count: int, kind: int, *, pinned: bool) -> bool:
        up = kind == cudaMemcpyKind.cudaMemcpyHostToDevice
        device, host = (dst, src) if up else (src, dst)
        return self._inside(self.device, device, count) and (
            not pinned or self._inside(self.pinned, host, count)
        )
