"""A shelf with three models."""

from __future__ import annotations

from collections.abc import Callable

from player.session.rendering.models import Model
from runtime.errors import BundleError, EngineError
from tests.player.fakes import SIZE, FakeRenderer


class Shelf:
    """Models that draw, two of them pictures of one size, and one that cannot be opened."""

    def __init__(self) -> None:
        self.opened: list[FakeRenderer] = []

    def names(self) -> tuple[str, ...]:
        return ("critters", "large", "broken", "twin")

    def find(self, name: str) -> Model:
        if name not in self.names():
            raise BundleError(f"unknown model {name!r}")
        side = 2 * SIZE if name == "large" else SIZE
        steps = (2, 4) if name == "large" else (1, 2)
        return Model(name, (side, side), self._open(name, side), steps=steps, default_steps=2)

    def _open(self, name: str, side: int) -> Callable[[], FakeRenderer]:
        def open_it() -> FakeRenderer:
            if name == "broken":
                raise EngineError("this model is not for this machine")
            self.opened.append(FakeRenderer(size=side))
            return self.opened[-1]

        return open_it
