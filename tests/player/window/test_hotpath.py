"""A steady scrub allocates nothing that stays, and copies a picture no more than it must."""

from __future__ import annotations

import gc
import tracemalloc
from typing import Any

import pygame
import pytest

from player.window.window import Window
from tests.player.fakes import FakeRenderer
from tests.player.window.stage import Script, exact, play, press, release

TURNS = 120
SIDE = 128
GROWTH = 256 * 1024
"""bytes that Python may hold more after two seconds of scrubbing: rendered words of a bounded
cache, and the test's own lists; one picture kept for each turn would be a hundred times as much"""


@pytest.fixture(autouse=True)
def no_display(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")


def scrub(player: Window, turns: int) -> Script:
    """Hold → for as many turns, to and fro over what is cached."""
    for key in (pygame.K_RIGHT, pygame.K_LEFT):
        press(key)
        yield turns // 2
        release(key)
    yield 2


def filled(player: Window) -> bool:
    return player.session.worker.cache.bytes >= 401 * 3 * SIDE * SIDE


def test_a_steady_scrub_holds_on_to_nothing_and_takes_no_second_copy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    surfaces = [0]
    real: Any = pygame.Surface
    growth: list[int] = []
    peaks: list[int] = []
    shown: list[int] = []

    def script(player: Window) -> Script:
        yield exact(player)
        yield lambda: filled(player)
        yield from scrub(player, TURNS)  # fonts, texts and surfaces are made once
        monkeypatch.setattr(pygame, "Surface", counted)
        gc.collect()
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        draw = player.canvas.draw

        def measured(view: Any, frame: Any, *rest: Any) -> None:
            tracemalloc.reset_peak()
            held = tracemalloc.get_traced_memory()[0]
            draw(view, frame, *rest)
            peaks.append(tracemalloc.get_traced_memory()[1] - held)
            shown.append(id(frame))

        monkeypatch.setattr(player.canvas, "draw", measured)
        yield from scrub(player, TURNS)
        gc.collect()
        growth.append(tracemalloc.get_traced_memory()[0] - before)
        tracemalloc.stop()
        monkeypatch.setattr(pygame, "Surface", real)

    class counted(real):  # type: ignore[misc]
        def __init__(self, size: tuple[int, int], *rest: Any) -> None:
            surfaces[0] += min(size) >= SIDE
            super().__init__(size, *rest)

    try:
        play(script, FakeRenderer(size=SIDE))
    finally:
        tracemalloc.stop()
    assert len(set(shown)) > 30, "the scrub showed too few different pictures"
    assert growth, "the scrub did not come to its end"
    assert growth[0] < GROWTH
    assert max(peaks) < SIDE * SIDE * 3 // 2, "a picture was copied on its way to the window"
    assert surfaces[0] == 0, "a surface as large as a picture was made again"
