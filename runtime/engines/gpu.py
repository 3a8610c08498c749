"""Which NVIDIA GPU answers, and the few CUDA calls an engine needs."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Any

from runtime.engines import driver
from runtime.errors import DeviceLost, EngineError, first_line

NO_MEMORY = "close other programs that use the GPU, or build the model again with a smaller --size"
"""what a user can do when the GPU's memory is full"""
LOST = frozenset({4, 46, 214, 700, 702, 709, 710, *range(714, 720), 999})
"""CUDA's errors after which every call of a process fails until it ends: a wrong address, a kernel
that failed, a driver that was reset, a machine that slept (numbers of ``cudaError_t``)"""
LOST_WORDS = (
    "illegal memory access",
    "unspecified launch failure",
    "context is destroyed",
    "misaligned address",
    "device-side assert",
)
"""the same in the words of libraries that report no number"""


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU as engines are keyed by it; ``driver`` is the newest CUDA it serves, e.g. 13.0."""

    name: str
    capability: str
    """compute capability, e.g. 8.9"""
    driver: str = ""


def cuda_runtime() -> ModuleType:
    """Return ``cuda.bindings.runtime``.

    Raises:
        EngineError: the package is not installed or cannot be loaded.
    """
    try:
        from cuda.bindings import runtime
    except Exception as error:  # a broken wheel raises more than ImportError
        raise EngineError(
            f"the package cuda-bindings is not usable ({first_line(error)})"
        ) from None
    return runtime  # type: ignore[no-any-return]


def check(result: tuple[Any, ...], doing: str) -> Any:
    """Unpack a CUDA call's (error, value …): the value, a tuple of values, or None.

    Raises:
        DeviceLost: the call failed, and so will all others of this process.
        EngineError: the call failed, with CUDA's own name for it.
    """
    code, *values = result
    if int(code):
        name = getattr(code, "name", str(code))
        if int(code) in LOST:
            raise DeviceLost(f"the GPU stopped answering while {doing} ({name})")
        hint = f": {NO_MEMORY}" if "MemoryAllocation" in name else ""
        raise EngineError(f"CUDA failed while {doing} ({name}){hint}")
    if len(values) > 1:
        return tuple(values)
    return values[0] if values else None


def find_gpu(cudart: ModuleType | None = None) -> Gpu | None:
    """Return the current CUDA device, or None where no GPU or driver answers.

    Raises:
        EngineError: cuda-bindings is not installed.
    """
    cudart = cuda_runtime() if cudart is None else cudart
    try:
        if not check(cudart.cudaGetDeviceCount(), "looking for GPUs"):
            return None
        device = check(cudart.cudaGetDevice(), "choosing a GPU")
        found = check(cudart.cudaGetDeviceProperties(device), "asking the GPU's name")
        driver = check(cudart.cudaDriverGetVersion(), "asking the driver's version")
    except EngineError:
        return None
    name = found.name.decode(errors="replace") if isinstance(found.name, bytes) else found.name
    return Gpu(str(name), f"{found.major}.{found.minor}", f"{driver // 1000}.{driver % 1000 // 10}")


def no_gpu_line() -> str:
    """Return one line: why ``find_gpu`` finds none, and what to do."""
    try:
        cudart = cuda_runtime()
    except EngineError:
        cudart = None
    return driver.no_gpu_line(cudart)
