"""A gamepad of our own in pygame's place: no machine here has a real one."""

from __future__ import annotations

from pathlib import Path

import pygame
import pytest

from player.controllers.gamepad import Gamepad, deflection
from tests.player.fakes import started, ticking


class Pad:
    def __init__(self, number: int = 0) -> None:
        self.number = number
        self.axes = [0.0, 0.0]
        self.pressed: set[int] = set()
        self.plugged = True

    def get_axis(self, number: int) -> float:
        if not self.plugged:
            raise pygame.error("gone")
        return self.axes[number]

    def get_numaxes(self) -> int:
        return 2

    def get_numbuttons(self) -> int:
        return 10

    def get_button(self, number: int) -> bool:
        return number in self.pressed

    def get_init(self) -> bool:
        return True  # SDL's handle stays open

    def get_instance_id(self) -> int:
        return self.number

    def get_name(self) -> str:
        return "a pad"


@pytest.mark.fault(26)
@pytest.mark.parametrize("other", [False, True])
def test_a_pad_out_and_in_within_a_second_plays_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, other: bool
) -> None:
    pads = [Pad(0)]
    monkeypatch.setattr(pygame.joystick, "get_count", lambda: len(pads))
    monkeypatch.setattr(pygame.joystick, "Joystick", lambda number: pads[number])
    session = started(tmp_path)
    session.controllers.append(Gamepad())
    turn = ticking(session)
    turn(2)
    pads[:] = [Pad(1)]
    if other:  # another pad stays plugged in all the time
        pads.append(Pad(2))
    turn(90)
    pads[0].axes = [1.0, 0.0]
    turn(60)
    assert session.state.request.t == pytest.approx(0.1, abs=0.01)
    del pads[0]
    turn(90)
    assert ("gone" in session.state.notice) != other


@pytest.mark.fault(26)
def test_the_stick_moves_on_both_axes_and_buttons_act(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pad = Pad()
    monkeypatch.setattr(pygame.joystick, "get_count", lambda: int(pad.plugged))
    monkeypatch.setattr(pygame.joystick, "Joystick", lambda number: pad)
    session = started(tmp_path, "cat -> kitten | -tabby .. tabby")
    session.controllers.append(Gamepad())
    turn = ticking(session)
    turn(2)
    pad.axes = [1.0, -1.0]
    turn(60)
    assert session.state.request.t == pytest.approx(0.1, abs=0.01)  # 40 divisions a second
    assert session.state.request.u == pytest.approx(0.6, abs=0.01)
    pad.axes = [0.1, 0.1]
    pad.pressed = {0}
    turn(5)
    assert session.state.playhead.playing
    pad.plugged = False
    turn(90)
    pad.plugged, pad.pressed = True, set()
    turn(90)
    pad.axes = [-1.0, 0.0]
    before = session.state.request.t
    turn(10)
    assert session.state.request.t < before or before == 0.0


def test_a_stick_at_rest_does_not_creep() -> None:
    assert deflection(0.1) == deflection(-0.14) == 0.0
    assert deflection(1.0) == 1.0
    assert -0.2 < deflection(-0.5) < 0.0
