"""The stations of a chain on the seek bar, and a bar that does not pretend."""

from __future__ import annotations

import numpy as np
import pygame
import pytest
from numpy.typing import NDArray

from player.window import theme
from player.window.layout import MARKS, share_x
from player.window.parts.readouts import speed_line
from player.window.window import Window
from tests.player.fakes import FakeRenderer
from tests.player.window.stage import Script, exact, layout_of, pixels, play, stage

pytestmark = pytest.mark.usefixtures("dummy_display")


def bar(expression: str) -> tuple[NDArray[np.uint8], int]:
    """Play an expression; return the bar with what stands below it, [h, w, 3], and its height."""
    seen: list[tuple[NDArray[np.uint8], int]] = []

    def script(player: Window) -> Script:
        yield exact(player)
        yield 60
        bar = layout_of(player).bar
        seen.append((pixels()[bar.top : bar.bottom + MARKS, bar.left : bar.right], bar.height))

    play(script, expression=expression)
    return seen[0]


def test_a_middle_station_is_a_notch_with_its_word() -> None:
    pixels, height = bar("cat -> dog -> fox")
    plain, _ = bar("cat -> fox")
    middle = share_x(pygame.Rect(0, 0, pixels.shape[1], height), 0.5)
    notch = pixels[2 : height - 2, middle - 2 : middle + 2].reshape(-1, 3)
    assert (notch == theme.ROOM).all(1).sum() >= 2 * (height - 4)
    assert not (plain[2 : height - 2, middle - 2 : middle + 2] == theme.ROOM).all(-1).any()
    third = pixels.shape[1] // 3  # the ends have their words too
    words = (pixels[height:, third:-third] != theme.ROOM).any((0, 2)).nonzero()[0]
    assert len(words)
    assert abs((words[0] + words[-1]) / 2 + third - middle) <= 3
    assert not (plain[height:, third:-third] != theme.ROOM).any()
    for side in (plain[height:, :third], plain[height:, -third:]):
        assert (side != theme.ROOM).any()


def test_where_nothing_moves_there_is_no_handle_and_nothing_cached() -> None:
    pixels, height = bar("cat to dog")
    inside = pixels[4 : height - 4, 6:-6].reshape(-1, 3)
    assert (inside == theme.TROUGH).all()


@pytest.mark.parametrize(("expression", "counts"), [("cat", False), ("cat -> kitten", True)])
def test_a_count_of_a_line_stands_where_there_is_a_line(expression: str, counts: bool) -> None:
    player, _ = stage(FakeRenderer(), expression)
    assert ("/401" in speed_line(player.session.view(60))) == counts
