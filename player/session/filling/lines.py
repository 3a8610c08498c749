"""What cached pictures tell of the lines they lie on: how fast each changes, and of the plane."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from player.session.filling.memory import Descriptors
from player.session.filling.padmap import PadMap, is_column, plane_of
from player.session.filling.scan import Scan, Speeds, division
from runtime.cache import FrameCache
from runtime.errors import RequestError
from runtime.language.line import DIVISIONS, Line
from runtime.perception.charting.sketch import Sketch
from runtime.request import Request

LINES_KEPT = 16


class Lines:
    """Measures pictures of ``cache``. ``speeds`` and ``sketch`` are replaced whole, never changed
    in place, so that other threads may read them.
    """

    def __init__(self, cache: FrameCache) -> None:
        """Know nothing yet."""
        self.speeds: Speeds | None = None
        """of the line that was measured last"""
        self.sketch: Sketch | None = None
        """of the plane of the last request, as far as cached frames tell it"""
        self._cache = cache
        self._descriptors = Descriptors(cache)
        self._scans: OrderedDict[Line, Scan] = OrderedDict()
        self._padmaps: OrderedDict[Request, PadMap] = OrderedDict()
        """of planes, the one of the last request at the end"""

    def learn(self, request: Request) -> None:
        """Measure a cached picture."""
        line = line_of(request)
        if line is None:
            return
        self._sound(request)
        scan = self.scan(line)
        index = division(line.place)
        added = index is not None and scan.add(index)
        if added or self.speeds is None or self.speeds.line != scan.line:
            self.speeds = scan.speeds()

    def catch_up(self, line: Line, cached: Iterable[int]) -> bool:
        """Measure one cached division of a line that was rendered for another visit; False if all
        are measured.
        """
        scan = self.scan(line)
        for index in sorted(cached):
            added = scan.add(index)
            if added:
                self.speeds = scan.speeds()
            place = index / DIVISIONS
            sounded = (line.axis == "u" or is_column(place)) and self._sound(line.at(place))
            if added or sounded:
                return True
        return False

    def scan(self, line: Line) -> Scan:
        """Return what is known of a line."""
        line = line.start
        scan = self._scans.get(line)
        if scan is None:
            scan = self._scans[line] = Scan(line, self._descriptors)
            if len(self._scans) > LINES_KEPT:
                self._scans.popitem(last=False)
        self._scans.move_to_end(line)
        return scan

    def _sound(self, request: Request) -> bool:
        """Note a cached picture of a plane; False if that tells nothing new of it."""
        plane = plane_of(request)
        same = next(reversed(self._padmaps), None) == plane
        known = self._padmaps.setdefault(plane, PadMap(request, self._cache, self._descriptors))
        self._padmaps.move_to_end(plane)
        if len(self._padmaps) > LINES_KEPT:
            self._padmaps.popitem(last=False)
        news = known.add(request)
        if news or not same:
            self.sketch = None if known.is_empty else known.sketch()
        return news


def line_of(request: Request) -> Line | None:
    """Return the line that a request lies on, None where nothing moves."""
    try:
        return Line.through(request)
    except RequestError:
        return None
