"""What waits for the next beat or bar."""

from __future__ import annotations

from collections.abc import Callable

from player.session.motion.tempo import Taps, Tempo

QUANTA = (0, 1, 4)
"""Beats that an action waits for a multiple of: none, a beat, a bar of four."""
MOST = 16
"""Actions that may wait at once; a newer one replaces the oldest."""


class Beats:
    """A tempo, what is held back for its next beat, and who taps it."""

    def __init__(self) -> None:
        """Hold nothing back until ``quantum`` is chosen and a tempo is known."""
        self.tempo: Tempo | None = None
        self.quantum = 0
        self.now = 0.0
        self.late: list[float] = []
        """seconds by which the last actions came after their beat"""
        self._waiting: list[tuple[float, Callable[[], None]]] = []
        self._taps = Taps()

    @property
    def holds(self) -> bool:
        """Whether an action has to wait now."""
        return bool(self.quantum) and self.tempo is not None

    @property
    def waiting(self) -> tuple[tuple[float, Callable[[], None]], ...]:
        """What waits, and when in seconds it is due, the next first."""
        return tuple(sorted(self._waiting, key=lambda one: one[0]))

    def hold(self, run: Callable[[], None]) -> float:
        """Do something at the next beat or bar; return when that is, in seconds."""
        assert self.tempo is not None
        due = self.tempo.next(self.now, self.quantum)
        self._waiting = [*self._waiting[-MOST + 1 :], (due, run)]
        return due

    def turn(self, now: float) -> None:
        """Do what is due at ``now`` seconds."""
        self.now = now
        due = [one for one in self.waiting if one[0] <= now]
        if due:
            self._waiting = [one for one in self._waiting if one[0] > now]
            for at, run in due:
                self.late = [*self.late[-999:], now - at]
                run()

    def tap(self) -> Tempo | None:
        """Hear a tap now; return the tempo once there is one."""
        self.tempo = self._taps.tap(self.now) or self.tempo
        return self.tempo

    def next_quantum(self) -> int:
        """Choose what actions wait for: nothing, then a beat, then a bar, and round again."""
        self.quantum = QUANTA[(QUANTA.index(self.quantum) + 1) % len(QUANTA)]
        return self.quantum
