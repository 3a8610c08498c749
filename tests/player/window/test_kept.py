"""Stills, recordings and grids that are saved from the window."""

from __future__ import annotations

import json
import shlex
from contextlib import nullcontext
from pathlib import Path

import av
import numpy as np
import pygame
import pytest
from numpy.typing import NDArray
from PIL import Image

from player.window.window import Window
from runtime.output.film import read_settings
from runtime.request import Request
from tests.player.fakes import FakeRenderer, picture
from tests.player.window.stage import PAD, Script, exact, play, tap

pytestmark = pytest.mark.usefixtures("dummy_display")


def film_of(path: Path) -> list[NDArray[np.int64]]:
    with av.open(str(path)) as film:
        assert film.streams.video[0].average_rate == 20
        return [frame.to_ndarray(format="rgb24").astype(int) for frame in film.decode(video=0)]


def contains(whole: NDArray[np.uint8], part: NDArray[np.uint8]) -> bool:
    """Tell whether the part stands somewhere in the whole, pixel for pixel."""
    h, w = part.shape[:2]
    for y, x in np.argwhere((whole == part[h // 2, w // 2]).all(axis=-1)):
        top, left = y - h // 2, x - w // 2
        if top >= 0 and left >= 0 and np.array_equal(whole[top : top + h, left : left + w], part):
            return True
    return False


def test_a_still_holds_the_picture_on_show_and_the_command_that_makes_it_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def script(player: Window) -> Script:
        tap(pygame.K_4)
        yield 2
        yield exact(player)
        tap(pygame.K_s)
        yield 2

    play(script, FakeRenderer(metadata={"model": "gradient"}), folder=tmp_path)
    (path,) = tmp_path.glob("*.png")
    request = Request("cat -> kitten", t=0.4, steps=4)
    assert np.array_equal(np.asarray(Image.open(path)), picture(request))
    settings = read_settings(path)
    words = shlex.split(settings["command"])
    assert words[:2] == ["wordmorph", "render"]
    assert words[words.index("--t") + 1] == "0.4"
    assert words[-1] == "cat -> kitten"
    assert settings["command"] in capsys.readouterr().out
    assert (settings["model"], settings["seed"], settings["t"]) == ("gradient", 0, 0.4)
    assert json.dumps(settings)


def test_a_recording_is_what_was_performed_in_real_time(tmp_path: Path) -> None:
    def script(player: Window) -> Script:
        yield exact(player)
        tap(pygame.K_r)
        yield 31
        tap(pygame.K_END)
        yield 60
        tap(pygame.K_r)
        yield 2

    play(script, folder=tmp_path)
    (path,) = tmp_path.glob("*.mp4")
    frames = film_of(path)
    assert len(frames) == pytest.approx(1.5 * 20, abs=2)
    at_end = [
        np.abs(frame - picture(Request("cat -> kitten", t=1.0))).mean() < 6 for frame in frames
    ]
    assert at_end.index(True) == pytest.approx(10, abs=2)
    assert all(at_end[12:])
    assert np.abs(frames[0] - picture(Request("cat -> kitten"))).mean() < 6


@pytest.mark.parametrize("interrupt", [False, True])
def test_quitting_and_ctrl_c_complete_the_recording_and_say_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], interrupt: bool
) -> None:
    def script(player: Window) -> Script:
        yield exact(player)
        tap(pygame.K_r)
        yield 30
        if interrupt:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) if interrupt else nullcontext():
        play(script, folder=tmp_path)
    (path,) = tmp_path.glob("*.mp4")
    assert len(film_of(path)) >= 9
    assert f"recorded {path}" in capsys.readouterr().out
    assert not pygame.display.get_init()


def test_a_folder_that_cannot_be_written_is_said_in_the_window(tmp_path: Path) -> None:
    notices: list[str] = []

    def script(player: Window) -> Script:
        yield exact(player)
        tap(pygame.K_s)
        yield 2
        notices.append(player.state.notice)
        tap(pygame.K_r)
        yield lambda: "recording failed" in player.state.notice
        notices.append(player.state.notice)

    player = play(script, folder=tmp_path / "missing")
    assert len(notices) == 2
    assert all("cannot be written" in notice for notice in notices)
    assert player.session.keeping.recorder is None


def test_a_grid_is_saved_over_both_axes_while_playing_goes_on(tmp_path: Path) -> None:
    def script(player: Window) -> Script:
        tap(pygame.K_SPACE)
        yield 2
        tap(pygame.K_g)
        yield 2
        yield lambda: player.session.keeping.grid_shot is None

    assert play(script, expression=PAD, folder=tmp_path).state.request.t > 0.03
    (path,) = tmp_path.iterdir()
    words = shlex.split(read_settings(path)["command"])
    assert words[:2] == ["wordmorph", "grid"]
    assert (words[words.index("--rows") + 1], words[words.index("--cols") + 1]) == ("5", "7")
    grid = np.asarray(Image.open(path).convert("RGB"))
    for t, u in ((0.0, 0.0), (0.0, 1.0), (1.0, 1.0)):
        assert contains(grid, picture(Request(PAD, t=t, u=u, steps=4)))
