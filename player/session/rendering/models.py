"""What a session knows of the models that can be played here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from player.session.rendering.renderer import Renderer
from runtime.request import Request


@dataclass(frozen=True, slots=True)
class Model:
    """A model that may be opened."""

    name: str
    picture: tuple[int, int]
    """(width, height) in pixels"""
    open: Callable[[], Renderer]
    """called in the render thread"""
    check: Callable[[Request], None] = lambda request: None
    """raises MorphError for what it cannot draw"""
    remark: Callable[[Request], str | None] = lambda request: None
    """returns what is worth saying of what it can"""
    steps: tuple[int, ...] = ()
    """the step counts on offer, ascending; empty where that is not known"""
    default_steps: int = 1
    digest: str = ""
    """of the bundle, where it is one"""
    words: tuple[str, ...] = ()
    """what it was taught, ascending; empty where it does not say"""

    def fitted(self, request: Request) -> Request:
        """Return the request with a step count that the model has."""
        if not self.steps or request.steps in self.steps:
            return request
        return replace(request, steps=self.default_steps)


class Models(Protocol):
    """The models at hand."""

    def names(self) -> tuple[str, ...]:
        """Return every name, the built-in model's first."""

    def find(self, name: str) -> Model:
        """Return a model by its name or bundle folder.

        Raises:
            BundleError: there is none, or it is damaged.
        """
