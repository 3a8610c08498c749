"""Zoom, taps, the title, the clipboard and files that are dropped, in the window."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pygame
import pytest

from player.window.window import Window
from runtime.output.film import save_still
from tests.player.fakes import FakeRenderer
from tests.player.window.stage import (
    HERTZ,
    Script,
    click,
    exact,
    layout_of,
    mouse,
    play,
    stage,
    tap,
)

pytestmark = pytest.mark.usefixtures("dummy_display")


def drag(start: tuple[int, int], by: tuple[int, int]) -> None:
    mouse(pygame.MOUSEBUTTONDOWN, start)
    end = start[0] + by[0], start[1] + by[1]
    moved = {"pos": end, "rel": by, "buttons": (1, 0, 0)}
    pygame.event.post(pygame.event.Event(pygame.MOUSEMOTION, moved))
    mouse(pygame.MOUSEBUTTONUP, end)


def test_an_enlarged_picture_is_dragged_as_far_as_its_edge_and_a_double_click_resets_it() -> None:
    def script(player: Window) -> Script:
        yield exact(player)
        layout = layout_of(player)
        middle = layout.picture.center
        for _ in range(2):
            tap(pygame.K_z)
            yield 2
        assert player.state.panels.zoom == 4
        drag(middle, (40, 0))
        yield 2
        assert player.canvas.centre[0] == pytest.approx(0.5 - 10 / layout.picture.width, abs=0.002)
        assert not player.state.playhead.playing  # a drag is no click
        drag(middle, (9000, 9000))
        yield 2
        assert player.canvas.centre == (0.125, 0.125)
        for _ in range(2):
            click(middle)
        yield 2
        assert player.state.panels.zoom == 1
        assert not player.state.playhead.playing  # played and paused

    play(script)


def test_a_double_click_shows_the_whole_picture_and_moves_nothing() -> None:
    def script(player: Window) -> Script:
        yield exact(player)
        tap(pygame.K_3)
        tap(pygame.K_z)
        yield 3
        before = player.state.request
        layout = layout_of(player)
        for _ in range(2):
            click(layout.picture.center)
            yield 15  # as slowly as a double click may be
        assert player.state.panels.zoom == 1
        assert player.state.request == before
        assert not player.state.playhead.playing

    play(script)


def test_a_tap_counts_when_it_is_heard() -> None:
    player, conductor = stage(FakeRenderer())
    heard: list[float] = []

    def script() -> Script:
        yield exact(player)
        for _ in range(4):
            tap(pygame.K_k)
            heard.append(conductor.turn / HERTZ)
            yield HERTZ // 2

    conductor.script = script()
    player.run()
    tempo = player.session.beats.tempo
    assert tempo is not None
    assert tempo.start == pytest.approx(heard[0], abs=1e-6)


def test_the_title_of_the_window_follows_the_words() -> None:
    def title() -> str:
        return pygame.display.get_caption()[0]

    def script(player: Window) -> Script:
        yield exact(player)
        assert title() == "wordmorph  cat -> kitten"
        player.session.write("dog -> fox")
        yield 2
        assert title() == "wordmorph  dog -> fox"
        tap(pygame.K_z, pygame.KMOD_CTRL)
        yield 2
        assert title() == "wordmorph  cat -> kitten"

    play(script)


def test_c_copies_the_command_or_prints_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    copied: list[str] = []

    def script(player: Window) -> Script:
        yield exact(player)
        monkeypatch.setattr(pygame.scrap, "put_text", copied.append)
        tap(pygame.K_3)
        yield 2
        tap(pygame.K_c)
        yield 2

        def refuse(_: str) -> None:
            raise pygame.error("no clipboard")

        monkeypatch.setattr(pygame.scrap, "put_text", refuse)
        tap(pygame.K_c)
        yield 2

    play(script)
    command = "wordmorph play --t 0.3 --seed 0 --steps 4 'cat -> kitten'"
    assert copied == [command]
    assert command in capsys.readouterr().out


def drop(player: Window, path: Path) -> None:
    pygame.event.post(pygame.event.Event(pygame.DROPFILE, file=str(path)))


def test_a_dropped_picture_opens_where_it_was_made_and_others_are_one_line(tmp_path: Path) -> None:
    notices = []

    def script(player: Window) -> Script:
        yield exact(player)
        player.session.write("dog -> fox")
        tap(pygame.K_n)
        tap(pygame.K_7)
        yield 2
        yield exact(player)
        tap(pygame.K_s)
        tap(pygame.K_HOME)
        yield 3
        (still,) = tmp_path.glob("*.png")
        made_with = player.state.request
        player.session.write("cat -> kitten")
        yield 2
        other = tmp_path / "other.png"
        save_still(other, np.zeros((4, 4, 3), np.uint8), {"expression": "cat"})
        plain = tmp_path / "plain.mp4"
        plain.write_bytes(b"no film")
        for path in (other, plain, tmp_path / "gone.png", tmp_path):
            drop(player, path)
            yield 2
            notices.append(player.state.notice)
        assert player.state.request.expression == "cat -> kitten"
        player.state.invocation = player.state.invocation.__class__(model="fake")
        drop(player, still)
        yield 2
        assert player.state.request == made_with.at(0.7)

    play(script, folder=tmp_path)
    assert len(notices) == 4
    assert all(notice and "\n" not in notice for notice in notices)
