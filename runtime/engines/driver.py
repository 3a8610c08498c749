"""Why no NVIDIA GPU can be used here, and what to do about it, in one line."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

NO_GPU = "no NVIDIA GPU or driver answers here"
PAGE = "https://www.nvidia.com/drivers"
DRIVERS = {
    "ubuntu-drivers": "sudo ubuntu-drivers install",
    "apt-get": "sudo apt-get install nvidia-driver",
    "dnf": "sudo dnf install akmod-nvidia",
}
"""a package tool of the system → the command that installs NVIDIA's driver with it"""
OLDEST_DRIVERS = {12: 525, 13: 580}
"""CUDA's major version → the oldest driver that serves all of it (NVIDIA's CUDA release notes)"""
WSL_DEVICE = Path("/dev/dxg")
"""Windows' GPUs as a Linux under WSL2 sees them"""
CONTAINER_MARKS = (Path("/.dockerenv"), Path("/run/.containerenv"))
VISIBLE = "CUDA_VISIBLE_DEVICES"


def no_gpu_line(cudart: ModuleType | None) -> str:
    """Ask CUDA once more and say what it lacks: a driver, a newer one, or a GPU.

    ``cudart`` is ``cuda.bindings.runtime``, None where that is not to be had.
    """
    if sys.platform == "darwin":
        return f"{NO_GPU}, and none can be installed: NVIDIA makes no driver for macOS"
    if cudart is None:
        return _no_driver()
    error, count = cudart.cudaGetDeviceCount()
    name = getattr(error, "name", str(error)) if int(error) else ""
    served = _value(cudart.cudaDriverGetVersion())
    if name in ("cudaErrorInsufficientDriver", "cudaErrorCallRequiresNewerDriver"):
        return _too_old(cudart, served) if served else _no_driver()
    if name == "cudaErrorNoDevice" or not (name or count):
        return _no_device(served)
    if name == "cudaErrorStubLibrary":
        return (
            "the libcuda that was found is CUDA's stub for compiling, no driver: take the folder "
            "'stubs' out of LD_LIBRARY_PATH"
        )
    if name in ("cudaErrorSystemDriverMismatch", "cudaErrorCompatNotSupportedOnDevice"):
        return f"the NVIDIA driver was changed under a running system ({name}): restart the machine"
    doing = name or "a question about the GPU failed"
    return f"the NVIDIA GPU does not answer ({doing}): see what nvidia-smi says, or restart"


def _no_driver() -> str:
    if WSL_DEVICE.exists():
        return (
            f"{NO_GPU}; under WSL2 the driver is that of Windows, and none may be installed in "
            f"Linux: install it in Windows from {PAGE}, then run: wsl --update"
        )
    if any(mark.exists() for mark in CONTAINER_MARKS):
        return (
            f"{NO_GPU}; this is a container: start it with --gpus all, where "
            "NVIDIA's driver and container toolkit are installed"
        )
    if sys.platform == "win32":
        return f"{NO_GPU}; if there is a GPU, install its driver from: start {PAGE}"
    return f"{NO_GPU}; if there is a GPU, install its driver with: {_installer()}"


def _too_old(cudart: ModuleType, served: int) -> str:
    needed = _value(cudart.cudaRuntimeGetVersion())
    oldest = OLDEST_DRIVERS.get(needed // 1000)
    least = f"{oldest} or newer is needed" if oldest else "a newer one is needed"
    if WSL_DEVICE.exists():
        how = f"under WSL2 it is that of Windows: update it there, from {PAGE}"
    elif sys.platform == "win32":
        how = f"update it from: start {PAGE}"
    else:
        how = f"update it, for instance with: {_installer()}"
    return (
        f"the NVIDIA driver is too old: it serves CUDA {_version(served)}, and the packages here "
        f"are made for {_version(needed)}; driver {least}, and {how}"
    )


def _no_device(served: int) -> str:
    hidden = os.environ.get(VISIBLE)
    if hidden is not None and hidden.split(",")[0].strip() != "0":  # where there is one, 0 is it
        return f"{VISIBLE}={hidden} hides every NVIDIA GPU: unset it"
    return (
        f"there is an NVIDIA driver, for CUDA {_version(served)}, but it finds no GPU: "
        "see what nvidia-smi says"
    )


def _installer() -> str:
    command = next((line for tool, line in DRIVERS.items() if shutil.which(tool)), None)
    return command or f"xdg-open {PAGE}"


def _version(number: int) -> str:
    """Return CUDA's 12040 as 12.4."""
    return f"{number // 1000}.{number % 1000 // 10}"


def _value(result: tuple[Any, ...]) -> int:
    """Return the number that a CUDA call gave, 0 if it failed."""
    error, value = result
    return 0 if int(error) or value is None else int(value)
