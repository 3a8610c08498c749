"""The range of the axis being played: its pictures are rendered between the live ones."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from dataclasses import replace
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray

from player.session.filling.memory import SHARE
from runtime.cache import FrameCache
from runtime.errors import RequestError
from runtime.language.expression import parse
from runtime.language.openaxis import OpenAxis, open_axis, reopened
from runtime.perception.charting.range import MAX_SEEDS, REACH, Range, common
from runtime.perception.charting.rangecache import keep_range, load_range
from runtime.perception.charting.rangesearch import LEAST, RangeSearch, closed, joined, kept_with
from runtime.perception.distance import Descriptor, describe_frame
from runtime.request import Request

_TOLD = {"digest", "engine", "precision"}
"""without these nobody knows what a range was found with"""

SEEDS_HERE = 3
EACH_TURN = 2
"""Frames described in one turn of the window's loop, some milliseconds each."""
OWNER = "range"
"""what the descriptors are charged as"""
LEAST_FRAMES = 4
SEED_FRAMES = 85
"""Frames that take as many bytes as a seed's descriptors, eight on each side of the axis."""


def search_here(request: Request) -> RangeSearch:
    """Return what W asks: how far the second axis of ``request`` can be pushed at its place on t.

    Raises:
        ExpressionError: no such axis, or its ends are different things.
    """
    axis = open_axis(reopened(request.expression))
    assert axis is not None
    moves = parse(request.expression).moves
    return replace(search_typed(axis, request), seeds=SEEDS_HERE, t=request.t if moves else None)


def search_typed(axis: OpenAxis, request: Request) -> RangeSearch:
    """Return what an expression with ``?`` asks, with the settings of ``request``: what any command
    would ask.
    """
    return RangeSearch(axis, replace(request, expression=axis.close(-REACH, REACH), u=0.5))


def seeds_together(cache: FrameCache) -> int:
    """Return how many seeds can be walked at a time within ``SHARE`` of a cache's budget; one at
    least, and where the cache does not show yet how large a frame is."""
    frame = cache.bytes / max(len(cache), 1)
    return max(1, int(SHARE * cache.budget / (SEED_FRAMES * frame))) if frame else 1


class RangeShot:
    """A range in the making. ``requests`` are the frames it needs next: they change as it goes on,
    so whoever renders them looks again after each ``advance``.
    """

    def __init__(
        self, request: Request, search: RangeSearch | None = None, together: int = MAX_SEEDS
    ) -> None:
        """Find what ``search`` asks while ``request`` is played; ``search_here`` if left out.

        ``together`` seeds are walked at a time, see ``seeds_together``.

        Raises:
            ExpressionError: see ``search_here``.
        """
        self.request = request
        self.search = search_here(request) if search is None else search
        self.is_typed = search is not None
        """whether the expression is to be played once it is found"""
        self.interval: tuple[float, float] | None = None
        """weights (low, high), once found"""
        self._finders = self.search.finders(together)
        self._descriptors: dict[Request, Descriptor] = {}
        self._held: list[weakref.ref[NDArray[np.float32]]] = []
        """the descriptors that were made; the walks let go of them one by one"""
        self._looked_up = False

    def look_up(self, settings: Mapping[str, Any]) -> None:
        """Take what was found before, if it was, with the model and engine of ``settings``."""
        if self._looked_up or not settings.keys() >= _TOLD:
            return
        self._looked_up = True
        self.interval = load_range(self.search.key(settings))

    def keep(self, settings: Mapping[str, Any]) -> None:
        """Keep what was found for the next time.

        Raises:
            ValueError: nothing is found yet.
        """
        if settings.keys() >= _TOLD and not self.requests:
            found = self._found
            kept = kept_with(self.search, found, settings)
            keep_range(self.search.key(settings), *common(found), kept)

    @property
    def requests(self) -> tuple[Request, ...]:
        """The frames needed now."""
        return next((one.wanted for one in self._finders if one.wanted), ())

    @property
    def _found(self) -> tuple[Range, ...]:
        return joined(found for one in self._finders for found in one.found)

    @property
    def progress(self) -> str:
        """How far it is."""
        share = fmean(one.share for one in self._finders)
        return f"range of {self.search.axis.name}: {100 * share:.0f} %"

    @property
    def expression(self) -> str:
        """The expression with the range in it.

        Raises:
            ValueError: not found yet.
        """
        if self.interval is None:
            raise ValueError("the range is not found yet")
        return closed(self.search, *self.interval)

    @property
    def is_calm(self) -> bool:
        """Whether there is a range worth the name."""
        return self.interval is not None and self.interval[1] - self.interval[0] >= LEAST

    @property
    def verdict(self) -> str:
        """What was found, in a line.

        Raises:
            ValueError: not found yet.
        """
        if self.interval is None:
            raise ValueError("the range is not found yet")
        low, high = self.interval
        name = self.search.axis.name
        if not self.is_calm:
            return f"{name} has no calm range here"
        return f"{name} is calm from {low:.2f} to {high:+.2f}"

    def advance(self, cache: FrameCache) -> bool:
        """Take a few of the frames that were rendered; True once the range is found.

        What is remembered of them counts in the cache's budget.

        Raises:
            RequestError: the budget holds too little.
        """
        if self.interval is not None:
            return True
        wanted = self.requests
        fresh = 0
        for request in wanted:
            if request in self._descriptors:
                continue
            frame = cache.peek(request)
            if frame is None or fresh == EACH_TURN:
                return False
            descriptor = self._descriptors[request] = describe_frame(frame.pixels)
            self._held.append(weakref.ref(descriptor.point))
            self._charge(cache, frame.pixels.nbytes)
            fresh += 1
        if wanted:
            next(one for one in self._finders if one.wanted).take(self._descriptors)
            self._descriptors.clear()
        if self.requests:
            return False
        self.interval = common(self._found)
        return True

    def _charge(self, cache: FrameCache, frame: int) -> None:
        """Count what is remembered; a few frames of so many bytes must have room beside it."""
        alive = [(ref, point.nbytes) for ref in self._held if (point := ref()) is not None]
        self._held = [ref for ref, _ in alive]
        cache.charge(OWNER, sum(size for _, size in alive))
        if cache.room < LEAST_FRAMES * frame:
            raise RequestError(
                f"the pictures that the range of {self.search.axis.name} compares do not fit into "
                f"{cache.budget / 2**20:.0f} MB: give more with --cache"
            )
