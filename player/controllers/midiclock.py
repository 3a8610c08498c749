"""The clock that MIDI devices send: 24 ticks a beat, of one port at a time."""

from __future__ import annotations

import threading

from player.session.motion.tempo import Tempo, fit

TICK, START = 0xF8, 0xFA
"""MIDI's real-time messages; after a start the next tick is the first beat of a song."""
TICKS_PER_BEAT = 24
SILENT_SECONDS = 0.25
"""A port without a tick for so long has stopped: at the slowest tempo they come twice as often."""


class MidiClock:
    """Follows the port that was heard first, until it is silent. Safe between threads."""

    def __init__(self) -> None:
        """Hear none yet."""
        self._port = ""
        self._ticks: list[float] = []
        """when the last ones came, in seconds, without a gap"""
        self._counted = 0
        self._heard_at = float("-inf")
        self._lock = threading.Lock()

    def hear(self, port: str, message: int, now: float) -> Tempo | None:
        """Take a tick or a start that came at ``now`` seconds; return the tempo once a beat."""
        with self._lock:
            silent = now - self._heard_at > SILENT_SECONDS
            if port != self._port:
                if not silent:  # two devices that send one clock are not twice as fast
                    return None
                self._port, self._counted = port, 0
            self._heard_at = now
            if silent or message == START:
                self._ticks = []
            if message == START:
                self._counted = 0
                return None
            return self._tick(now)

    def _tick(self, now: float) -> Tempo | None:
        self._ticks = [*self._ticks[-4 * TICKS_PER_BEAT :], now]
        beats, rest = divmod(self._counted, TICKS_PER_BEAT)
        self._counted += 1
        if rest or len(self._ticks) <= TICKS_PER_BEAT:
            return None
        found = fit(self._ticks, 1 / TICKS_PER_BEAT)
        if found is None:
            return None
        return Tempo(found.bpm, found.start - beats * 60 / found.bpm)  # the first tick began a bar
