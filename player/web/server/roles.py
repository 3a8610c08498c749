"""Who performs: one of those who are here, handed over by asking."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from player.web.server.viewer import Viewer
from player.web.wire.messages import Control

YIELD_SECONDS = 20.0
"""A performer who does nothing for so long, but let it play, gives way to whoever asks."""


class Roles:
    """The performer among ``viewers``, and who asks to be."""

    def __init__(self, viewers: Mapping[int, Viewer], handed: Callable[[], None]) -> None:
        """Start without a performer; ``handed`` is called when another performs, or nobody."""
        self._viewers = viewers
        self._handed = handed
        self.performer: Viewer | None = None

    @property
    def asking(self) -> list[Viewer]:
        """Who asks to perform, the first to ask first."""
        asking = [viewer for viewer in self._viewers.values() if viewer.asked_at is not None]
        return sorted(asking, key=lambda viewer: viewer.asked_at or 0.0)

    def enter(self, viewer: Viewer) -> None:
        """Let somebody perform if nobody else does."""
        if self.performer is None:
            self.performer = viewer

    def leave(self, viewer: Viewer) -> None:
        """Nobody performs, if it was this one who did."""
        if self.performer is viewer:
            self.performer = None
            self._handed()

    def hear(self, viewer: Viewer, message: Control) -> None:
        """Let a viewer ask to perform, stop asking, hand over, or keep what is asked for."""
        if viewer is self.performer:
            heirs = [self._viewers.get(message.to)] if message.to is not None else self.asking
            if message.want:
                for other in self.asking:
                    other.asked_at = None
            elif heirs and heirs[0] is not None:
                self._hand_to(heirs[0])
        elif not message.want:
            viewer.asked_at = None
        elif self.performer is None:
            self._hand_to(viewer)
        elif viewer.asked_at is None:
            viewer.asked_at = time.perf_counter()

    def turn(self, now: float) -> None:
        """Let whoever asked first perform where nobody does, or one who does nothing."""
        asking = self.asking
        if not asking:
            return
        if self.performer is not None:
            last = max(self.performer.last_act, asking[0].asked_at or 0.0)
            if now - last <= YIELD_SECONDS:
                return
        self._hand_to(asking[0])

    def _hand_to(self, viewer: Viewer) -> None:
        viewer.asked_at = None
        viewer.last_act = time.perf_counter()
        self.performer = viewer
        self._handed()
