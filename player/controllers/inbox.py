"""What controllers' threads leave for the front end's: in order, and bounded."""

from __future__ import annotations

import threading
from collections import deque

from player.session.actions import NAMES
from player.session.session import Session

MOST = 64
"""Actions between two turns of the front end; the oldest of more are dropped."""
REPORT_SECONDS = 1.0
OFTEN, ONCE_A_TURN = 0.25, 0.01
WRITES = {
    **dict.fromkeys(("save", "record", "grid", "keep_cue", "drop_cue"), OFTEN),
    "change_glide": ONCE_A_TURN,
}
"""Actions that write files, and how many seconds lie between two that are done: a file takes the
front end's time, so of a flood most are dropped."""


class Inbox:
    """Actions asked for since the last ``drain``, done in that order. Safe between threads.

    Two numbers in a row for one action become one: of places the newer counts, moves add up. So a
    flood of one message costs no more than a single one. What is refused or dropped is counted, and
    said once a second.
    """

    def __init__(self, source: str) -> None:
        """Collect for ``source``, which complaints name (``osc`` …)."""
        self.source = source
        self.refused = 0
        self.dropped = 0
        self._asked: deque[tuple[str, float | None]] = deque()
        self._complaint = ""
        self._said_at = float("-inf")
        self._dropped_said = 0
        self._wrote_at: dict[str, float] = {}
        self._lock = threading.Lock()

    def put(self, name: str, value: float | None = None) -> bool:
        """Ask for an action; False if there is none of that name or the value is out of range."""
        action = NAMES.get(name)
        if action is None:
            return self.refuse(f"there is no action {name!r}")
        parameter = action.parameter
        if parameter is None:
            self._ask(name, None)
            return True
        given = parameter.default if value is None else value
        if not parameter.holds(given):
            low, high = parameter.low, parameter.high
            return self.refuse(f"{name} takes {low:g} to {high:g}, not {given:g}")
        self._ask(name, given)
        return True

    def refuse(self, complaint: str) -> bool:
        """Count something that cannot be done, to be said by the next ``drain``; returns False."""
        with self._lock:
            self.refused += 1
            self._complaint = complaint[:200]
        return False

    def drain(self, session: Session, now: float) -> None:
        """Do what was asked for, in the front end's thread, at ``now`` seconds."""
        with self._lock:
            asked, self._asked = self._asked, deque()
            complaint = self._to_say(now)
        for name, value in asked:
            if name in WRITES:
                if now - self._wrote_at.get(name, float("-inf")) < WRITES[name]:
                    self.refuse(f"{name} came too often: some were dropped")
                    continue
                self._wrote_at[name] = now
            NAMES[name].perform(session, value)
        if complaint:
            session.state.complain(f"{self.source}: {complaint}")

    def _ask(self, name: str, value: float | None) -> None:
        parameter = NAMES[name].parameter
        with self._lock:
            if parameter is not None and value is not None and self._asked:
                last, before = self._asked[-1]
                if last == name and before is not None:
                    self._asked.pop()
                    if parameter.relative:
                        value = min(max(value + before, parameter.low), parameter.high)
            self._asked.append((name, value))
            if len(self._asked) > MOST:
                self._asked.popleft()
                self.dropped += 1

    def _to_say(self, now: float) -> str:
        """Return what went wrong since it was said last, nothing within a second of that."""
        lost = self.dropped - self._dropped_said
        if now - self._said_at < REPORT_SECONDS or not (lost or self._complaint):
            return ""
        many = f"{lost} messages dropped, more than {MOST} came at once" if lost else ""
        message = "; ".join(filter(None, (self._complaint, many)))
        self._complaint, self._dropped_said, self._said_at = "", self.dropped, now
        return message
