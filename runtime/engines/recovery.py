"""Going on when a GPU is lost: another engine takes the place of the one that it took along."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TypeVar

from runtime.engines.abandon import abandon
from runtime.engines.engine import Engine
from runtime.errors import DeviceLost

T = TypeVar("T")


class Recovery:
    """The engine that draws, opened anew when its GPU was lost."""

    def __init__(
        self, engine: Engine, reopen: Callable[[], Engine] | None, forget: Callable[[], None]
    ) -> None:
        """Start with ``engine``; without ``reopen`` nothing takes its place.

        ``forget`` is called before another engine works, which has nothing resident yet.
        """
        self.engine = engine
        self._reopen = reopen
        self._forget = forget
        self._lost = False

    def run(self, work: Callable[[], T]) -> T:
        """Do ``work``, which uses ``engine``, once more on another if its GPU is lost meanwhile.

        Raises:
            DeviceLost: the GPU is lost, and stays so or nothing takes its engine's place.
            EngineError: another engine cannot be opened.
        """
        if not self._lost:
            try:
                return work()
            except DeviceLost as error:
                if self._reopen is None:
                    raise
                self._lost = True
                abandon(self.engine)
                warnings.warn(
                    f"{error}: the engine goes on in a process of its own",
                    RuntimeWarning,
                    stacklevel=4,
                )
        assert self._reopen is not None
        self._forget()
        self.engine = self._reopen()
        self._lost = False
        try:
            return work()
        except DeviceLost:
            self._lost = True
            abandon(self.engine)
            raise

    def close(self) -> None:
        """Release the engine, unless it was lost with its GPU."""
        if not self._lost:
            self.engine.close()
