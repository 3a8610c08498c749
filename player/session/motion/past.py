"""Undo and redo: the moments that were played, one for each thing done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from player.session.motion.moment import Moment

MOST = 500
STILL_SECONDS = 0.5
"""A position that rests this long is one to come back to."""


class Past:
    """What was asked for, in order. Moving on without a rest is one entry, however long."""

    def __init__(self) -> None:
        """Remember nothing yet."""
        self._before: list[Moment] = []
        self._after: list[Moment] = []
        self._here: Moment | None = None
        self._moved_at = float("-inf")
        self._moving = False

    def observe(self, moment: Moment, now: float, *, playing: bool = False) -> None:
        """Note what is asked for at ``now`` seconds, every turn."""
        if moment == self._here:
            self._moving = self._moving and playing
            return
        went_on, self._moving = self._moving, playing
        if self._here is not None:
            resting = now - self._moved_at >= STILL_SECONDS and not went_on
            if resting or not _moved(self._here, moment):
                self._before = [*self._before[-MOST + 1 :], self._here]
            self._after = []
        self._here = moment
        self._moved_at = now

    def undo(self, go: Callable[[Moment], None]) -> bool:
        """Let ``go`` play the moment before this one; False at the first.

        Raises:
            MorphError: ``go`` cannot; that moment is forgotten, or it would stand in the way.
        """
        return self._travel(self._before, self._after, go)

    def redo(self, go: Callable[[Moment], None]) -> bool:
        """Let ``go`` play the moment that ``undo`` left; False where there is none.

        Raises:
            MorphError: as ``undo``.
        """
        return self._travel(self._after, self._before, go)

    def forget(self, model: str, here: Moment) -> None:
        """Forget what was played with a model that does not open; ``here`` is played instead."""
        for moments in (self._before, self._after):
            moments[:] = [one for one in moments if one.model != model]
            if moments and moments[-1] == here:
                moments.pop()
        self._here = here

    def _travel(
        self, source: list[Moment], target: list[Moment], go: Callable[[Moment], None]
    ) -> bool:
        if not source or self._here is None:
            return False
        there = source.pop()
        go(there)
        target.append(self._here)
        self._here = there
        self._moved_at = float("-inf")
        return True


def _moved(first: Moment, second: Moment) -> bool:
    """Tell whether two moments differ in their position alone."""
    request = first.request.at(second.request.t, second.request.u)
    return replace(first, request=request) == second
