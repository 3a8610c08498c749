"""The cues under the bar, and clicks on them."""

from __future__ import annotations

import pygame
import pytest

from player.session.motion.tempo import Tempo
from player.window.parts import cuestrip
from tests.player.fakes import FakeRenderer
from tests.player.window.stage import HERTZ, Script, box, exact, mouse, pixels, stage, tap

pytestmark = pytest.mark.usefixtures("dummy_display")


def test_cues_stand_under_the_bar_and_a_click_recalls_them() -> None:
    player, conductor = stage(FakeRenderer())

    def script() -> Script:
        yield exact(player)
        for code in (pygame.K_2, pygame.K_m, pygame.K_7, pygame.K_m, pygame.K_END):
            tap(code)
            yield 3
        layout = player.canvas.layout
        assert layout is not None
        assert layout.cues.height
        first = cuestrip.places(layout.cues, 2)[0]
        yield lambda: player.session.cues.kept[0].thumbnail is not None
        yield 10
        assert pixels()[box(first)].std() > 5
        mouse(pygame.MOUSEBUTTONDOWN, first.center)
        mouse(pygame.MOUSEBUTTONUP, first.center)
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

    conductor.script = script()
    player.run()


def test_a_click_on_a_cue_waits_for_the_beat_as_its_key_does() -> None:
    player, conductor = stage(FakeRenderer())

    def script() -> Script:
        yield exact(player)
        for code in (pygame.K_7, pygame.K_m, pygame.K_HOME):
            tap(code)
            yield 3
        beats = player.session.beats
        beats.tempo, beats.quantum = Tempo(60.0, beats.now - 0.1), 1
        layout = player.canvas.layout
        assert layout is not None
        (first,) = cuestrip.places(layout.cues, 1)
        mouse(pygame.MOUSEBUTTONDOWN, first.center)
        mouse(pygame.MOUSEBUTTONUP, first.center)
        yield 20
        assert player.state.request.t == 0.0
        yield HERTZ
        assert player.state.request.t == 0.7

    conductor.script = script()
    player.run()
