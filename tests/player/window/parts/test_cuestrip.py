"""The cues under the bar, and clicks on them."""

from __future__ import annotations

import pygame
import pytest

from player.session.motion.tempo import Tempo
from player.window.parts import cuestrip
from player.window.window import Window
from tests.player.window.stage import HERTZ, Script, box, click, exact, layout_of, pixels, play, tap

pytestmark = pytest.mark.usefixtures("dummy_display")


def test_cues_stand_under_the_bar_and_a_click_recalls_them() -> None:
    def script(player: Window) -> Script:
        yield exact(player)
        for code in (pygame.K_2, pygame.K_m, pygame.K_7, pygame.K_m, pygame.K_END):
            tap(code)
            yield 3
        layout = layout_of(player)
        assert layout.cues.height
        first = cuestrip.places(layout.cues, 2)[0]
        yield lambda: player.session.cues.kept[0].thumbnail is not None
        yield 10
        assert pixels()[box(first)].std() > 5
        click(first.center)
        yield 3
        assert player.state.request.t == 0.2
        tap(pygame.K_F3)
        yield 3
        assert player.state.request.t == 0.7
        tap(pygame.K_F2, pygame.KMOD_SHIFT)
        yield 60
        assert 0.3 < player.state.request.t < 0.6
        yield 80
        assert player.state.request.t == 0.2

    play(script)


def test_a_click_on_a_cue_waits_for_the_beat_as_its_key_does() -> None:
    def script(player: Window) -> Script:
        yield exact(player)
        for code in (pygame.K_7, pygame.K_m, pygame.K_HOME):
            tap(code)
            yield 3
        beats = player.session.beats
        beats.tempo, beats.quantum = Tempo(60.0, beats.now - 0.1), 1
        layout = layout_of(player)
        (first,) = cuestrip.places(layout.cues, 1)
        click(first.center)
        yield 20
        assert player.state.request.t == 0.0
        yield HERTZ
        assert player.state.request.t == 0.7

    play(script)
