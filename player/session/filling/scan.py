"""What idle filling has learned of one line of the morph: how different its neighbours look."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from player.session.filling.memory import Descriptors
from player.session.motion.playhead import Warp
from runtime.language.line import DIVISIONS, Line
from runtime.perception.distance import distance
from runtime.perception.storms.change import change_of, posts_of
from runtime.perception.storms.storms import grades, thresholds
from runtime.request import Request


@dataclass(frozen=True, eq=False)
class Speeds:
    """How fast the picture changes along ``line``, which stands at its start.

    ``values`` [DIVISIONS] is the change per unit of length in each division, as
    ``runtime.perception.storms.change`` takes it from the known frames, NaN where none are.
    ``known`` counts the divisions whose both ends are known.
    """

    line: Line
    values: NDArray[np.float64]
    known: int

    @property
    def complete(self) -> bool:
        """Whether every division was measured."""
        return self.known == len(self.values)

    def curve(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return how tall and how stormy each division is drawn, both 0 to 1; NaN as ``values``."""
        known = self.values[~np.isnan(self.values)]
        top = max(float(known.max(initial=0.0)), 1.2 * thresholds(known)[1])
        return (self.values / top) ** 0.7, grades(self.values)

    def warp(self) -> Warp:
        """Return perceptual time; only sensible once complete."""
        return Warp.of_distances(self.values / len(self.values))


class Scan:
    """The distances between neighbouring known frames of one line, kept as frames arrive."""

    def __init__(self, line: Line, descriptors: Descriptors) -> None:
        """Compare neighbours by their ``descriptors``."""
        self.line = line
        self.differences: dict[tuple[int, int], float] = {}
        """of neighbouring known frames, noise included"""
        self._spans: dict[tuple[int, int], float] = {}
        self._order: list[int] = []
        self._descriptors = descriptors

    def add(self, index: int) -> bool:
        """Take note of the cached frame at index/DIVISIONS; False if that tells nothing new."""
        place = bisect_left(self._order, index)
        news = self._order[place : place + 1] != [index]
        if news:
            insort(self._order, index)
        before = self._order[place - 1] if place else None
        after = self._order[place + 1] if place + 1 < len(self._order) else None
        if before is not None and after is not None:
            self.differences.pop((before, after), None)
        for low, high in ((before, index), (index, after)):
            if low is not None and high is not None and (low, high) not in self.differences:
                news |= self._measure(self.differences, low, high)
        self._span()
        return news

    def speeds(self) -> Speeds:
        """Return a snapshot that later additions do not change."""
        values = np.full(DIVISIONS, np.nan)
        order = self._order
        if len(order) > 1:
            posts = posts_of(order)
            near = [self.differences.get(pair, np.nan) for pair in pairwise(order)]
            spans = [self._spans.get(pair, np.nan) for pair in _pairs(order, posts)]
            at = np.asarray(order) / DIVISIONS
            rates = change_of(at, near, posts, spans).distances / np.diff(at)
            for (low, high), rate in zip(pairwise(order), rates, strict=True):
                values[low:high] = rate
        known = sum(high - low == 1 for low, high in self.differences)
        return Speeds(self.line, values, known)

    def _span(self) -> None:
        """Measure between posts where the known frames have made new ones."""
        if len(self._order) < 2:
            return
        pairs = _pairs(self._order, posts_of(self._order))
        self._spans = {pair: self._spans[pair] for pair in pairs if pair in self._spans}
        for pair in pairs:
            if pair in self.differences:
                self._spans[pair] = self.differences[pair]
            elif pair not in self._spans:
                self._measure(self._spans, *pair)

    def _measure(self, into: dict[tuple[int, int], float], low: int, high: int) -> bool:
        """Compare two frames; False if one is no longer at hand, or they cannot be compared."""
        ends = self._request(low), self._request(high)
        if not all(map(self._descriptors.at_hand, ends)):
            return False
        first, second = map(self._descriptors.of, ends)
        if first is None or second is None or first.size != second.size:
            return False  # a renderer gone wrong drew another size: nothing to compare
        into[low, high] = distance(first, second)
        return True

    def _request(self, index: int) -> Request:
        return self.line.at(index / DIVISIONS)


def _pairs(order: list[int], posts: tuple[int, ...]) -> list[tuple[int, int]]:
    return list(pairwise(order[post] for post in posts))


def division(place: float) -> int | None:
    """Return the index of the division at a place, or None between divisions."""
    index = round(place * DIVISIONS)
    return index if index / DIVISIONS == place else None


def spans(places: Iterable[float], apart: float) -> list[tuple[float, float]]:
    """Join places, ascending, that are no more than ``apart`` from each other into (start, end)."""
    joined: list[tuple[float, float]] = []
    for place in places:
        if joined and place - joined[-1][1] <= apart:
            joined[-1] = joined[-1][0], place
        else:
            joined.append((place, place))
    return joined
