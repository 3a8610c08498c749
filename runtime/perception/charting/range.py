"""How far an axis can be pushed from a picture, by several seeds.

The frames come from outside, a round of them at a time: so they can be rendered in batches, on
other machines, or between two pictures of a player.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from runtime.errors import RequestError
from runtime.perception.charting.walk import BRISK, FAST, SPACING, Side, Walk, Why, walk
from runtime.perception.distance import Descriptor, Floats, describe_frame
from runtime.request import MAX_SEED, RenderMany, Request

SideName = Literal["low", "high"]

REACH = 2.0
"""How far to look on each side, in units of weight, unless told."""
SEEDS = 5
MAX_SEEDS, MAX_REACH = 64, 16.0


@dataclass(frozen=True, eq=False)
class SeedRange:
    """What one seed showed: the two sides of its axis."""

    seed: int
    low: Side
    high: Side

    @property
    def weights(self) -> Floats:
        """[N] the weights that were looked at, evenly spaced, ascending through 0."""
        return np.concatenate([self.low.weights[:0:-1], self.high.weights])

    @property
    def speeds(self) -> Floats:
        """[N-1] visible change per unit of weight."""
        return np.concatenate([self.low.speeds[::-1], self.high.speeds])

    @property
    def storms(self) -> tuple[tuple[float, float], ...]:
        """The stormy stretches (from, to), ascending, as far as was walked."""
        return tuple(sorted(stretch for side in (self.low, self.high) for stretch in _stormy(side)))


@dataclass(frozen=True, eq=False)
class Range:
    """How far an axis can be pushed from one place."""

    label: str
    """the words that stand there"""
    by_seed: tuple[SeedRange, ...]

    @property
    def low(self) -> float:
        """The weight <= 0 down to which every seed is calm."""
        return max(seed_range.low.end for seed_range in self.by_seed)

    @property
    def high(self) -> float:
        """The weight >= 0 up to which every seed is calm."""
        return min(seed_range.high.end for seed_range in self.by_seed)

    def ends(self, side: SideName) -> Floats:
        """Return the seeds' own ends of a side, ascending."""
        return np.sort([found.end for found in self._sides(side)])

    def why(self, side: SideName) -> Why:
        """Return what ends a side for the seed that is first to end."""
        return min(self._sides(side), key=lambda found: abs(found.end)).why

    @property
    def storms(self) -> tuple[tuple[float, float], ...]:
        """Where a seed or more storms, ascending, as far as was walked."""
        merged: list[tuple[float, float]] = []
        for low, high in sorted(stretch for one in self.by_seed for stretch in one.storms):
            if merged and low <= merged[-1][1]:
                merged[-1] = merged[-1][0], max(high, merged[-1][1])
            else:
                merged.append((low, high))
        return tuple(merged)

    def _sides(self, side: SideName) -> list[Side]:
        return [one.low if side == "low" else one.high for one in self.by_seed]


def common(ranges: tuple[Range, ...]) -> tuple[float, float]:
    """Return the interval (low, high) that is calm around every place."""
    return max(found.low for found in ranges), min(found.high for found in ranges)


class RangeFinder:
    """The walks of a range. While ``wanted`` is not empty, ``take`` its frames; then ``found``."""

    def __init__(
        self,
        places: Mapping[str, Request],
        at: Callable[[Request, float], Request],
        *,
        seeds: int = SEEDS,
        reach: float = REACH,
    ) -> None:
        """Look around each of ``places``, labelled requests, along one axis.

        ``at(request, weight)`` gives the request with the axis at ``weight`` in [-reach, reach].
        ``seeds`` are counted from the request's own, after the last of all from 0.

        Raises:
            RequestError: a count of seeds or a reach that makes no range.
        """
        if not 1 <= seeds <= MAX_SEEDS:
            raise RequestError(f"{seeds} seeds make no range: use 1 to {MAX_SEEDS}")
        if not 0.25 <= reach <= MAX_REACH:
            raise RequestError(f"a reach of {reach:g} is not between 0.25 and {MAX_REACH:g}")
        self.reach = reach
        self._at = at
        self._walkers = {
            (label, seed, sign): _Walker(replace(request, seed=seed), walk(sign, reach))
            for label, request in places.items()
            for seed in ((request.seed + number) % (MAX_SEED + 1) for number in range(seeds))
            for sign in (-1, 1)
        }

    @property
    def wanted(self) -> tuple[Request, ...]:
        """The frames of this round, each once, those of one seed together."""
        return tuple(
            dict.fromkeys(
                self._at(walker.request, walker.weight)
                for walker in self._walkers.values()
                if walker.weight is not None
            )
        )

    @property
    def share(self) -> float:
        """How much is done, roughly, 0 to 1."""
        done = [
            1.0 if walker.side is not None else min(0.95, walker.furthest / self.reach)
            for walker in self._walkers.values()
        ]
        return float(np.mean(done))

    def take(self, descriptors: Mapping[Request, Descriptor]) -> None:
        """Take the descriptors of all that is ``wanted``."""
        for walker in self._walkers.values():
            if walker.weight is not None:
                walker.take(descriptors[self._at(walker.request, walker.weight)])

    @property
    def found(self) -> tuple[Range, ...]:
        """The range around each place, once nothing is wanted any more."""
        sides = {key: walker.side for key, walker in self._walkers.items()}
        by_label: dict[str, list[SeedRange]] = {}
        for label, seed in dict.fromkeys((label, seed) for label, seed, _ in sides):
            low, high = sides[label, seed, -1], sides[label, seed, 1]
            if low is None or high is None:
                raise ValueError("not all frames were taken yet")
            by_label.setdefault(label, []).append(SeedRange(seed, low, high))
        return tuple(Range(label, tuple(by_seed)) for label, by_seed in by_label.items())


