"""What is changed while playing besides the position: seed, steps, edited rows, the model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import get_args

from player.session.motion.moment import Moment
from player.session.rendering.models import Model, Models
from player.session.state import PlayerState
from runtime.errors import MorphError, RequestError
from runtime.request import MAX_SEED, EditScope, Request


class LiveSettings:
    """Changes the settings of what ``state`` asks for."""

    def __init__(
        self,
        state: PlayerState,
        change: Callable[[Request], None],
        go: Callable[[Moment], None],
        model: Callable[[], Model],
        models: Models | None,
    ) -> None:
        """Ask by ``change`` for another request, by ``go`` for another model.

        Both raise MorphError where that cannot be. ``model`` returns the one that is
        played; ``models`` are those at hand, if any.
        """
        self._state = state
        self._change = change
        self._go = go
        self._model = model
        self._models = models

    def change_steps(self, change: int) -> None:
        """Take a greater or smaller step count of those that the model has."""
        request = self._state.request
        offered = self._model().steps
        if offered:
            place = offered.index(request.steps) if request.steps in offered else 0
            steps = offered[min(max(place + change, 0), len(offered) - 1)]
        else:
            steps = max(request.steps + change, 1)
        self._try(replace(request, steps=steps), f"{steps} step{'s' if steps > 1 else ''}")

    def next_edit(self) -> None:
        """Let slots edit their word, then the word's tail, then all; and round again. Where that
        would change no picture, say so.
        """
        request = self._state.request
        if request.edit_row is not None:
            self._state.say(f"row {request.edit_row} alone is edited, whatever the slots are")
            return
        if self._state.expression.whole:
            self._state.say(
                "there is no slot: brackets make one, as in a [cat -> kitten] on a sofa"
            )
            return
        scopes: tuple[EditScope, ...] = get_args(EditScope)
        scope = scopes[(scopes.index(request.edit) + 1) % len(scopes)]
        words = {
            "word": "slots edit their own words' rows",
            "tail": "slots edit their words' rows and all after them",
            "all": "slots edit the whole tensor",
        }
        self._try(replace(request, edit=scope), words[scope])

    def set_seed(self, seed: int) -> None:
        """Take a seed.

        Raises:
            RequestError: it is out of range; nothing has changed.
        """
        self._change(replace(self._state.request, seed=seed))
        self._state.say(f"seed {seed}")

    def type_seed(self, text: str) -> None:
        """Take a seed as a person typed it.

        Raises:
            RequestError: it is no seed; nothing has changed.
        """
        digits = text.strip()
        if not (digits.isascii() and digits.isdecimal() and int(digits[:20]) <= MAX_SEED):
            raise RequestError(f"a seed is a whole number, 0 to {MAX_SEED}")
        self.set_seed(int(digits))

    def next_model(self) -> None:
        """Play the same words with the next model that is here."""
        names = () if self._models is None else self._models.names()
        here = self._state.invocation.model
        if (len(names) < 2 and here in names) or not names:
            self._state.say("no other model is here: 'wordmorph models' lists those to build")
            return
        name = names[(names.index(here) + 1) % len(names)] if here in names else names[0]
        try:
            self._go(Moment(self._state.request, name))
        except MorphError as error:
            self._state.say(str(error))

    def _try(self, request: Request, words: str) -> None:
        try:
            self._change(request)
        except MorphError as error:
            self._state.say(str(error))
        else:
            self._state.say(words)
