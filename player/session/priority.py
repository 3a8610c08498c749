"""Pictures that are wanted besides the one asked for: a grid's, a range's, those of cues and marks.

The render thread draws them before it fills the line.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal, get_args

from player.session.asking import Asking
from player.session.reproduce import play_command
from player.session.saving.cues import Cues
from player.session.saving.keeping import Keeping
from player.session.saving.rangeshot import OWNER, RangeShot, search_typed, seeds_together
from player.session.state import PlayerState
from runtime.errors import MorphError, RequestError, one_line
from runtime.language.openaxis import OpenAxis
from runtime.request import Request

Owner = Literal["beats", "page", "grid", "range", "marks", "cues"]
"""Who wants pictures, the first served first."""
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
        self._wanted: dict[Owner, tuple[Request, ...]] = dict.fromkeys(get_args(Owner), ())
        self._range: RangeShot | None = None

    def want(self, owner: Owner, requests: tuple[Request, ...]) -> None:
        """Have some pictures drawn for ``owner``, instead of those that it wanted before."""
        before = self._wanted[owner]
        if requests == before:
            return
        self._wanted[owner] = requests
        wanted = dict.fromkeys(one for each in self._wanted.values() for one in each)
        self._worker.priority = tuple(wanted)
        for one in list(self._worker.refused):
            if one not in wanted:  # whoever wants it again is told again
                self._worker.refused.pop(one, None)
        if any(one not in before and one not in self._state.cache for one in requests):
            self._ask_again()

    def take_problem(self, owner: Owner) -> str | None:
        """Return why a picture that ``owner`` wants cannot be drawn, once; None while they can."""
        refused = self._worker.refused
        problems = [refused.pop(one, None) for one in self._wanted[owner]]
        return next(filter(None, problems), None)

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
        self._cues.make_thumbnails()
        self.want("cues", self._cues.requests(model))

    def _tend_grid(self) -> None:
        if self._keeping.grid_shot is not None:
            self._keeping.advance_grid(self.take_problem("grid"))
        shot = self._keeping.grid_shot
        self.want("grid", () if shot is None else shot.missing)

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
            done, problem = shot.advance(state.cache), self.take_problem("range")
        except RequestError as error:
            done, problem = False, str(error)
        if problem is None and not done:
            self.want("range", shot.requests)
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
        self._range = None
        self.want("range", ())
        self._state.cache.charge(OWNER, 0)

    def _play(self, shot: RangeShot) -> None:
        try:
            self._write(shot.expression)
        except MorphError as error:
            self._state.complain(one_line(error))
        else:
            self._state.say(shot.verdict)
