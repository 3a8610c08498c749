"""Undo and redo: the moments that were played, one for each thing done."""

from __future__ import annotations

from dataclasses import replace

from player.session.motion.moment import Moment

MOST = 500
STILL_SECONDS = 0.5
"""A position that rests this long is one to come back to."""


class Past:
    """What was asked for, in order. Moving on without a rest is one step, however long."""

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

    def undo(self) -> Moment | None:
        """Return the moment before this one, None at the first."""
        return self._step(self._before, self._after)

    def redo(self) -> Moment | None:
        """Return the moment that ``undo`` left, None where there is none."""
        return self._step(self._after, self._before)

    def _step(self, source: list[Moment], target: list[Moment]) -> Moment | None:
        if not source or self._here is None:
            return None
        target.append(self._here)
        self._here = source.pop()
        self._moved_at = float("-inf")
        return self._here


def _moved(first: Moment, second: Moment) -> bool:
    """Tell whether two moments differ in their position alone."""
    request = first.request.at(second.request.t, second.request.u)
    return replace(first, request=request) == second
