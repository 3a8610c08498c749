"""``wordmorph play`` on the built-in model, in a real window under SDL's dummy driver."""

from __future__ import annotations

import re
import shlex
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import av
import numpy as np
import pygame
import pytest
from PIL import Image

from player.window.window import Window
from runtime.errors import BundleError, ExpressionError, MorphError, RequestError
from runtime.output.film import read_settings
from runtime.pipeline import Pipeline
from runtime.request import Request
from tests.player.commands.commandline import invoke
from tests.support.models.cliptokenizer import raw_tokenizer
from tests.support.models.resealed import replace_file
from tests.support.models.tinybundle import TOKENIZER, write_tiny

LONGEST_WAIT_S = 60.0


def tap(code: int) -> None:
    pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=code, mod=0, unicode=""))
    pygame.event.post(pygame.event.Event(pygame.KEYUP, key=code, mod=0))


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Window]:
    """Collect the windows that are opened; none outlives what may be waited for in it."""
    windows: list[Window] = []
    real = Window.run

    def run(window: Window, max_seconds: float | None = None) -> Request:
        windows.append(window)
        return real(window, max_seconds or 2 * LONGEST_WAIT_S)

    monkeypatch.setattr(Window, "run", run)
    return windows


def wait_for(condition: Callable[[], bool], seconds: float = LONGEST_WAIT_S) -> None:
    deadline = time.perf_counter() + seconds
    while not condition():
        assert time.perf_counter() < deadline, f"it did not happen within {seconds:g} s"
        time.sleep(0.01)


def test_a_servers_range_is_not_looked_for_with_a_model_of_here(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def no_model(*_: object, **__: object) -> None:
        raise AssertionError("a model was opened here")

    monkeypatch.setattr(Pipeline, "open", no_model)
    words = ["cat | -?*tabby .. +?*tabby", "--connect", "http://127.0.0.1:1/?token=none"]
    with pytest.raises(RequestError, match="type them in the window"):
        invoke("play", *words)


@pytest.mark.parametrize("option", ["--cues", "--cache"])
def test_what_a_server_cannot_do_for_a_window_is_refused(option: str, tmp_path: Path) -> None:
    words = ["--connect", "http://127.0.0.1:1/?token=none", option, str(tmp_path / "512M")]
    with pytest.raises(RequestError, match=f"{option}.*leave them out"):
        invoke("play", *words)


def test_the_built_in_model_is_scrubbed_saved_and_recorded_without_a_network(
    dummy_display: None,
    opened: list[Window],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    def no_network(*_: object, **__: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket.socket, "connect", no_network)
    monkeypatch.chdir(tmp_path)

    def play_on() -> None:
        wait_for(lambda: bool(opened) and opened[0].state.frame is not None)
        state = opened[0].state

        def exact() -> bool:
            return state.frame is not None and state.frame.request == state.request

        for code in (pygame.K_s, pygame.K_r, pygame.K_END, pygame.K_LEFT, pygame.K_s):
            tap(code)
            time.sleep(0.1)
            wait_for(exact)
        time.sleep(0.3)

    def act() -> None:
        try:
            play_on()
        finally:  # or the window would stay open for good
            if pygame.display.get_init():
                tap(pygame.K_ESCAPE)

    with ThreadPoolExecutor(1) as pool:
        acted = pool.submit(act)
        printed = invoke("play", "cat -> kitten", "--seed", "3")
        acted.result()

    stills = sorted(tmp_path.glob("*.png"))
    with Pipeline.open() as pipeline:
        for path, t in zip(stills, (0.0, 0.9975), strict=True):
            frame = pipeline.render(pipeline.request("cat -> kitten", t=t, seed=3))
            assert np.array_equal(np.asarray(Image.open(path)), frame.pixels)
        alone = pipeline.render(pipeline.request("cat", seed=3)).pixels
    assert np.array_equal(np.asarray(Image.open(stills[0])), alone)
    settings = read_settings(stills[1])
    assert (settings["model"], settings["seed"], settings["t"]) == ("critters", 3, 0.9975)
    (film,) = tmp_path.glob("*.mp4")
    with av.open(str(film)) as container:
        assert sum(1 for _ in container.decode(video=0)) >= 5
    assert str(settings["command"]) in printed
    again = next(line for line in printed.splitlines() if "wordmorph play" in line)
    words = shlex.split(again)
    assert words[words.index("--t") + 1] == "0.9975"
    assert words[-1] == "cat -> kitten"


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        (["cat -> [kitten"], ExpressionError, "]"),
        ([""], ExpressionError, "cat -> kitten"),
        (["cat " * 90], RequestError, "tokens"),
        (["cat -> kitten", "--model", "nope"], BundleError, "critters"),
        (["cat -> kitten", "--seed", "-1"], RequestError, "seed"),
        (["cat -> kitten", "--t", "1.5"], RequestError, "between 0 and 1"),
        (["cat -> kitten", "--edit", "some"], RequestError, "word, tail, all"),
        (["cat -> kitten", "--edit-row", "0"], RequestError, "BOS"),
        (["cat -> kitten", "--interp", "cubic"], RequestError, "slerp"),
        (["cat -> kitten", "--size", "big"], RequestError, "WIDTHxHEIGHT"),
        (["cat -> kitten", "--steps", "31"], RequestError, "31 steps"),
        (["cat -> kitten", "--zoom", "0"], RequestError, "--zoom"),
    ],
)
def test_bad_input_is_one_line_before_any_window(
    dummy_display: None,
    opened: list[Window],
    arguments: list[str],
    error: type[MorphError],
    says: str,
) -> None:
    with pytest.raises(error, match=re.escape(says)):
        invoke("play", *arguments)
    assert not opened
    assert not pygame.display.get_init()


def test_a_size_the_model_cannot_make_closes_the_window_with_one_line(dummy_display: None) -> None:
    with pytest.raises(RequestError, match="7x7"):
        invoke("play", "cat -> kitten", "--size", "7x7")
    assert not pygame.display.get_init()


def test_a_tokenizer_of_another_length_is_refused_before_a_window_opens(
    opened: list[Window], tmp_path: Path
) -> None:
    folder = write_tiny(tmp_path / "bundle", tokens=77).folder
    raw_tokenizer(length=12).save(str(tmp_path / "short.json"))
    replace_file(folder, TOKENIZER, (tmp_path / "short.json").read_bytes())
    with pytest.raises(BundleError, match="gives 12 rows and the text encoder of tiny reads 77"):
        invoke("play", "cat -> kitten", "--model", str(folder))
    assert opened == []
