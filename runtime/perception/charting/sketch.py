"""A coarse map of the plane, from frames that lie scattered in it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from runtime.perception.charting.map import Point
from runtime.perception.distance import Floats


@dataclass(frozen=True, eq=False)
class Sketch:
    """What scattered frames tell of a plane: the speed in each of [n, n] squares, NaN where none.

    Rows by u, columns by t, both ascending.
    """

    along_t: Floats
    along_u: Floats

    @property
    def speed(self) -> Floats:
        """[n, n] the two together; one alone where the other is not known."""
        both = np.stack([self.along_t, self.along_u])
        speed: Floats = np.sqrt(np.nansum(both**2, axis=0))
        speed[np.isnan(both).all(axis=0)] = np.nan
        return speed


def sketch(stretches: Iterable[tuple[Point, Point, float]], side: int) -> Sketch:
    """Draw measured stretches, (from, to, distance), along t or along u, into a coarse plane.

    A stretch counts in every square that it passes; a square has the mean of what passes it.
    """
    sums, counts = np.zeros((2, side, side)), np.zeros((2, side, side))
    for (t0, u0), (t1, u1), apart in stretches:
        axis = 0 if u0 == u1 else 1
        squares = [_square(low, high, side) for low, high in ((u0, u1), (t0, t1))]
        sums[axis, squares[0], squares[1]] += apart / (abs(t1 - t0) + abs(u1 - u0))
        counts[axis, squares[0], squares[1]] += 1
    means = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    return Sketch(means[0], means[1])


def _square(low: float, high: float, side: int) -> slice:
    first = min(int(min(low, high) * side), side - 1)
    last = min(max(math.ceil(max(low, high) * side), first + 1), side)
    return slice(first, last)
