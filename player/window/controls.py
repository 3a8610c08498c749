"""Held arrow keys: one move at once, then on at a speed that does not depend on key repeat."""

from __future__ import annotations

from player.session.motion.playhead import FINE, HELD_SPEED
from player.window.keys import ARROWS, CTRL, SHIFT

HOLD_SECONDS = 0.22
"""A key held this long moves on; shorter is a single move."""


class Controls:
    """Which arrow keys are down, since when, and with which of Shift and Ctrl."""

    def __init__(self) -> None:
        """Start with no key held."""
        self._since: dict[int, float] = {}
        self._scale = 1.0

    def press(self, key: int, mods: int, now: float) -> float | None:
        """Note a key going down; an arrow returns by what to multiply the move to make at once."""
        self._modify(mods)
        if key not in ARROWS or key in self._since:
            return None
        self._since[key] = now
        return self._scale

    def release(self, key: int, mods: int) -> bool:
        """Note a key going up; tells whether it was the last arrow."""
        self._modify(mods)
        return self._since.pop(key, None) is not None and not self._since

    def drop(self) -> None:
        """Forget every key: the window lost the keyboard, so releases will not be seen."""
        self._since.clear()

    def velocity(self, now: float) -> tuple[float, float]:
        """Return the speed of what is held in ticks a second on both axes."""
        vx = vy = 0.0
        for key, since in self._since.items():
            if now - since >= HOLD_SECONDS:
                dx, dy = ARROWS[key]
                vx += dx * HELD_SPEED * FINE * self._scale
                vy += dy * HELD_SPEED * FINE * self._scale
        return vx, vy

    def _modify(self, mods: int) -> None:
        self._scale = 10.0 if mods & SHIFT else 1.0
        if mods & CTRL:
            self._scale = 1.0 / FINE
