"""What the bar says of the place under the mouse."""

from __future__ import annotations

import numpy as np
import pygame
import pytest
from numpy.typing import NDArray

from player.window.layout import share_x
from player.window.window import Window
from tests.player.window.stage import Script, box, click, exact, layout_of, pixels, play, tap

pytestmark = pytest.mark.usefixtures("dummy_display")


def test_the_bar_says_what_is_under_the_mouse(monkeypatch: pytest.MonkeyPatch) -> None:
    def script(player: Window) -> Script:
        yield lambda: len(player.session.view(60).cached) > 200
        layout = layout_of(player)
        before = pixels()
        at = share_x(layout.bar, 0.5), layout.bar.centery
        monkeypatch.setattr(pygame.mouse, "get_pos", lambda: at)
        monkeypatch.setattr(pygame.mouse, "get_focused", lambda: True)
        yield 20
        tip = pygame.Rect(0, 0, 60, 60)
        tip.midbottom = at[0], layout.bar.top - 30
        assert (pixels()[box(tip)] != before[box(tip)]).mean() > 0.5
        monkeypatch.setattr(pygame.mouse, "get_pos", lambda: (2, 2))
        yield 20
        assert (pixels()[box(layout.picture)] == before[box(layout.picture)]).all()

    play(script)


def test_the_tip_shows_the_picture_of_the_seed_that_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shown: list[NDArray[np.uint8]] = []

    def script(player: Window) -> Script:
        yield exact(player)
        layout = layout_of(player)
        at = share_x(layout.bar, 0.5), layout.bar.centery
        monkeypatch.setattr(pygame.mouse, "get_pos", lambda: at)
        monkeypatch.setattr(pygame.mouse, "get_focused", lambda: True)
        click(at)
        tip = pygame.Rect(0, 0, 40, 40)
        tip.midbottom = at[0], layout.bar.top - 50
        for key in ((), (pygame.K_n,), (pygame.K_n, pygame.KMOD_SHIFT)):
            if key:
                tap(*key)
            yield 3
            yield exact(player)
            yield 10
            shown.append(pixels()[box(tip)])

    play(script)
    assert (shown[0] != shown[1]).any()  # both are known, and are of the same place
    assert (shown[0] == shown[2]).all()
