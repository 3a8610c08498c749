"""What this machine's processor is and can do."""

from __future__ import annotations

import platform
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
