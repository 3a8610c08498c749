"""Pictures that are wanted besides the one asked for: a grid's, a range's, those of cues and marks.

The render thread draws them before it fills the line.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from player.session.asking import Asking
from player.session.motion.beats import MOST
from player.session.reproduce import play_command
from player.session.saving.cues import Cues
from player.session.saving.gridshot import GridShot
from player.session.saving.keeping import Keeping
from player.session.saving.rangeshot import OWNER, RangeShot, search_typed, seeds_together
from player.session.state import PlayerState
from runtime.errors import MorphError, RequestError, one_line
from runtime.language.openaxis import OpenAxis
from runtime.request import Request

EXPRESSION_SECONDS = 30.0
"""How long an expression that was found is shown: who has no terminal copies it by hand."""


class PriorityRequests:
    """Tells the render thread what is wanted, and whoever wanted it what came of it."""

    def __init__(
        self,
        asking: Asking,
        state: PlayerState,
        keeping: Keeping,
        cues: Cues,
        write: Callable[[str], None],
    ) -> None:
        """Want nothing yet of the render thread that ``asking`` asks.

        ``write`` plays an expression whose range was found; it raises MorphError where that cannot
        be.
        """
        self._write = write
        self._worker = asking.worker
        self._ask_again = asking.ask_again
        self._state = state
        self._keeping = keeping
        self._cues = cues
        self._cued = -1
        """the version of the cues whose pictures were wanted last"""
        self._sent: GridShot | None = None
        self._range: RangeShot | None = None

    def add(self, requests: tuple[Request, ...]) -> None:
        """Have some pictures drawn, after what is wanted already."""
        missing = tuple(one for one in requests if one not in self._state.cache)
        new = tuple(one for one in missing if one not in self._worker.priority)
        if new:
            self._put((*self._worker.priority[-MOST:], *new))

    def add_first(self, requests: tuple[Request, ...]) -> None:
        """Have some pictures drawn before whatever else is wanted."""
        if any(one not in self._worker.priority for one in requests):
            others = (one for one in self._worker.priority if one not in self._state.cache)
            self._put((*requests, *(one for one in others if one not in requests)))

    def take_problem(self) -> str | None:
        """Return why what is wanted cannot be drawn, once; None while it can, and while a grid is
        made, which is told first.
        """
        if self._keeping.grid_shot is not None:
            return None
        problem, self._worker.priority_error = self._worker.priority_error, None
        return problem

    def find_range(self) -> None:
        """Find how far the second axis can be pushed here, or give that up."""
        if self._range is not None:
            self._end_range()
            self._state.say("the range is given up")
            return
        try:
            self._range = RangeShot(self._state.request, together=seeds_together(self._state.cache))
        except MorphError as error:
            self._state.say(one_line(error))

    def find_typed_range(self, axis: OpenAxis) -> None:
        """Find the range of an expression, and then play it; instead of any that is looked for."""
        self._end_range()
        request, together = self._state.request, seeds_together(self._state.cache)
        self._range = RangeShot(request, search_typed(axis, request), together)

    def turn(self, model: str) -> None:
        """Look what has come, and what is wanted next, once a turn; ``model`` is played."""
        self._tend_grid()
        self._tend_range()
        self._cues.look()
        if self._cues.version != self._cued and self._keeping.grid_shot is None:
            self._cued = self._cues.version
            self.add(self._cues.requests(model))

    def _tend_grid(self) -> None:
        shot = self._keeping.grid_shot
        if shot is None:
            return
        if shot is not self._sent:
            self._sent = shot
            self._worker.priority_error = None
            self._put(shot.requests)
        self._keeping.advance_grid(self._worker.priority_error)
        if self._keeping.grid_shot is None:
            self._worker.priority = ()

    def _tend_range(self) -> None:
        shot = self._range
        if shot is None or self._keeping.grid_shot is not None:
            return
        state = self._state
        if shot.is_typed and state.request.expression != shot.request.expression:
            self._end_range()
            return  # other words were typed since
        if state.info is not None:
            shot.look_up(state.info.settings)
        try:
            done, problem = shot.advance(state.cache), self.take_problem()
        except RequestError as error:
            done, problem = False, str(error)
        if problem is None and not done:
            self.add(shot.requests)
            state.say(shot.progress)
            return
        self._end_range()
        if problem is not None:
            state.complain(problem)
            return
        if state.info is not None:
            shot.keep(state.info.settings)
        if not shot.is_calm:
            state.say(shot.verdict)
        elif shot.is_typed:
            self._play(shot)
        else:
            state.say(f"{shot.verdict}: {shot.expression}", EXPRESSION_SECONDS)
            found = replace(shot.request, expression=shot.expression, u=0.5)
            state.printed.append(f"{shot.verdict}\n  {play_command(found, state.invocation)}")

    def _end_range(self) -> None:
        self._range, self._worker.priority = None, ()
        self._state.cache.charge(OWNER, 0)

    def _play(self, shot: RangeShot) -> None:
        try:
            self._write(shot.expression)
        except MorphError as error:
            self._state.complain(one_line(error))
        else:
            self._state.say(shot.verdict)

    def _put(self, requests: tuple[Request, ...]) -> None:
        """Let the render thread look what is wanted now."""
        self._worker.priority = requests
        self._ask_again()
