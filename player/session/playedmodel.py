"""The model that plays, and how another takes over from it while the picture stays."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from player.session.asking import Asking
from player.session.filling.memory import default_budget
from player.session.motion.moment import Moment
from player.session.rendering.models import Model, Models
from player.session.rendering.renderer import Renderer
from player.session.rendering.worker import Worker
from player.session.saving.firstpicture import FirstPicture
from player.session.saving.keeping import Keeping
from player.session.state import PlayerState
from runtime.cache import FrameCache
from runtime.errors import MorphError, RequestError
from runtime.request import Request

ENDED = "   the recording ends: pictures of another size"
"""said where a film, and its take with it, cannot go on"""


class PlayedModel:
    """The model whose render thread draws for ``state``, and the one before it."""

    def __init__(
        self,
        first: Model,
        others: Models | None,
        state: PlayerState,
        keeping: Keeping,
        draw_with: Callable[[Worker], Asking],
        *,
        shown: FirstPicture | None = None,
        budget: int | None = None,
    ) -> None:
        """Play ``first``, which opens when its render thread starts.

        ``draw_with`` lets a model's render thread draw from now on, and returns what asks it.
        ``shown`` is a picture kept from an earlier play, to look at while it opens; ``budget`` is
        how many bytes of pictures are kept (None: ``default_budget``).
        """
        self.model = first
        self._others = others
        self._state = state
        self._keeping = keeping
        self._draw_with = draw_with
        self._shown = shown
        self._budget = budget
        self._folders: dict[str, str] = {}
        """what models were opened by, by their names"""
        self._before: Moment | None = None
        if shown is not None:
            state.cache.put(shown.frame)
        self._asking = draw_with(Worker(first.open, state.cache, self._check_shown))

    @property
    def name(self) -> str:
        """The model's name, without the folders that its bundle lies in."""
        return self._state.invocation.shareable().model

    def other_of(self, moment: Moment) -> Model | None:
        """Return the model that a moment was made with; None if that is the one that plays.

        Raises:
            BundleError, RequestError: it is not here.
        """
        if moment.model in (self._state.invocation.model, self.name):
            return None
        if self._others is None:
            raise RequestError(f"it was made with {moment.model}, and no other model is here")
        return self._others.find(self._folders.get(moment.model, moment.model))

    def switch(self) -> None:
        """Let the model of ``state.switch`` take over; the old picture stays until its first is
        there. Where it cannot be found, say so.
        """
        wanted, self._state.switch = self._state.switch, None
        if wanted is None or self._others is None:
            return
        try:
            model = self._others.find(wanted.model)
        except MorphError as error:
            self._state.say(str(error))
            return
        self._before = Moment(self._state.request, self._state.invocation.model)
        recorder = self._keeping.recorder
        self._play(model, wanted.request)
        ended = recorder is not None and self._keeping.recorder is None
        self._state.say(f"opening {self.name} …{ENDED if ended else ''}")

    def recover(self) -> str | None:
        """Play on with the model before, if this one cannot be opened; return the name of this one.

        None where nothing failed.

        Raises:
            MorphError: it cannot, and there is none before it.
        """
        why = self._asking.worker.failure
        if why is None:
            return None
        if self._before is None or self._asking.worker.info is not None or self._others is None:
            raise why
        failed = self.name
        moment, self._before = self._before, None
        self._play(self._others.find(moment.model), moment.request)
        self._state.complain(f"{why}: playing on with {moment.model}")
        return failed

    def _play(self, model: Model, request: Request) -> None:
        state = self._state
        self._folders[self.name] = state.invocation.model
        if model.picture != self.model.picture:
            self._keeping.stop_recording()
        self._keeping.give_up_grid()
        state.invocation = replace(state.invocation, model=model.name, size=None)
        state.cache = FrameCache(self._budget or default_budget(model.picture))
        self.model = model
        leaving = self._asking.worker

        def open_next() -> Renderer:
            leaving.stop()  # two models at once may not fit into memory
            return model.open()

        leaving.requests.close()
        state.change(request)
        self._asking = self._draw_with(Worker(open_next, state.cache))
        self._asking.start()

    def _check_shown(self, settings: Mapping[str, Any]) -> None:
        """Have the first picture drawn anew if another engine drew it; in the render thread."""
        if self._shown is not None and not self._shown.is_drawn_by(settings):
            self._state.cache.forget(self._shown.frame.request)
