"""The map on the pad: what the frames that are at hand anyway tell of the plane."""

from __future__ import annotations

from dataclasses import replace

from player.session.filling.fillorder import COARSE
from player.session.filling.memory import Descriptors
from player.session.filling.scan import division
from runtime.cache import FrameCache
from runtime.language.line import DIVISIONS
from runtime.perception.charting.map import Point
from runtime.perception.charting.sketch import Sketch, sketch
from runtime.perception.distance import distance
from runtime.perception.storms.change import POSTS
from runtime.request import Request

SIDE = 16
"""Squares along each side of the pad."""
FARTHEST = 1 / 8
"""Frames farther apart than this tell little of what lies between them."""
NEAREST = 1 / POSTS - 1e-9
"""Frames nearer to each other differ by their rounding more than by what changed."""
_COLUMNS = frozenset(round(DIVISIONS * k / COARSE) for k in range(COARSE + 1))


class PadMap:
    """Distances between cached neighbours of one plane, measured as frames arrive.

    Only frames in the columns that idle time fills first are looked at, so that a line of 400
    costs 33 of them.
    """

    def __init__(self, request: Request, cache: FrameCache, descriptors: Descriptors) -> None:
        """Watch the plane of ``request``; frames are in ``cache``, and described there."""
        self.plane = plane_of(request)
        self._cache = cache
        self._descriptors = descriptors
        self._noted: set[Point] = set()
        self._stretches: dict[tuple[Point, Point], float] = {}

    @property
    def is_empty(self) -> bool:
        """Whether nothing is known of the plane."""
        return not self._stretches

    def add(self, request: Request) -> bool:
        """Take note of a cached frame; False if that tells nothing new."""
        place = request.t, request.u
        if not is_column(request.t) or place in self._noted or plane_of(request) != self.plane:
            return False
        self._noted.add(place)
        row = self._cache.positions(request, "t")
        columns = [t for t in row if is_column(t)]
        news = False
        for places, here, along_t in (
            (columns, request.t, True),
            (self._cache.positions(request, "u"), request.u, False),
        ):
            below = max((p for p in places if p <= here - NEAREST), default=None)
            above = min((p for p in places if p >= here + NEAREST), default=None)
            for other in (below, above):
                if other is None or abs(other - here) > FARTHEST:
                    continue
                there = request.at(other) if along_t else request.at(request.t, other)
                news |= self._measure(request, there)
        return news

    def sketch(self) -> Sketch:
        """Return the plane as far as it is known; later additions do not change it."""
        return sketch(((a, b, apart) for (a, b), apart in self._stretches.items()), SIDE)

    def _measure(self, a: Request, b: Request) -> bool:
        ends = sorted([(a.t, a.u), (b.t, b.u)])
        key = ends[0], ends[1]
        if key in self._stretches:
            return False
        first, second = self._descriptors.of(a), self._descriptors.of(b)
        if first is None or second is None or first.size != second.size:
            return False
        self._stretches[key] = distance(first, second)
        return True


def is_column(t: float) -> bool:
    """Tell whether frames at ``t`` are looked at."""
    return division(t) in _COLUMNS


def plane_of(request: Request) -> Request:
    """Return what all requests of one plane have in common: the request at its corner."""
    return replace(request, t=0.0, u=0.0)
