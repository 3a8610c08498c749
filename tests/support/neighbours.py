"""Whether other programs kept the cores busy while a figure was taken."""

from __future__ import annotations

import os
import time

import psutil

QUIET = 0.1
"""share of all cores that others may take before a bound on times means nothing"""


class Neighbours:
    """Watches them from its making on; whatever we start must have ended when it is asked."""

    def __init__(self) -> None:
        self._start = time.perf_counter()
        self._others = _others()

    @property
    def share(self) -> float:
        """The share of all cores that others took since, 0 to 1."""
        seconds = time.perf_counter() - self._start
        return max(0.0, _others() - self._others) / seconds / (os.cpu_count() or 1)

    @property
    def quiet(self) -> bool:
        """Whether that was little."""
        return self.share < QUIET


def _others() -> float:
    """Return the processor seconds of all programs but this one and its ended children."""
    times = psutil.cpu_times()
    idle = times.idle + getattr(times, "iowait", 0.0)
    guests = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)
    return float(sum(times) - idle - guests - sum(os.times()[:4]))