def find_ranges(
    finder: RangeFinder, render: RenderMany, tell: Callable[[float], None] = lambda share: None
) -> tuple[Range, ...]:
    """Render what a finder wants until it has found; ``tell`` hears the share that is done."""
    told = 0.0
    while wanted := finder.wanted:
        descriptors: dict[Request, Descriptor] = {}
        for request, frame in zip(wanted, render(wanted), strict=True):
            descriptors[request] = describe_frame(frame.pixels)
            coming = finder.share + SPACING / finder.reach * len(descriptors) / len(wanted)
            told = max(told, min(coming, 0.99))
            tell(told)
        finder.take(descriptors)
    tell(1.0)
    return finder.found


def figures(found: Range) -> dict[str, Any]:
    """Return a range as plain numbers, for JSON."""
    return {
        "label": found.label,
        "low": found.low,
        "high": found.high,
        "low_median": float(np.median(found.ends("low"))),
        "high_median": float(np.median(found.ends("high"))),
        "low_why": found.why("low"),
        "high_why": found.why("high"),
        "storms": [list(stretch) for stretch in found.storms],
        "seeds": [
            {
                "seed": seed_range.seed,
                "low": seed_range.low.end,
                "low_why": seed_range.low.why,
                "high": seed_range.high.end,
                "high_why": seed_range.high.why,
                "storms": [list(stretch) for stretch in seed_range.storms],
                "weights": seed_range.weights.tolist(),
                "speeds": seed_range.speeds.tolist(),
                "from_start": np.concatenate(
                    [seed_range.low.from_start[:0:-1], seed_range.high.from_start]
                ).tolist(),
                "filled": np.concatenate(
                    [seed_range.low.filled[:0:-1], seed_range.high.filled]
                ).tolist(),
            }
            for seed_range in found.by_seed
        ],
    }


class _Walker:
    """A walk, the weight it asks for, and the side once it has returned."""

    def __init__(self, request: Request, frames: Walk) -> None:
        self.request = request
        self.side: Side | None = None
        self.furthest = 0.0
        self._walk = frames
        self.weight: float | None = next(frames)

    def take(self, descriptor: Descriptor) -> None:
        try:
            self.weight = self._walk.send(descriptor)
            self.furthest = max(self.furthest, abs(self.weight))
        except StopIteration as stop:
            self.weight, self.side = None, stop.value


def _stormy(side: Side) -> list[tuple[float, float]]:
    """Return the brisk runs with a fast interval among them; the first from the calm's end."""
    edges, sign = np.abs(side.weights), float(np.sign(side.weights[-1]))
    brisk = np.concatenate([[False], side.speeds > BRISK, [False]])
    turns = np.flatnonzero(brisk[1:] != brisk[:-1])
    found: list[tuple[float, float]] = []
    for first, last in zip(turns[::2], turns[1::2], strict=True):
        begin, until = max(float(edges[first]), abs(side.end)), float(edges[last])
        if side.why == "storm" and not found:
            begin = abs(side.end)
        if side.speeds[first:last].max() > FAST and begin < until:
            found.append((min(sign * begin, sign * until), max(sign * begin, sign * until)))
    return found
