"""CUDA memory, one stream and captured graphs: the little of CUDA that a frame needs."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime.engines.gpu import LOST, check, cuda_runtime
from runtime.errors import EngineError

ALIGN = 256
"""TensorRT wants tensor addresses at multiples of this many bytes."""


def aligned(count: int) -> int:
    """Round a number of bytes up so that what follows it is aligned."""
    return -(-count // ALIGN) * ALIGN


class Pinned:
    """Page-locked host memory: ``array`` uint8 [n] is a view of it, ``address`` its place."""

    def __init__(self, address: int, count: int) -> None:
        """Wrap ``count`` bytes at ``address``."""
        self.address = address
        self.array: NDArray[np.uint8] = np.ctypeslib.as_array(
            (ctypes.c_uint8 * count).from_address(address)
        )


class Device:
    """The current GPU: its memory and one stream. Everything is freed by ``close``.

    All work goes to that stream, copies too: CUDA's own default stream does not wait for it, nor
    it for the default stream, where even a finished copy call may still be under way.
    """

    def __init__(self, cudart: ModuleType | None = None) -> None:
        """Make a stream.

        Raises:
            EngineError: CUDA cannot be used.
        """
        self._cuda: Any = cuda_runtime() if cudart is None else cudart
        self._memory: list[int] = []
        self._pinned: list[int] = []
        self._graphs: list[Any] = []
        self._events: list[Any] = []
        self._stream = check(
            self._cuda.cudaStreamCreateWithFlags(self._cuda.cudaStreamNonBlocking),
            "making a stream",
        )

    @property
    def stream(self) -> int:
        """The stream's handle, as TensorRT takes it."""
        return int(self._stream)

    def allocate(self, count: int) -> int:
        """Return the address of ``count`` zeroed bytes on the GPU."""
        address = int(check(self._cuda.cudaMalloc(count), f"taking {count / 1e6:.1f} MB"))
        self._memory.append(address)
        check(self._cuda.cudaMemsetAsync(address, 0, count, self._stream), "clearing memory")
        self.wait("clearing memory")
        return address

    def free(self, *addresses: int) -> None:
        """Give back memory before ``close`` does."""
        for address in addresses:
            self._memory.remove(address)
            check(self._cuda.cudaFree(address), "freeing memory")

    def mark(self) -> tuple[int, int]:
        """Return a point to which ``release`` can go back."""
        return len(self._memory), len(self._pinned)

    def release(self, mark: tuple[int, int]) -> None:
        """Give back everything that was taken since ``mark``."""
        self.free(*self._memory[mark[0] :])
        for address in self._pinned[mark[1] :]:
            check(self._cuda.cudaFreeHost(address), "unpinning host memory")
        del self._pinned[mark[1] :]

    def pin(self, count: int) -> Pinned:
        """Return ``count`` bytes of page-locked host memory."""
        flags = self._cuda.cudaHostAllocDefault
        address = int(check(self._cuda.cudaHostAlloc(count, flags), "pinning host memory"))
        self._pinned.append(address)
        return Pinned(address, count)

    def upload(self, address: int, array: NDArray[Any]) -> None:
        """Copy an array to the GPU and wait."""
        data = np.ascontiguousarray(array)
        kind = self._cuda.cudaMemcpyKind.cudaMemcpyHostToDevice
        call = (address, data.ctypes.data, data.nbytes, kind, self._stream)
        check(self._cuda.cudaMemcpyAsync(*call), "uploading")
        self.wait("uploading")

    def download(self, array: NDArray[Any], address: int) -> None:
        """Fill a contiguous array from the GPU and wait."""
        kind = self._cuda.cudaMemcpyKind.cudaMemcpyDeviceToHost
        call = (array.ctypes.data, address, array.nbytes, kind, self._stream)
        check(self._cuda.cudaMemcpyAsync(*call), "downloading")
        self.wait("downloading")

    def enqueue_upload(self, address: int, source: Pinned) -> None:
        """Copy pinned memory to the GPU on the stream."""
        kind = self._cuda.cudaMemcpyKind.cudaMemcpyHostToDevice
        call = (address, source.address, source.array.nbytes, kind, self._stream)
        check(self._cuda.cudaMemcpyAsync(*call), "uploading")

    def enqueue_download(self, target: Pinned, address: int) -> None:
        """Copy from the GPU to pinned memory on the stream."""
        kind = self._cuda.cudaMemcpyKind.cudaMemcpyDeviceToHost
        call = (target.address, address, target.array.nbytes, kind, self._stream)
        check(self._cuda.cudaMemcpyAsync(*call), "downloading")

    def wait(self, doing: str = "running a frame") -> None:
        """Wait for everything on the stream.

        Raises:
            EngineError: something on it failed, while ``doing``.
        """
        check(self._cuda.cudaStreamSynchronize(self._stream), doing)

    def event(self) -> Any:
        """Return a mark that can be put on the stream."""
        flags = self._cuda.cudaEventDisableTiming
        made = check(self._cuda.cudaEventCreateWithFlags(flags), "making an event")
        self._events.append(made)
        return made

    def record(self, event: Any) -> None:
        """Put a mark behind everything that is on the stream now."""
        check(self._cuda.cudaEventRecord(event, self._stream), "marking a frame")

    def wait_for(self, event: Any, doing: str = "running a frame") -> None:
        """Wait for what was on the stream when ``event`` was recorded.

        Raises:
            EngineError: something before it failed, while ``doing``.
        """
        check(self._cuda.cudaEventSynchronize(event), doing)

    def check_alive(self, doing: str) -> None:
        """Raise DeviceLost if the last CUDA call left this process without its GPU."""
        code = self._cuda.cudaGetLastError()
        if int(code[0]) in LOST:
            check(code, doing)

    def capture(self, enqueue: Callable[[], None]) -> Any:
        """Record what ``enqueue`` puts on the stream as a graph, without running it.

        Raises:
            EngineError: something in it cannot be captured; the stream is usable again.
        """
        mode = self._cuda.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal
        check(self._cuda.cudaStreamBeginCapture(self._stream, mode), "starting a capture")
        try:
            enqueue()
        except EngineError:
            self._cuda.cudaStreamEndCapture(self._stream)
            self._cuda.cudaGetLastError()
            raise
        try:
            graph = check(self._cuda.cudaStreamEndCapture(self._stream), "capturing a frame")
            runnable = check(self._cuda.cudaGraphInstantiate(graph, 0), "preparing a CUDA graph")
        except EngineError:
            self._cuda.cudaGetLastError()
            raise
        self._cuda.cudaGraphDestroy(graph)
        self._graphs.append(runnable)
        return runnable

    def launch(self, graph: Any) -> None:
        """Put a captured graph on the stream."""
        check(self._cuda.cudaGraphLaunch(graph, self._stream), "launching a frame")

    def close(self) -> None:
        """Free everything; errors are ignored, since a failed device frees nothing."""
        self._cuda.cudaStreamSynchronize(self._stream)
        for graph in self._graphs:
            self._cuda.cudaGraphExecDestroy(graph)
        for event in self._events:
            self._cuda.cudaEventDestroy(event)
        for address in self._memory:
            self._cuda.cudaFree(address)
        for address in self._pinned:
            self._cuda.cudaFreeHost(address)
        self._cuda.cudaStreamDestroy(self._stream)
        self._graphs, self._events, self._memory, self._pinned = [], [], [], []
