"""What goes wrong while the window is open, and what the person at the keyboard hears of it."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pygame
import pytest

from player.session.filling.memory import Descriptors
from player.session.filling.scan import Scan
from player.session.motion.playhead import Playhead, Warp
from player.session.rendering.renderer import PendingRequest
from player.session.rendering.worker import Worker
from player.session.reproduce import free_path
from player.window.keys import key_of
from player.window.window import Window
from runtime.cache import FrameCache
from runtime.language.line import TICKS, Line
from runtime.output.film import open_film, read_settings
from runtime.request import Request
from tests.player.fakes import SIZE, FakeRenderer
from tests.player.window.stage import PAD, Script, exact, layout_of, pixels, play, tap

pytestmark = pytest.mark.usefixtures("dummy_display")


def test_a_grid_that_fails_says_why_and_the_next_one_works(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fake = FakeRenderer(refuse=(0.25,))

    def script(player: Window) -> Script:
        yield exact(player)
        tap(pygame.K_g)
        yield lambda: player.session.keeping.grid_shot is not None
        yield lambda: player.session.keeping.grid_shot is None
        fake.refuse = ()
        tap(pygame.K_g)
        yield lambda: bool(list(tmp_path.glob("*-grid.png")))
        yield lambda: player.session.keeping.grid_shot is None

    play(script, fake, PAD, folder=tmp_path)
    message = capsys.readouterr().out.splitlines()
    assert message[0] == "the latent is not finite: lower the weights"
    assert message[1].startswith("saved ")


def test_a_grid_records_the_seed_it_was_asked_with(tmp_path: Path) -> None:
    def script(player: Window) -> Script:
        yield exact(player)
        tap(pygame.K_g)
        yield lambda: player.session.keeping.grid_shot is not None
        tap(pygame.K_n)
        yield lambda: player.session.keeping.grid_shot is None

    play(script, expression=PAD, folder=tmp_path)
    (saved,) = tmp_path.glob("*.png")
    settings = read_settings(saved)
    assert settings["seed"] == 0
    assert "--seed 0" in settings["command"]


def test_quitting_before_a_grid_is_whole_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def script(player: Window) -> Script:
        yield exact(player)
        tap(pygame.K_g)
        yield lambda: player.session.keeping.grid_shot is not None

    play(script, expression=PAD, folder=tmp_path)
    assert "grid.png was not finished" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_quitting_while_the_model_opens_says_what_it_waits_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    opening, go_on = threading.Event(), threading.Event()

    def slow() -> FakeRenderer:
        opening.set()
        threading.Timer(1.0, go_on.set).start()
        assert go_on.wait(10)
        return FakeRenderer()

    player = Window(slow, Request("cat -> kitten"), picture=(SIZE, SIZE))

    def leave() -> None:
        opening.wait(10)
        tap(pygame.K_ESCAPE)

    threading.Thread(target=leave).start()
    player.run(10.0)
    assert capsys.readouterr().out == "ending as soon as the model is open\n"


UNDRAWN = (255, 0, 255)


@pytest.mark.parametrize("size", [(200, 300), (8, 8), (30, 900)])
def test_a_window_of_any_size_is_drawn(size: tuple[int, int]) -> None:
    def script(player: Window) -> Script:
        yield exact(player)
        for _ in range(3):
            tap(pygame.K_RIGHT)
            yield 2
        pygame.display.set_mode(size)
        for key in (pygame.K_t, pygame.K_F1, pygame.K_h):
            surface = pygame.display.get_surface()
            assert surface is not None
            surface.fill(UNDRAWN)
            player.canvas.forget()
            tap(key)
            yield 3
            assert layout_of(player).window.size == size
            assert not (pixels() == UNDRAWN).all(-1).any()

    play(script, expression=PAD)


def test_up_and_down_leave_a_film_playing_where_there_is_no_second_axis() -> None:
    def script(player: Window) -> Script:
        yield exact(player)
        tap(pygame.K_SPACE)
        yield 5
        tap(pygame.K_UP)
        yield 5
        assert player.state.playhead.playing

    play(script)


@pytest.mark.parametrize(
    ("key", "text", "means"),
    [
        (pygame.K_AMPERSAND, "1", pygame.K_1),
        (pygame.K_COMMA, "?", pygame.K_QUESTION),
        (pygame.K_SEMICOLON, ".", pygame.K_PERIOD),
        (pygame.K_1, "!", pygame.K_1),
        (pygame.K_a, "q", pygame.K_a),
        (pygame.K_i, "\t", pygame.K_i),
        (pygame.K_RIGHT, "", pygame.K_RIGHT),
    ],
)
def test_digits_and_punctuation_count_by_what_they_type(key: int, text: str, means: int) -> None:
    assert key_of(pygame.event.Event(pygame.KEYDOWN, key=key, mod=0, unicode=text)) == means


def test_in_perceptual_time_the_finest_move_still_leaves_a_storm() -> None:
    distances = np.full(400, 1e-4)
    distances[200] = 1.0
    head = Playhead(x=2000.0, warp=Warp.of_distances(distances))
    for _ in range(40):
        head = head.move(1)
    assert head.x >= 2010
    for _ in range(80):
        head = head.move(-1)
    assert head.x < 2000
    assert Playhead(x=float(TICKS), warp=head.warp).move(1).x == TICKS


def test_a_line_is_filled_although_the_cache_is_full_of_others() -> None:
    frame = SIZE * SIZE * 3
    fake = FakeRenderer()
    worker = Worker(lambda: fake, FrameCache(600 * frame))
    first, second = Request("cat -> kitten"), Request("cat -> kitten", seed=1)
    worker.ask(PendingRequest(first))
    worker.open()
    for request in (first, second):
        worker.ask(PendingRequest(request))
        for _ in range(1000):
            worker.turn()
    assert len(worker.cache.positions(second)) == 401
    assert worker.lines.speeds is not None
    assert worker.lines.speeds.complete


def test_a_line_larger_than_the_cache_stops_being_filled() -> None:
    fake = FakeRenderer()
    worker = Worker(lambda: fake, FrameCache(100 * SIZE * SIZE * 3))
    worker.ask(PendingRequest(Request("cat -> kitten")))
    worker.open()
    for _ in range(1000):
        worker.turn()
    assert len(fake.rendered) <= 101


def test_a_scan_closes_the_gaps_that_an_eviction_left() -> None:
    fake, cache, line = FakeRenderer(), FrameCache(), Request("cat -> kitten")
    scan = Scan(Line(line, "t"), Descriptors(cache))

    def see(*indices: int) -> list[bool]:
        for index in indices:
            cache.put(fake.render(line.at(index / 400)))
        return [scan.add(index) for index in indices]

    assert see(10, 30) == [True, True]
    scan._descriptors._known.clear()
    cache._drop(line.at(30 / 400))
    assert see(20) == [True]
    assert (20, 30) not in scan.differences
    assert see(30) == [True]
    assert set(scan.differences) == {(10, 20), (20, 30)}
    assert see(30) == [False]


def test_a_name_that_is_just_being_written_is_not_free(tmp_path: Path) -> None:
    first = free_path(tmp_path, "take", ".mp4")
    with open_film(first, (32, 32), 20, {"expression": "cat"}) as film:
        film.write(np.zeros((32, 32, 3), np.uint8))
        assert free_path(tmp_path, "take", ".mp4").name == "take-2.mp4"
        assert free_path(tmp_path, "tak", ".mp4").name == "tak.mp4"
    assert free_path(tmp_path, "take", ".mp4").name == "take-2.mp4"


def test_interpolation_changes_while_playing_and_the_command_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fake = FakeRenderer()

    def script(player: Window) -> Script:
        yield exact(player)
        tap(pygame.K_5)
        tap(pygame.K_i)
        yield exact(player)
        tap(pygame.K_s)
        yield 3

    assert play(script, fake, folder=tmp_path).state.request.interp == "slerp"
    assert any(request.interp == "slerp" and request.t == 0.5 for request in fake.rendered)
    assert "--interp slerp" in capsys.readouterr().out
