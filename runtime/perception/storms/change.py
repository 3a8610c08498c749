"""How much a film changes from each frame to the next, without the noise of its frames.

Two frames a little apart differ by what moved and by rounding, which is another for each frame and
does not shrink as they come nearer: in bf16 two frames 1/400 apart differ mostly by rounding. So
change is measured between posts that stand ``1/POSTS`` of the film apart, where it is far above the
noise, and what lies between two posts only shares it out: evenly, unless some interval there rises
far above both the noise and the others, as at a jump. The answer hardly depends on how densely
frames are known, and every reader of speeds (strip, chart, perceptual time, retiming) takes it from
here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from runtime.perception.distance import VISIBLE, Floats

POSTS = 50
"""Posts along a whole film: 1/50 is the finest in which a calm film of bf16 frames still changes
by several times their noise, and fine enough to place a storm."""
LOUD = 3.0
"""A distance counts for itself from this many times the noise on."""
STEEP = 1.5
"""Intervals between two posts are told apart where one is this many times as fast as their mean."""
_AWAY = 2.0
"""A stretch whose intervals above the noise add up to this many times its two ends' distance has
left and come back: a flicker."""


@dataclass(frozen=True, eq=False)
class Change:
    """The change from each frame of a film to the next, and the noise that was taken out."""

    distances: Floats
    """[N-1], in the unit of ``distance``, summing to the film's path"""
    noise: float
    """what the distance of two neighbouring frames holds of noise; 0 where that is not known"""


def posts_of(positions: ArrayLike) -> tuple[int, ...]:
    """Return the indices of the frames to measure between, of ``positions`` [N] that increase.

    Both ends, and for each of the ``POSTS`` places between them the nearest frame that is nearer to
    it than to another place; where there is none, the stretch is longer.
    """
    at = np.asarray(positions, np.float64)
    scaled = (at - at[0]) / (at[-1] - at[0]) * POSTS
    places = np.floor(scaled + 0.5).astype(int)
    off = np.abs(scaled - places)
    first = np.lexsort((np.arange(len(at)), off, places))
    keep = first[np.concatenate([[True], np.diff(places[first]) > 0])]
    return tuple(sorted({0, len(at) - 1, *keep.tolist()}))


def change_of(
    positions: ArrayLike,
    distances: ArrayLike,
    posts: Sequence[int],
    spans: ArrayLike,
    noise: float | None = None,
) -> Change:
    """Share the distances between posts out over the intervals between them.

    ``positions`` [N] increase; ``distances`` [N-1] are those of neighbouring frames; ``posts`` [P]
    are indices from 0 to N-1 in order and ``spans`` [P-1] the distances between them; either may be
    NaN where it is not known, and where both are the change is NaN. ``noise`` is measured here
    unless it is given.

    Raises:
        ValueError: arrays that do not belong together.
    """
    at = np.asarray(positions, np.float64)
    near = np.asarray(distances, np.float64)
    far = np.asarray(spans, np.float64)
    ends = np.asarray(posts, np.intp)
    if len(near) != len(at) - 1 or len(far) != len(ends) - 1:
        raise ValueError(
            f"{len(at)} frames, {len(near)} distances, {len(ends)} posts, {len(far)} spans"
        )
    length = np.diff(at)
    if noise is None:
        noise = _noise(length, near, ends, far)
    alone = np.sqrt(np.maximum(0.0, near**2 - noise**2))
    above = np.nan_to_num(np.sqrt(np.maximum(0.0, near**2 - (LOUD * noise) ** 2)))
    stretch = np.repeat(np.arange(len(far)), np.diff(ends))
    share = length / np.add.reduceat(length, ends[:-1])[stretch]
    told = np.add.reduceat(above, ends[:-1])
    total = np.sqrt(np.maximum(0.0, far**2 - noise**2))
    total = np.where(told > np.maximum(_AWAY * total, total + VISIBLE), told, total)
    uneven = np.logical_or.reduceat(above > STEEP * total[stretch] * share, ends[:-1])
    kept = np.where(uneven, np.minimum(1.0, total / np.maximum(told, 1e-300)), 0.0)
    shared = above * kept[stretch] + (total - told * kept)[stretch] * share
    return Change(np.where(np.isnan(far)[stretch], alone, shared), noise)


def _noise(length: Floats, near: Floats, ends: NDArray[np.intp], far: Floats) -> float:
    """Return what a distance holds of noise: the median over the finest stretches.

    n of noise and s of change make d² = n² + s². Intervals that are shares l of a stretch between
    two posts D apart then hold Σd² = m·n² + S²·Σl² where D² = n² + S². Few, long intervals would
    take the bends of the way for noise.
    """
    counts = np.diff(ends)
    whole = np.add.reduceat(length, ends[:-1])
    squares = np.add.reduceat(near**2, ends[:-1])
    shares = np.add.reduceat(length**2, ends[:-1]) / whole**2
    fine = (counts > 1) & (2 * counts >= counts.max()) & ~np.isnan(far) & ~np.isnan(squares)
    if not fine.any():
        return 0.0
    held = (squares[fine] - far[fine] ** 2 * shares[fine]) / (counts[fine] - shares[fine])
    return float(np.sqrt(max(0.0, np.median(held))))
