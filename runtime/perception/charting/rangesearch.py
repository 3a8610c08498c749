"""A range to be found: what is asked, which frames answer it, and the answer in words."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from runtime.errors import RequestError
from runtime.language.expression import Expression, parse
from runtime.language.line import Line
from runtime.language.openaxis import OpenAxis
from runtime.perception.charting.range import (
    REACH,
    SEEDS,
    Range,
    RangeFinder,
    SeedRange,
    common,
    figures,
    find_ranges,
)
from runtime.perception.charting.rangecache import range_key
from runtime.perception.distance import VISIBLE
from runtime.request import MAX_SEED, RenderMany, Request

_DIGITS = 100
"""Weights are written to hundredths, rounded towards 0."""
LEAST = 0.02
"""A range narrower than this is none."""


@dataclass(frozen=True, slots=True)
class RangeSearch:
    """A range to be found: an open axis, the request that it is asked of, how widely to look."""

    axis: OpenAxis
    request: Request
    """the axis at its middle; its expression runs from -reach to +reach"""
    seeds: int = SEEDS
    reach: float = REACH
    t: float | None = None
    """the one place on t to look around; every station if None"""

    def at(self, request: Request, weight: float) -> Request:
        """Return a request with the axis at ``weight`` in [-reach, reach]."""
        u = (weight + self.reach) / (2 * self.reach)
        return request.at(request.t, 1 - u if self.axis.falling else u)

    @property
    def places(self) -> dict[str, Request]:
        """The requests to look around, labelled with what stands there."""
        expression = parse(self.request.expression)
        if not expression.moves:
            return {_words(expression): self.request}
        if self.t is not None:
            stops = [self.t]
        else:
            last = max(len(morph.stations) for morph in expression.morphs) - 1
            stops = [i / last for i in range(last + 1)]
        line = Line(self.request, "t")
        return {line.label(t): self.request.at(t) for t in stops}

    def finder(self) -> RangeFinder:
        """Return the walks that answer this.

        Raises:
            RequestError: a count of seeds or a reach that makes no range.
        """
        return RangeFinder(self.places, self.at, seeds=self.seeds, reach=self.reach)

    def finders(self, together: int) -> list[RangeFinder]:
        """Return the walks in groups that need no more than ``together`` seeds at one place; their
        answers put after one another are that of ``finder``."""
        pieces = []
        for label, place in self.places.items():
            for first in range(0, self.seeds, together):
                begun = replace(place, seed=(place.seed + first) % (MAX_SEED + 1))
                count = min(together, self.seeds - first)
                pieces.append(RangeFinder({label: begun}, self.at, seeds=count, reach=self.reach))
        return pieces

    def key(self, model: Mapping[str, Any]) -> str:
        """Return the name under which the answer is kept that the ``digest``, ``engine`` and
        ``precision`` of ``model`` give.
        """
        text = self.axis.text if self.t is None else f"{self.axis.text} @ {self.t!r}"
        drawn_by = model["engine"], model["precision"]
        return range_key(model["digest"], drawn_by, text, self.request, self.seeds, self.reach)


def answer(
    search: RangeSearch, render: RenderMany, tell: Callable[[float], None]
) -> tuple[Range, ...]:
    """Find the ranges that a search asks for.

    Raises:
        RequestError: the axis changes nothing that could be seen.
    """
    found = find_ranges(search.finder(), render, tell)
    most = max(
        float(side.from_start.max())
        for one in found
        for s in one.by_seed
        for side in (s.low, s.high)
    )
    if most < VISIBLE:
        raise RequestError(
            f"{search.axis.name} changes nothing that could be seen, up to {search.reach:g} of it: "
            "try another word"
        )
    return found


def joined(ranges: Iterable[Range]) -> tuple[Range, ...]:
    """Return one range for each place, from ranges that several groups of its seeds had."""
    by_label: dict[str, tuple[SeedRange, ...]] = {}
    for found in ranges:
        by_label[found.label] = by_label.get(found.label, ()) + found.by_seed
    return tuple(Range(label, by_seed) for label, by_seed in by_label.items())


def closed(search: RangeSearch, low: float, high: float) -> str:
    """Return the expression with the range in it, in hundredths."""
    return search.axis.close(
        -math.floor(-low * _DIGITS + 1e-9) / _DIGITS, math.floor(high * _DIGITS + 1e-9) / _DIGITS
    )


def kept_with(
    search: RangeSearch, ranges: tuple[Range, ...], model: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what is kept and printed of an answer besides the interval."""
    low, high = common(ranges)
    return {
        **model,
        **asdict(search.request),
        "expression": closed(search, low, high),
        "axis": search.axis.name,
        "seeds": search.seeds,
        "reach": search.reach,
        "places": [figures(found) for found in ranges],
    }


def _words(expression: Expression) -> str:
    phrases = [
        str(morph.stations[0][0].phrase)
        if len(morph.stations[0]) == 1 and morph.stations[0][0].weight == 1
        else str(type(morph)(morph.stations))
        for morph in expression.morphs
    ]
    if expression.whole:
        return phrases[0]
    pieces = [expression.texts[0]]
    for phrase, text in zip(phrases, expression.texts[1:], strict=True):
        pieces += [phrase, text]
    return "".join(pieces)
