"""What this machine's processor is and can do."""

from __future__ import annotations

import platform
import sys
from functools import cache
from pathlib import Path

import psutil

FEATURES = ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "asimd", "bf16")
"""The instruction sets that decide how fast a denoiser runs, as /proc/cpuinfo names them."""


@cache
def _cpuinfo() -> dict[str, str]:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    first = text.split("\n\n", 1)[0]
    pairs = (line.split(":", 1) for line in first.splitlines() if ":" in line)
    return {name.strip().lower(): value.strip() for name, value in pairs}


def cpu_name() -> str:
    """Return the processor in words."""
    return _cpuinfo().get("model name") or platform.processor() or platform.machine()


def cpu_features() -> list[str]:
    """Return those of ``FEATURES`` that the processor has; empty where that is unknown."""
    info = _cpuinfo()
    have = set((info.get("flags") or info.get("features") or "").split())
    return [name for name in FEATURES if name in have]


def memory_bytes() -> tuple[int, int]:
    """Return (available, total) memory of the machine in bytes."""
    memory = psutil.virtual_memory()
    return memory.available, memory.total


def peak_bytes() -> int:
    """Return the most memory in bytes that this process ever held, as the system counted it."""
    if sys.platform == "win32":
        return psutil.Process().memory_info().peak_wset
    import resource

    if sys.platform == "darwin":  # psutil has a peak on Windows only
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:  # getrusage would count the parent's memory as this process's own, up to its start
        status = Path("/proc/self/status").read_text(encoding="utf-8")
        return int(status.split("VmHWM:")[1].split()[0]) * 1024
    except (OSError, IndexError, ValueError):  # a container may hide /proc
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
