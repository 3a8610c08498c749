"""The map on the pad: what the frames that are at hand anyway tell of the plane."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace

from player.session.drawing.fillorder import COARSE
from player.session.drawing.scan import division
from player.session.motion.playhead import DIVISIONS
from runtime.cache import FrameCache
from runtime.perception.distance import Descriptor, describe_frame, distance
from runtime.perception.map import Point, Sketch, sketch
from runtime.request import Frame, Request

SIDE = 16
"""Squares along each side of the pad."""
FARTHEST = 1 / 8
"""Frames farther apart than this tell little of what lies between them."""
_KEPT = 64
_COLUMNS = frozenset(round(DIVISIONS * k / COARSE) for k in range(COARSE + 1))


class Soundings:
    """Distances between cached neighbours of one plane, measured as frames arrive.

    Only frames in the columns that idle time fills first are looked at, so that a line of 400
    costs 33 looks.
    """

    def __init__(self, request: Request, cache: FrameCache) -> None:
        """Watch the plane of ``request``; pixels come from ``cache``."""
        self.plane = plane_of(request)
        self._cache = cache
        self._stretches: dict[tuple[Point, Point], float] = {}
        self._looks: OrderedDict[Request, Descriptor] = OrderedDict()

    def add(self, request: Request) -> bool:
        """Take note of a cached frame; False if that tells nothing new."""
        index = division(request.t)
        if plane_of(request) != self.plane or index not in _COLUMNS:
            return False
        row = self._cache.positions(request, "t")
        columns = [t for t in row if division(t) in _COLUMNS]
        news = False
        for places, here, along_t in (
            (columns, request.t, True),
            (self._cache.positions(request, "u"), request.u, False),
        ):
            below = max((p for p in places if p < here), default=None)
            above = min((p for p in places if p > here), default=None)
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
        first, second = self._look(a), self._look(b)
        if first is None or second is None:
            return False
        self._stretches[key] = distance(first, second)
        return True

    def _look(self, request: Request) -> Descriptor | None:
        known = self._looks.get(request)
        if known is None:
            frame: Frame | None = self._cache.peek(request)
            if frame is None:
                return None
            known = self._looks[request] = describe_frame(frame.pixels)
            if len(self._looks) > _KEPT:
                self._looks.popitem(last=False)
        else:
            self._looks.move_to_end(request)
        return known


def plane_of(request: Request) -> Request:
    """Return what all requests of one plane have in common: the request at its corner."""
    return replace(request, t=0.0, u=0.0)
