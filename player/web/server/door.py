"""Lets newcomers in at a rate that costs whoever performs little, whoever they are."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

RATE = 10.0
"""newcomers a second in the long run: greeting one takes time of the server's one thread"""
BURST = 30
"""newcomers that are let in at once after a quiet while: every viewer there may be, and reloads"""
PAGE_RATE, PAGE_BURST = 100.0, 400
"""the same for the page's files, and for whoever comes without the token: a page has two dozen"""
BLAME = 10
"""places that somebody takes who has to be shown out: it was the server that paid"""
WAITING_SECONDS = 5.0
"""Who would have to wait longer is refused."""


class Door:
    """A generic cell rate algorithm (ITU-T I.371) over arrivals."""

    def __init__(
        self,
        now: Callable[[], float] = time.monotonic,
        *,
        rate: float = RATE,
        burst: int = BURST,
    ) -> None:
        """Let in ``rate`` a second after ``burst`` at once, from a quiet while on; ``now`` is in
        seconds.
        """
        self._now = now
        self._rate, self._burst = rate, burst
        self._due = float("-inf")
        """when the next would be let in, if they came at the rate from now on"""

    def delay(self) -> float | None:
        """Return the seconds that somebody who comes now waits; None refuses."""
        now = self._now()
        due = max(self._due, now - self._burst / self._rate) + 1 / self._rate
        if due - now > WAITING_SECONDS:
            return None
        self._due = due
        return max(0.0, due - now)

    def blame(self) -> None:
        """Let fewer in for a while, as somebody came to do harm."""
        opened = self._now() - self._burst / self._rate
        self._due = max(self._due, opened) + BLAME / self._rate

    async def let_in(self) -> bool:
        """Wait as long as ``delay`` says; False where it refuses."""
        delay = self.delay()
        if delay:
            await asyncio.sleep(delay)
        return delay is not None
