"""A film as the distances of its frames: what every rule of storms is read from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from runtime.perception.distance import Descriptor, Floats, distance
from runtime.perception.storms.change import Change, change_of, posts_of

FOLLOWERS = 4
"""Frames are compared with this many after them, to see flickers of up to 3 frames."""


@dataclass(frozen=True, slots=True)
class Survey:
    """Distances along a film: ``reach[k-1][i]`` = d(frame i, frame i+k) for k = 1 … FOLLOWERS."""

    positions: Floats
    """[N], increasing"""
    reach: tuple[Floats, ...]
    posts: tuple[int, ...]
    """the frames between which change is measured: ``runtime.perception.storms.change.posts_of``"""
    spans: Floats
    """[P-1] distances between them"""

    @property
    def distances(self) -> Floats:
        """[N-1] distances of neighbouring frames, their noise included."""
        return self.reach[0]

    @property
    def change(self) -> Change:
        """The distances with the noise taken out."""
        return change_of(self.positions, self.distances, self.posts, self.spans)

    @property
    def speed(self) -> Floats:
        """[N-1] change per unit of t, without noise."""
        speed: Floats = self.change.distances / np.diff(self.positions)
        return speed

    @property
    def noise(self) -> float:
        """What an interval holds at most of noise that differs from frame to frame.

        Noise n and change s add as d(1)² = n² + s² over one frame and d(2)² = n² + (2s)² over two,
        so n² = (4·d(1)² - d(2)²) / 3; the median over the film. Where frames stand far apart the
        bends of the way between them count as noise too.
        """
        if len(self.reach[1]) == 0:
            return 0.0
        one = (self.distances[:-1] ** 2 + self.distances[1:] ** 2) / 2
        return float(np.sqrt(max(0.0, np.median(4 * one - self.reach[1] ** 2) / 3)))


def survey(positions: Sequence[float] | Floats, descriptors: Iterable[Descriptor]) -> Survey:
    """Measure a film from its frames' descriptors, in order; keeps FOLLOWERS of them at a time.

    Raises:
        ValueError: fewer descriptors than positions, or fewer than two; positions not increasing.
    """
    at = np.asarray(positions, np.float64)
    if len(at) < 2 or not np.all(np.diff(at) > 0):
        raise ValueError("a film needs two or more frames at increasing positions")
    posts = posts_of(at)
    standing = set(posts)
    reach: list[list[float]] = [[] for _ in range(FOLLOWERS)]
    spans: list[float] = []
    recent: list[Descriptor] = []
    post: Descriptor | None = None
    count = 0
    for now in descriptors:
        if count in standing:
            if post is not None:
                spans.append(distance(post, now))
            post = now
        for back, earlier in enumerate(reversed(recent)):
            reach[back].append(distance(earlier, now))
        recent = [*recent[-(FOLLOWERS - 1) :], now]
        count += 1
    if count != len(at):
        raise ValueError(f"{count} frames for {len(at)} positions")
    rows = tuple(np.asarray(row, np.float64) for row in reach)
    return Survey(at, rows, posts, np.asarray(spans))
