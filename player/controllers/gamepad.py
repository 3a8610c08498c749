"""A gamepad: the left stick moves on, the buttons act. By pygame, whose window must be open."""

from __future__ import annotations

import pygame

from player.session.actions import NAMES
from player.session.motion.playhead import FINE, HELD_SPEED
from player.session.session import LONGEST_TURN, Session

DEAD = 0.15
"""A stick this near its middle rests there."""
LOOK_SECONDS = 1.0
"""How often plugged and unplugged pads are looked for."""
BUTTONS = {0: "play", 1: "flip", 2: "mark_a", 3: "mark_b", 4: "change_seed", 6: "home", 7: "save"}
"""button → action, numbered as SDL numbers an Xbox pad's: A, B, X, Y, left shoulder, back, start"""


def deflection(value: float) -> float:
    """Return how far a stick is out, -1 to 1: nothing near the middle, finer near it than far."""
    if abs(value) <= DEAD:
        return 0.0
    out = (abs(value) - DEAD) / (1 - DEAD)
    return min(out, 1.0) ** 2 * (1 if value > 0 else -1)


class Gamepad:
    """The first pad that is plugged in, whenever one is."""

    def __init__(self) -> None:
        """Look for pads from now on."""
        pygame.joystick.init()
        self._pad: pygame.joystick.JoystickType | None = None
        self._looked = float("-inf")
        self._last: float | None = None
        self._down: frozenset[int] = frozenset()

    def poll(self, session: Session, now: float) -> None:
        """Act on how the pad is held at ``now`` seconds; a pad that is gone does nothing."""
        dt = 0.0 if self._last is None else min(now - self._last, LONGEST_TURN)
        self._last = now
        if now - self._looked >= LOOK_SECONDS:
            self._looked = now
            self._look(session)
        if self._pad is None:
            return
        try:
            axes = [self._pad.get_axis(axis) for axis in range(min(self._pad.get_numaxes(), 2))]
            buttons = range(self._pad.get_numbuttons())
            down = frozenset(number for number in buttons if self._pad.get_button(number))
        except pygame.error:  # pulled out this very moment
            self._pad = None
            return
        x, y = (*map(deflection, axes), 0.0, 0.0)[:2]
        if x or y:
            speed = HELD_SPEED * FINE
            session.state.move_on(dt, x * speed, -y * speed)
        for number in sorted(down - self._down):
            if number in BUTTONS:
                NAMES[BUTTONS[number]].perform(session)
        self._down = down

    def close(self) -> None:
        """Let go of the pad."""
        self._pad = None
        pygame.joystick.quit()

    def _look(self, session: Session) -> None:
        try:
            there = [pygame.joystick.Joystick(at) for at in range(pygame.joystick.get_count())]
        except pygame.error:  # one was pulled out meanwhile; looked at again
            return
        # a pad that is gone reads as at rest for ever, and one plugged in again is another
        if self._pad is not None and self._pad.get_instance_id() not in {
            pad.get_instance_id() for pad in there
        }:
            self._pad = None
            session.state.say("the gamepad is gone")
        if self._pad is None and there:
            self._pad = there[0]
            self._down = frozenset()
            session.state.say(f"gamepad: {self._pad.get_name()}")
