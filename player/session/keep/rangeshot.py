"""The range of the axis being played: its pictures are rendered between the live ones."""

from __future__ import annotations

from player.session.keep.quest import LEAST, Quest, closed
from runtime.cache import FrameCache
from runtime.language.expression import parse
from runtime.language.openaxis import open_axis, reopened
from runtime.perception.distance import Descriptor, describe_frame
from runtime.perception.range import REACH, common
from runtime.request import Request

SEEDS = 3
EACH_TURN = 2
"""Frames described in one turn of the window's loop, some milliseconds each."""


class RangeShot:
    """A range in the making. ``requests`` are the frames it needs next: they change as it goes on,
    so whoever renders them looks again after each ``advance``.
    """

    def __init__(self, request: Request, seeds: int = SEEDS) -> None:
        """Look along the second axis of ``request``, around its own place on t.

        Raises:
            ExpressionError: no such axis, or its ends are different things.
        """
        axis = open_axis(reopened(request.expression))
        assert axis is not None
        wide = Request(
            axis.close(-REACH, REACH),
            request.t,
            0.5,
            request.seed,
            request.steps,
            request.edit,
            request.edit_row,
            request.interp,
        )
        moves = parse(request.expression).moves
        self.request = request
        self.quest = Quest(axis, wide, seeds, t=request.t if moves else None)
        self.interval: tuple[float, float] | None = None
        """weights (low, high), once found"""
        self._finder = self.quest.finder()
        self._looks: dict[Request, Descriptor] = {}

    @property
    def requests(self) -> tuple[Request, ...]:
        """The frames needed now."""
        return self._finder.wanted

    @property
    def progress(self) -> str:
        """How far it is."""
        return f"range of {self.quest.axis.name}: {100 * self._finder.share:.0f} %"

    @property
    def expression(self) -> str:
        """The expression with the range in it.

        Raises:
            ValueError: not found yet.
        """
        if self.interval is None:
            raise ValueError("the range is not found yet")
        return closed(self.quest, *self.interval)

    @property
    def verdict(self) -> str:
        """What was found, in a line.

        Raises:
            ValueError: not found yet.
        """
        if self.interval is None:
            raise ValueError("the range is not found yet")
        low, high = self.interval
        name = self.quest.axis.name
        if high - low < LEAST:
            return f"{name} has no calm range here"
        return f"{name} is calm from {low:.2f} to {high:+.2f}"

    def advance(self, cache: FrameCache) -> bool:
        """Take a few of the frames that were rendered; True once the range is found."""
        wanted = self._finder.wanted
        fresh = 0
        for request in wanted:
            if request in self._looks:
                continue
            frame = cache.peek(request)
            if frame is None or fresh == EACH_TURN:
                return False
            self._looks[request] = describe_frame(frame.pixels)
            fresh += 1
        if wanted:
            self._finder.take(self._looks)
            self._looks.clear()
        if self._finder.wanted:
            return False
        self.interval = common(self._finder.found)
        return True
