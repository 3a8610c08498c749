"""The machine that a benchmark ran on, and what else it was doing meanwhile."""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from runtime.engines.cpu import cpu_features, cpu_name, memory_bytes
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
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return Machine(
        processor=cpu_name(),
        features=tuple(cpu_features()),
        cores=os.cpu_count() or 1,
        memory_bytes=memory_bytes()[1],
        system=f"{platform.system()} {platform.machine()}",
        versions=versions,
    )


class Watch:
    """Watches what the machine does from its making on."""

    def __init__(self) -> None:
        """Start watching."""
        self._start = time.perf_counter()
        self._own = sum(os.times()[:2])
        self._busy = _busy_seconds()

    def others(self) -> float | None:
        """Return the share of all cores that other programs used since, 0 to 1; None: unknown."""
        busy, seconds = _busy_seconds(), time.perf_counter() - self._start
        if busy is None or self._busy is None or not seconds:
            return None
        own = sum(os.times()[:2]) - self._own
        share = (busy - self._busy - own) / (seconds * (os.cpu_count() or 1))
        return min(max(share, 0.0), 1.0)


def _busy_seconds() -> float | None:
    """Return the processor time that all programs used since the machine started."""
    try:
        first = Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()
        user, nice, system, _idle, _wait, irq, softirq, steal = map(int, first[1:9])
        ticks = user + nice + system + irq + softirq + steal
        return float(ticks / os.sysconf("SC_CLK_TCK"))
    except (OSError, ValueError, AttributeError):
        return None


def peak_bytes() -> int:
    """Return the most memory this process ever held, or 0 where that is unknown."""
    try:
        status = Path("/proc/self/status").read_text(encoding="utf-8")
        return int(status.split("VmHWM:")[1].split()[0]) * 1024
    except (OSError, IndexError, ValueError):
        pass
    try:
        import resource
    except ImportError:
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # includes the parent's on Linux
    return peak if sys.platform == "darwin" else peak * 1024
