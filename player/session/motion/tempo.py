"""Where the beats are: a tempo tapped, or followed from a clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor

import numpy as np

SLOWEST, FASTEST = 20.0, 400.0
"""beats a minute"""
FORGET_SECONDS = 3.0
"""A tap this long after the last one begins anew."""
_NOW = 1e-6


@dataclass(frozen=True, slots=True)
class Tempo:
    """``bpm`` beats a minute; one of them, the first of a bar, falls on ``start`` seconds."""

    bpm: float
    start: float

    def beat(self, now: float) -> float:
        """Return how many beats lie between the start and ``now``, with its fraction."""
        return (now - self.start) * self.bpm / 60

    def next(self, now: float, beats: int) -> float:
        """Return when the next multiple of ``beats`` beats falls, later than ``now``."""
        passed = floor(self.beat(now) / beats + _NOW)
        return self.start + (passed + 1) * beats * 60 / self.bpm


def fit(times: Sequence[float], beats: float = 1.0) -> Tempo | None:
    """Return the tempo of ``times`` seconds, each ``beats`` after the last, by least squares.

    The last of them is taken for the first beat of a bar. None for fewer than two, or where they
    give no tempo between ``SLOWEST`` and ``FASTEST``.
    """
    if len(times) < 2:
        return None
    slope, offset = np.polyfit(np.arange(len(times)), np.asarray(times) - times[-1], 1)
    if slope <= 0 or not SLOWEST <= 60 * beats / slope <= FASTEST:
        return None
    last = times[-1] + offset + slope * (len(times) - 1)
    return Tempo(float(60 * beats / slope), float(last))


class Taps:
    """The taps of a person who beats time."""

    def __init__(self) -> None:
        """Hear none yet."""
        self._times: list[float] = []

    def tap(self, now: float) -> Tempo | None:
        """Hear a tap; return the tempo of those that belong together, once there are two."""
        if self._times and now - self._times[-1] > FORGET_SECONDS:
            self._times.clear()
        self._times = [*self._times[-7:], now]
        found = fit(self._times)
        if found is None:
            return None
        first = found.start - (len(self._times) - 1) * 60 / found.bpm
        return Tempo(found.bpm, first)
