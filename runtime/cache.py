"""Frames by request: a store with a byte budget."""

from __future__ import annotations

import threading
from bisect import bisect_left, insort
from collections import OrderedDict
from dataclasses import replace

from runtime.language.line import Axis
from runtime.request import Frame, Request

BUDGET = 1 << 30
"""Bytes kept by default: 400 frames of 512×512 take 315 MB."""


class FrameCache:
    """The most recently used frames, keyed by their exact request. Safe between threads."""

    def __init__(self, budget: int = BUDGET) -> None:
        """Keep at most ``budget`` bytes, what is charged to it included."""
        self.budget = budget
        self.bytes = 0
        """of pixels"""
        self._charged: dict[str, int] = {}
        self.hits = 0
        self.misses = 0
        self._frames: OrderedDict[Request, Frame] = OrderedDict()
        self._lines: dict[Request, dict[float, list[float]]] = {}
        self._lock = threading.Lock()

    @property
    def kept(self) -> int:
        """Bytes of pixels and of all that was charged."""
        return self.bytes + sum(self._charged.values())

    @property
    def room(self) -> int:
        """Bytes that pixels may take: the budget without what was charged."""
        return self.budget - sum(self._charged.values())

    def charge(self, owner: str, size: int) -> None:
        """Let the ``size`` bytes that ``owner`` keeps elsewhere count, and drop frames for them."""
        with self._lock:
            self._charged[owner] = size
            self._shrink(self.room)

    def __len__(self) -> int:
        """Return how many frames are kept."""
        return len(self._frames)

    def __contains__(self, request: Request) -> bool:
        """Tell whether the request's frame is kept, without counting as a use of it."""
        return request in self._frames

    def get(self, request: Request) -> Frame | None:
        """Return the request's frame and mark it as just used; None where it is not kept."""
        with self._lock:
            frame = self._frames.get(request)
            if frame is None:
                self.misses += 1
                return None
            self.hits += 1
            self._frames.move_to_end(request)
            return frame

    def peek(self, request: Request) -> Frame | None:
        """Return the request's frame without counting as a use of it."""
        with self._lock:
            return self._frames.get(request)

    def put(self, frame: Frame) -> bool:
        """Keep a frame, dropping the least recently used; False if it alone exceeds the budget."""
        size = frame.pixels.nbytes
        with self._lock:
            if size > self.room:
                return False
            if frame.request in self._frames:
                self._drop(frame.request)
            self._shrink(self.room - size)
            self._frames[frame.request] = frame
            self.bytes += size
            request = frame.request
            insort(
                self._lines.setdefault(_series(request), {}).setdefault(request.u, []), request.t
            )
            return True

    def forget(self, request: Request) -> None:
        """Drop the request's frame, if it is kept."""
        with self._lock:
            if request in self._frames:
                self._drop(request)

    def nearest(self, request: Request) -> Frame | None:
        """Return the kept frame closest in (t, u) among those that differ only in position."""
        with self._lock:
            best: tuple[float, Request] | None = None
            for u, line in self._lines.get(_series(request), {}).items():
                at = bisect_left(line, request.t)
                for t in line[max(at - 1, 0) : at + 1]:
                    distance = (t - request.t) ** 2 + (u - request.u) ** 2
                    if best is None or distance < best[0]:
                        best = distance, request.at(t, u)
            return None if best is None else self._frames[best[1]]

    def positions(self, request: Request, axis: Axis = "t") -> tuple[float, ...]:
        """Return the kept positions, ascending, of the line through the request along ``axis``."""
        with self._lock:
            lines = self._lines.get(_series(request), {})
            if axis == "t":
                return tuple(lines.get(request.u, ()))
            return tuple(sorted(u for u, line in lines.items() if request.t in line))

    def _shrink(self, size: int) -> None:
        while self._frames and self.bytes > size:
            self._drop(next(iter(self._frames)))

    def _drop(self, request: Request) -> None:
        self.bytes -= self._frames.pop(request).pixels.nbytes
        series = self._lines[_series(request)]
        line = series[request.u]
        line.pop(bisect_left(line, request.t))
        if not line:
            del series[request.u]
        if not series:
            del self._lines[_series(request)]


def _series(request: Request) -> Request:
    return replace(request, t=0.0, u=0.0)
