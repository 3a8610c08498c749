"""What controllers' threads leave for the front end's: bounded, and the newest wins."""

from __future__ import annotations

import threading
from collections import OrderedDict

from player.session.actions import NAMES
from player.session.session import Session

MOST = 64
"""Buttons pressed between two turns of the front end; more are dropped."""
REPORT_SECONDS = 1.0


class Inbox:
    """Actions asked for since the last ``drain``. Safe between threads.

    Of an absolute number (a place) only the newest counts, relative ones (moves) add up, so a
    flood of messages costs no more than one. What is refused is counted, and said once a second.
    """

    def __init__(self, source: str) -> None:
        """Collect for ``source``, which complaints name (``osc`` …)."""
        self.source = source
        self.refused = 0
        self.dropped = 0
        self._numbers: OrderedDict[str, float] = OrderedDict()
        self._presses: list[str] = []
        self._complaint = ""
        self._said_at = float("-inf")
        self._lock = threading.Lock()

    def put(self, name: str, value: float | None = None) -> bool:
        """Ask for an action; False if there is none of that name or the value is out of range."""
        action = NAMES.get(name)
        if action is None:
            return self.refuse(f"there is no action {name!r}")
        parameter = action.parameter
        with self._lock:
            if parameter is None:
                if len(self._presses) < MOST:
                    self._presses.append(name)
                else:
                    self.dropped += 1
                return True
            given = parameter.default if value is None else value
            if not parameter.holds(given):
                low, high = parameter.low, parameter.high
                complaint = f"{name} takes {low:g} to {high:g}, not {given:g}"
            else:
                complaint = ""
                if parameter.relative:
                    total = given + self._numbers.get(name, 0.0)
                    given = min(max(total, parameter.low), parameter.high)
                self._numbers[name] = given
        return self.refuse(complaint) if complaint else True

    def refuse(self, complaint: str) -> bool:
        """Count something that cannot be done, to be said by the next ``drain``; returns False."""
        with self._lock:
            self.refused += 1
            self._complaint = complaint[:200]
        return False

    def drain(self, session: Session, now: float) -> None:
        """Do what was asked for, in the front end's thread, at ``now`` seconds."""
        with self._lock:
            numbers, self._numbers = self._numbers, OrderedDict()
            presses, self._presses = self._presses, []
            complaint = self._complaint if now - self._said_at >= REPORT_SECONDS else ""
            if complaint:
                self._complaint, self._said_at = "", now
        for name, value in numbers.items():
            NAMES[name].perform(session, value)
        for name in presses:
            NAMES[name].perform(session)
        if complaint:
            session.state.complain(f"{self.source}: {complaint}")
