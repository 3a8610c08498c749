"""Perceptually even time: positions spaced so that every frame brings as much visible change."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from runtime.perception.distance import VISIBLE, Descriptor, Floats, distance
from runtime.perception.storms.change import POSTS, change_of

_FINEST = 1 / 4
_NEXT = 1 / 4096
"""Frames this far apart in t differ by their noise alone."""
_PROBES = 5


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
    """Measure t in [0, 1] where it changes most.

    Returns positions [N] and the change between them [N-1]. The posts of
    ``runtime.perception.storms.change`` are looked at first, and pairs of frames next to each other
    for their noise; an interval is halved while it holds more than the share of one of ``count``
    frames, noise apart, and is wider than 1/4 of a frame, so 8·``count`` frames and those posts are
    the most, a film's worth is usual, and a few are held at a time. A finest interval that still
    holds more is a jump: no spacing smooths it, so it counts as one frame's share and nothing
    stands still.
    """
    finest = _FINEST / max(1, count - 1)
    at = [float(t) for t in np.linspace(0.0, 1.0, max(2, min(POSTS + 1, count)))]
    noise = _noise(descriptor_at)

    spans = [distance(before, after) for before, after in pairwise(map(descriptor_at, at))]
    share = sum(_without(span, noise) for span in spans) / max(1, count - 1)
    positions, distances, posts = [0.0], list[float](), [0]

    def split(start: float, end: float, left: Descriptor, right: Descriptor) -> None:
        size = distance(left, right)
        if _without(size, noise) > share > 0 and end - start > finest:
            middle = (start + end) / 2
            centre = descriptor_at(middle)
            split(start, middle, left, centre)
            split(middle, end, centre, right)
        else:
            positions.append(end)
            distances.append(size)

    for (start, left), (end, right) in pairwise((t, descriptor_at(t)) for t in at):
        split(start, end, left, right)
        posts.append(len(positions) - 1)
    change = change_of(positions, distances, posts, spans, noise).distances
    narrow = np.diff(positions) <= finest
    return np.asarray(positions), np.where(narrow, np.minimum(change, share), change)


def _noise(descriptor_at: Callable[[float], Descriptor]) -> float:
    """Return what two frames differ by that show the same, the median of a few pairs.

    In a film that jumps everywhere each pair is a jump, and nothing is noise.
    """
    places = (np.arange(_PROBES) + 0.5) / _PROBES
    pairs = [distance(descriptor_at(t), descriptor_at(t + _NEXT)) for t in places.tolist()]
    noise = float(np.median(pairs))
    return noise if noise < VISIBLE else 0.0


def _without(size: float, noise: float) -> float:
    return math.sqrt(max(0.0, size**2 - noise**2))
