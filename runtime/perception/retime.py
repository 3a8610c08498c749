"""Perceptually even time: positions spaced so that every frame brings as much visible change."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from runtime.perception.distance import Descriptor, distance

Floats = NDArray[np.float64]

_COARSE = 33
_FINEST = 1 / 4


def even_positions(positions: ArrayLike, distances: ArrayLike, count: int) -> Floats:
    """Return ``count`` positions at which the cumulative distance is evenly spaced.

    ``positions`` [N] increase; ``distances`` [N-1] >= 0 lie between them. The first and last stay.
    Inverts the cumulative distance as DiffMorpher (Zhang et al. 2024) does; a film
    that never changes keeps even positions.
    """
    at = np.asarray(positions, np.float64)
    travelled = np.concatenate([[0.0], np.cumsum(np.asarray(distances, np.float64))])
    if travelled[-1] < 1e-9:
        return np.linspace(at[0], at[-1], count)
    travelled += np.linspace(0, travelled[-1] * 1e-9, len(at))  # strictly increasing
    found = np.interp(np.linspace(0, travelled[-1], count), travelled, at)
    found[0], found[-1] = at[0], at[-1]
    return found


def measure(descriptor_at: Callable[[float], Descriptor], count: int) -> tuple[Floats, Floats]:
    """Measure t in [0, 1] where it changes most; return positions [N] and distances [N-1].

    33 positions are looked at first; an interval is halved while it holds more than the share of
    one of ``count`` frames and is wider than 1/4 of a frame, so 8·``count`` looks are the most,
    a film's worth is usual, and a few are held at a time. A finest interval that still holds more
    is a jump: no spacing smooths it, so it counts as one frame's share and nothing stands still.
    """
    finest = _FINEST / max(1, count - 1)
    at = [float(t) for t in np.linspace(0.0, 1.0, max(2, min(_COARSE, count)))]

    def coarse() -> Iterator[float]:
        before = descriptor_at(at[0])
        for t in at[1:]:
            after = descriptor_at(t)
            yield distance(before, after)
            before = after

    share = sum(coarse()) / max(1, count - 1)
    positions, distances = [0.0], list[float]()

    def split(start: float, end: float, left: Descriptor, right: Descriptor) -> None:
        size = distance(left, right)
        if size > share > 0 and end - start > finest:
            middle = (start + end) / 2
            centre = descriptor_at(middle)
            split(start, middle, left, centre)
            split(middle, end, centre, right)
        else:
            positions.append(end)
            distances.append(min(size, share) if end - start <= finest else size)

    left = descriptor_at(at[0])
    for start, end in pairwise(at):
        right = descriptor_at(end)
        split(start, end, left, right)
        left = right
    return np.asarray(positions), np.asarray(distances)
