"""Ableton Link: the tempo and the beat that other programs on this network keep. By aalink."""

from __future__ import annotations

import asyncio
import threading
import warnings
from typing import Any

from player.session.motion.tempo import Tempo
from player.session.session import Session
from runtime.errors import RequestError

EVERY_SECONDS = 0.25
"""How often the session's clock is set by Link's."""


class Link:
    """A peer of the Link session, in an event loop of its own."""

    def __init__(self, bpm: float = 120.0) -> None:
        """Join, with ``bpm`` beats a minute if nobody else is there.

        Raises:
            RequestError: aalink is not installed.
        """
        try:
            import aalink
        except ImportError:
            raise RequestError("Link needs aalink: pip install '.[link]'") from None
        self._loop = asyncio.new_event_loop()
        with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
            self._link: Any = aalink.Link(bpm, self._loop)
        self._link.enabled = True
        self._thread = threading.Thread(target=self._loop.run_forever, name="link", daemon=True)
        self._thread.start()
        self._set_at = float("-inf")

    def poll(self, session: Session, now: float) -> None:
        """Let the session's beats be Link's."""
        if now - self._set_at >= EVERY_SECONDS:
            self._set_at = now
            bpm, beat = float(self._link.tempo), float(self._link.beat)
            session.beats.tempo = Tempo(bpm, now - beat * 60 / bpm)

    def close(self) -> None:
        """Leave."""
        self._link.enabled = False
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
