"""``render(request)`` turns weights into a frame."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

from runtime.bundle import Bundle
from runtime.engines import Engine
from runtime.request import Frame, Request

if TYPE_CHECKING:
    from runtime.mix import Plan


class Pipeline:
    """A bundle on an engine. Not thread-safe: one thread renders at a time."""

    def __init__(self, bundle: Bundle, engine: Engine) -> None:
        """Serve ``bundle`` on ``engine``, which the pipeline closes with itself."""
        self.bundle = bundle
        self.engine = engine

    @classmethod
    def open(
        cls,
        model: str = "critters",
        *,
        backend: str = "auto",
        precision: str = "auto",
        size: tuple[int, int] | None = None,
    ) -> Self:
        """Open a model by name or bundle folder on the best engine runtime of this machine."""
        raise NotImplementedError

    @property
    def default_steps(self) -> int:
        """The step count the model was made for."""
        return self.bundle.manifest.default_steps

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of every frame, in pixels."""
        return self.bundle.manifest.width, self.bundle.manifest.height

    def plan(self, request: Request) -> Plan:
        """Return the request's expression resolved to prompts, token rows and weights."""
        raise NotImplementedError

    def check(self, request: Request) -> None:
        """Raise RequestError or ExpressionError if this model cannot render the request."""
        raise NotImplementedError

    def render(self, request: Request) -> Frame:
        """Render one frame; the same request gives the same pixels."""
        raise NotImplementedError

    def render_many(self, requests: Sequence[Request]) -> list[Frame]:
        """Render several frames, batched where the engine can; same pixels as one by one."""
        raise NotImplementedError

    def close(self) -> None:
        """Release the engine."""
        self.engine.close()

    def __enter__(self) -> Self:  # noqa: D105
        return self

    def __exit__(  # noqa: D105
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
