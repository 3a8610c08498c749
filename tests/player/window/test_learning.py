"""Knobs and pads that learn an action in the window."""

from __future__ import annotations

from pathlib import Path

import pygame
import pytest

from player.controllers.midi import Midi
from player.window.window import Window
from tests.player.controllers.test_midi import Ports
from tests.player.window.stage import Script, exact, play, tap

pytestmark = pytest.mark.usefixtures("dummy_display")


class NoPorts:
    """No MIDI input; what is played is given to ``Midi.hear``."""

    def names(self) -> tuple[str, ...]:
        return ()

    def open(self, name: str, hear: object) -> None:
        raise AssertionError(name)


def test_pads_learned_from_two_keys_do_what_each_key_does(tmp_path: Path) -> None:
    midi = Midi(NoPorts(), tmp_path / "midi.json")

    def script(player: Window) -> Script:
        yield exact(player)
        for place in (0.25, 0.75):
            player.state.seek(place)
            yield 2
            tap(pygame.K_m)
            yield 2
        for note, key, mod in ((60, pygame.K_F2, 0), (61, pygame.K_F3, 0), (62, pygame.K_n, 1)):
            tap(pygame.K_l)
            yield 2
            tap(key, pygame.KMOD_SHIFT * mod)
            yield 2
            midi.hear([0x90, note, 100])
            yield 2
        seed = player.state.request.seed
        for note, place in ((60, 0.25), (61, 0.75)):
            midi.hear([0x90, note, 100])
            yield 2
            assert player.state.request.t == place
        midi.hear([0x90, 62, 100])
        yield 2
        assert player.state.request.seed == (seed - 1) % 2**32

    play(script, controllers=(lambda: midi,), folder=tmp_path)


@pytest.mark.parametrize("after", [(), (pygame.K_p,)], ids=["before the key", "after it"])
@pytest.mark.parametrize("key", [pygame.K_ESCAPE, pygame.K_l])
def test_learning_a_knob_is_given_up(tmp_path: Path, after: tuple[int, ...], key: int) -> None:
    ports = Ports()
    ports.there["knobs"] = None
    midi = Midi(ports, tmp_path / "midi.json")

    def script(player: Window) -> Script:
        yield exact(player)
        for pressed in (pygame.K_l, *after, key):
            tap(pressed)
            yield 1
        assert not player.state.closing
        assert player.state.notice == "no knob is learned"
        ports.play("knobs", 0xB0, 21, 40)
        yield 2
        assert midi.bindings == {}
        for pressed in (pygame.K_l, pygame.K_p):
            tap(pressed)
            yield 2
        ports.play("knobs", 0xB0, 21, 40)
        yield 2
        assert [one.action for one in midi.bindings.values()] == ["perceptual"]

    play(script, controllers=(lambda: midi,))
    assert len(midi.bindings) == 1, "Esc ended the session"
