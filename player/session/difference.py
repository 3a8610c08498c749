"""How two pictures differ, as a picture."""

from __future__ import annotations

import numpy as np

from player.session.priority import PriorityRequests
from player.session.state import PlayerState
from runtime.request import Frame, Request


def difference(first: Frame, second: Frame, request: Request) -> Frame:
    """Return |first - second| by channel, brightened so that its largest value is white.

    The frame stands for ``request``. Equal pictures are black.
    """
    gap = np.abs(first.pixels.astype(np.int16) - second.pixels)
    most = int(gap.max())
    pixels = (gap * (255 / most) if most else gap).astype(np.uint8)
    pixels.flags.writeable = False
    return Frame(pixels, request)


class MarksDifference:
    """The difference of the pictures at the two marks, while ``state`` shows it."""

    def __init__(self, state: PlayerState) -> None:
        """Show nothing yet."""
        self._state = state
        self._made: tuple[tuple[Request, Request], Frame] | None = None
        self._wanted: tuple[Request, Request] | None = None
        """the marks whose pictures were asked for"""

    def picture(self) -> Frame | None:
        """Return the difference, None where none is shown or a picture of it is missing."""
        marked = self._marked()
        if marked is None:
            return None
        if self._made is None or self._made[0] != marked:
            first, second = (self._state.cache.peek(request) for request in marked)
            if first is None or second is None:
                return None
            self._made = marked, difference(first, second, self._state.request)
        return self._made[1]

    def turn(self, priority: PriorityRequests) -> None:
        """Have drawn what is missing; say so and end it if that cannot be."""
        marked = self._marked()
        known = self._made is not None and self._made[0] == marked
        if marked is None or known or all(one in self._state.cache for one in marked):
            self._wanted = None
            priority.want("marks", ())
            return
        problem = priority.take_problem("marks")
        if marked == self._wanted and problem is not None:
            self._state.panels.difference = False
            self._state.complain(problem)
            return
        self._wanted = marked
        priority.want("marks", marked)

    def forget(self) -> None:
        """Make it anew: another model draws other pictures."""
        self._made = None

    def _marked(self) -> tuple[Request, Request] | None:
        return self._state.marked() if self._state.panels.difference else None
