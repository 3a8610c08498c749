"""The machine that a benchmark ran on, and what else it was doing meanwhile."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

from runtime.engines.cpu import cpu_features, cpu_name, memory_bytes
from runtime.engines.gpu import check, cuda_runtime, find_gpu
from runtime.errors import EngineError
from runtime.version import program_version

PACKAGES = ("numpy", "openvino", "onnxruntime", "onnxruntime-gpu", "tensorrt", "tensorrt-rtx")


@dataclass(frozen=True, slots=True)
class Machine:
    """What figures must be read with."""

    processor: str
    features: tuple[str, ...]
    """instruction sets that matter"""
    cores: int
    memory_bytes: int
    system: str
    versions: dict[str, str]


def this_machine(packages: Sequence[str] = PACKAGES) -> Machine:
    """Describe the machine at hand, with the versions of those of ``packages`` that are here."""
    versions = {"wordmorph": program_version(), "python": platform.python_version()}
    for name in packages:
        with suppress(PackageNotFoundError):
            versions[name] = version(name)
    return Machine(
        processor=cpu_name(),
        features=tuple(cpu_features()),
        cores=os.cpu_count() or 1,
        memory_bytes=memory_bytes()[1],
        system=f"{platform.system()} {platform.machine()}",
        versions=versions,
    )


@dataclass(frozen=True, slots=True)
class GraphicsCard:
    """An NVIDIA GPU and its driver."""

    name: str
    capability: str
    """compute capability, e.g. 8.9"""
    cuda: str
    """the newest CUDA that the driver serves, e.g. 13.0"""
    driver: str | None
    """the driver's own version, e.g. 580.95.05; None where nothing says it"""
    memory_bytes: int


def this_card() -> GraphicsCard | None:
    """Describe the NVIDIA GPU that engines would run on, or return None: none answers."""
    try:
        gpu = find_gpu()
        if gpu is None:
            return None
        _, total = check(cuda_runtime().cudaMemGetInfo(), "asking for the GPU's memory")
    except EngineError:
        return None
    return GraphicsCard(gpu.name, gpu.capability, gpu.driver, driver_version(), int(total))


def gpu_bytes() -> int | None:
    """Return how much of the GPU's memory is taken, by whatever program; None: no GPU."""
    try:
        free, total = check(cuda_runtime().cudaMemGetInfo(), "asking for the GPU's memory")
    except EngineError:
        return None
    return int(total) - int(free)


def driver_version() -> str | None:
    """Return the version of NVIDIA's driver, as the kernel or ``nvidia-smi`` says it, or None."""
    with suppress(OSError, UnicodeError):
        return Path("/sys/module/nvidia/version").read_text(encoding="ascii").strip()
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return None
    try:
        message = subprocess.run(
            [tool, "--query-gpu=driver_version", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError, UnicodeError):
        return None
    lines = message.stdout.split()
    return lines[0] if lines else None


class Watch:
    """Watches what the machine does from its making on. Children of this process are its own, as
    long as they live; one that ends meanwhile may count as another program.
    """

    def __init__(self) -> None:
        """Start watching."""
        self._start = time.perf_counter()
        self._own = _own_seconds()
        self._busy = _busy_seconds()

    def others(self) -> float | None:
        """Return the share of all cores that other programs used since, 0 to 1; None: unknown."""
        busy, seconds = _busy_seconds(), time.perf_counter() - self._start
        if busy is None or self._busy is None or not seconds:
            return None
        own = _own_seconds() - self._own
        share = (busy - self._busy - own) / (seconds * (os.cpu_count() or 1))
        return min(max(share, 0.0), 1.0)


def _own_seconds() -> float:
    """Return the processor time of this process and its children, those that ended too where the
    system says it.
    """
    try:
        me = psutil.Process()
        family = (me, *me.children(recursive=True))
    except (psutil.Error, OSError, RuntimeError):  # a container may hide them
        return float(sum(os.times()[:4]))
    seconds = 0.0
    for process in family:
        with suppress(psutil.Error):  # it has just ended
            seconds += sum(process.cpu_times()[:4])  # user, system, and both of ended children
    return seconds


def _busy_seconds() -> float | None:
    """Return the processor time that all programs used since the machine started."""
    try:
        times = psutil.cpu_times()
    except (OSError, RuntimeError):  # a container may hide it
        return None
    idle = times.idle + getattr(times, "iowait", 0.0)
    guests = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)
    return float(sum(times) - idle - guests)  # Linux counts guests as users too
