"""Lets newcomers in at a rate that costs whoever performs little, whoever they are."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

RATE = 10.0
"""newcomers a second in the long run: greeting one takes time of the server's one thread"""
BURST = 30
"""newcomers that are let in at once after a quiet while: every viewer there may be, and reloads"""
BLAME = 10
"""places that somebody takes who has to be shown out: it was the server that paid"""
WAITING_SECONDS = 5.0
"""Who would have to wait longer is refused."""


class Door:
    """A generic cell rate algorithm (ITU-T I.371) over arrivals."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        """Start after a quiet while; ``now`` is in seconds."""
        self._now = now
        self._due = float("-inf")
        """when the next would be let in, if they came at the rate from now on"""

    def delay(self) -> float | None:
        """Return the seconds that somebody who comes now waits; None refuses."""
        now = self._now()
        due = max(self._due, now - BURST / RATE) + 1 / RATE
        if due - now > WAITING_SECONDS:
            return None
        self._due = due
        return max(0.0, due - now)

    def blame(self) -> None:
        """Let fewer in for a while, as somebody came to do harm."""
        self._due = max(self._due, self._now() - BURST / RATE) + BLAME / RATE

    async def let_in(self) -> bool:
        """Wait as long as ``delay`` says; False where it refuses."""
        delay = self.delay()
        if delay:
            await asyncio.sleep(delay)
        return delay is not None
