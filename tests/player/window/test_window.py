"""The real window under SDL's dummy driver, played by posted events."""

from __future__ import annotations

import threading
import time
from statistics import median

import numpy as np
import pygame
import pytest

from player.window.keys import key_of
from player.window.layout import share_x
from player.window.parts.pad import field
from player.window.parts.readouts import settings_line
from player.window.window import Window
from runtime.errors import DisplayError, EngineError, ExpressionError
from runtime.request import Request
from tests.player.fakes import FakeRenderer
from tests.player.window.stage import (
    PAD,
    Script,
    click,
    exact,
    layout_of,
    mouse,
    pixels,
    play,
    press,
    release,
    stage,
    tap,
)

pytestmark = pytest.mark.usefixtures("dummy_display")


def perform(fake: FakeRenderer, *keys: int | tuple[int, int], expression: str = PAD) -> Request:
    """Tap keys, one or (key, modifiers), two turns apart; return where that leads."""

    def script(player: Window) -> Script:
        for key in keys:
            tap(*(key if isinstance(key, tuple) else (key,)))
            yield 2
        yield exact(player)

    return play(script, fake, expression).state.request


@pytest.mark.parametrize(
    ("keys", "t", "u"),
    [
        ([pygame.K_RIGHT] * 3, 0.0075, 0.5),
        ([(pygame.K_RIGHT, pygame.KMOD_SHIFT)], 0.025, 0.5),
        ([pygame.K_RIGHT, (pygame.K_LEFT, pygame.KMOD_CTRL)], 0.00225, 0.5),
        ([pygame.K_LEFT], 0.0, 0.5),
        ([pygame.K_UP, pygame.K_UP, (pygame.K_DOWN, pygame.KMOD_SHIFT)], 0.0, 0.48),
        ([pygame.K_END], 1.0, 0.5),
        ([pygame.K_6, pygame.K_HOME], 0.0, 0.5),
        ([pygame.K_3], 0.3, 0.5),
        ([pygame.K_KP7], 0.7, 0.5),
        ([pygame.K_2, pygame.K_a, pygame.K_8, pygame.K_b, pygame.K_TAB], 0.2, 0.5),
        ([pygame.K_2, pygame.K_a, pygame.K_8, pygame.K_b, *[pygame.K_TAB] * 2], 0.8, 0.5),
    ],
)
def test_keys_move_the_playhead_by_exact_amounts(keys: list[int], t: float, u: float) -> None:
    fake = FakeRenderer()
    last = perform(fake, *keys)
    assert (last.t, last.u) == (t, u)
    assert last in fake.rendered


def test_without_a_second_axis_up_and_down_do_nothing() -> None:
    assert perform(FakeRenderer(), pygame.K_UP, expression="cat -> kitten").u == 0.5


def test_where_only_the_second_axis_moves_left_and_right_go_along_it_and_up_too() -> None:
    line = "cat | -tabby .. tabby"
    last = perform(FakeRenderer(), pygame.K_4, pygame.K_RIGHT, expression=line)
    assert (last.t, last.u) == (0.0, 0.4025)
    assert perform(FakeRenderer(), pygame.K_UP, expression=line).u == 0.5025


def test_seeds_go_forward_and_back() -> None:
    fake = FakeRenderer()
    back = (pygame.K_n, pygame.KMOD_SHIFT)
    assert perform(fake, pygame.K_n, pygame.K_n, pygame.K_n, back).seed == 2
    assert {request.seed for request in fake.rendered} == {0, 1, 2, 3}


@pytest.mark.parametrize(
    ("modifier", "t"), [(0, 0.1), (pygame.KMOD_SHIFT, 1.0), (pygame.KMOD_CTRL, 0.01)]
)
def test_a_held_arrow_moves_once_and_then_on(modifier: int, t: float) -> None:
    begun: list[float] = []

    def script(player: Window) -> Script:
        press(pygame.K_RIGHT, modifier)
        yield 6
        begun.append(player.state.request.t)
        yield 67
        release(pygame.K_RIGHT)
        yield 20

    last = play(script).state.request
    scale = {0: 1, pygame.KMOD_SHIFT: 10, pygame.KMOD_CTRL: 0.1}[modifier]
    assert begun == [scale / 400]
    assert last.t == pytest.approx(t, abs=0.005 * scale)
    assert last.t * 4000 == round(last.t * 4000)


def test_losing_the_keyboard_stops_what_is_held() -> None:
    def script(player: Window) -> Script:
        press(pygame.K_RIGHT)
        yield 30
        pygame.event.post(pygame.event.Event(pygame.WINDOWFOCUSLOST))
        yield 5
        here.append(player.state.request.t)
        yield 30

    here: list[float] = []
    assert play(script).state.request.t == here[0] > 0


def test_space_plays_twenty_divisions_a_second_and_comma_halves_it() -> None:
    places: list[float] = []

    def script(player: Window) -> Script:
        tap(pygame.K_SPACE)
        yield 60
        places.append(player.state.request.t)
        tap(pygame.K_COMMA)
        yield 60
        places.append(player.state.request.t)
        tap(pygame.K_SPACE)
        yield 30

    last = play(script).state.request
    assert places == pytest.approx([20 / 400, 30 / 400], abs=1.5 / 400)
    assert last.t == pytest.approx(places[1], abs=1.5 / 400)


def test_the_bar_can_be_clicked_and_dragged_and_the_pad_follows_the_mouse() -> None:
    places: list[tuple[float, float]] = []

    def script(player: Window) -> Script:
        layout = layout_of(player)
        bar, inner = layout.bar, field(layout.pad)
        for kind, position in (
            (pygame.MOUSEBUTTONDOWN, (share_x(bar, 0.25), bar.centery)),
            (pygame.MOUSEMOTION, (bar.right + 50, bar.bottom + 90)),
            (pygame.MOUSEBUTTONUP, bar.center),
            (pygame.MOUSEMOTION, bar.midleft),
            (pygame.MOUSEBUTTONDOWN, inner.center),
            (pygame.MOUSEMOTION, inner.topleft),
        ):
            mouse(kind, position)
            yield 2
            places.append((player.state.request.t, player.state.request.u))

    play(script, expression=PAD)
    assert places[0][0] == pytest.approx(0.25, abs=0.002)
    assert places[1:4] == [(1.0, 0.5)] * 3
    assert places[4] == pytest.approx((0.5, 0.5), abs=0.01)
    assert places[5] == (0.0, 1.0)


def test_a_frame_that_fails_is_drawn_as_a_line_and_the_window_lives_on() -> None:
    def script(player: Window) -> Script:
        yield exact(player)
        tap(pygame.K_5)
        yield 4
        assert player.session.asking.error == "the latent is not finite: lower the weights"
        tap(pygame.K_RIGHT)
        yield 2
        yield exact(player)
        assert player.session.asking.error == ""

    assert play(script, FakeRenderer(refuse=(0.5,))).state.request.t == 0.5025


def test_every_overlay_can_be_opened_and_changes_what_is_seen() -> None:
    def script(player: Window) -> Script:
        yield 500  # everything is filled and still
        shots = {pixels().tobytes()}
        for code in (pygame.K_t, pygame.K_h, pygame.K_F1):
            tap(code)
            yield 10
            shots.add(pixels().tobytes())
            tap(code)
            yield 10
        assert len(shots) == 4

    play(script, expression="a [cat -> kitten] on a sofa")


def test_perceptual_time_waits_for_the_scan_and_then_evens_the_moves_out() -> None:
    def script(player: Window) -> Script:
        tap(pygame.K_p)
        yield 2
        assert "needs all pictures of the bar" in player.state.notice
        yield (lambda: player.state.speeds is not None and player.state.speeds.complete)
        tap(pygame.K_p)
        yield 2
        assert player.state.notice.startswith("perceptual time")
        for _ in range(3):
            tap(pygame.K_PERIOD)  # 8 times as fast
        tap(pygame.K_SPACE)
        yield 20 * 60 // 8 // 2  # half of the way in this time

    state = play(script).state
    assert state.speeds is not None
    changes, t = state.speeds.values, state.request.t
    assert np.nansum(changes[: round(t * 400)]) / changes.sum() == pytest.approx(0.5, abs=0.05)
    assert t > 0.52  # the storm comes late, so half of the change is past the middle


def test_the_window_keeps_its_pace_and_shows_what_is_near_while_a_frame_takes_half_a_second() -> (
    None
):
    paces = []
    for seconds in (0.0, 0.5):
        fake = FakeRenderer(seconds=seconds)
        player, _ = stage(fake, threads=True, now=time.perf_counter)
        shown: list[float] = []
        wanted: list[float] = []

        def act(
            player: Window = player,
            fake: FakeRenderer = fake,
            shown: list[float] = shown,
            wanted: list[float] = wanted,
        ) -> None:
            while player.state.frame is None:
                time.sleep(0.01)
            press(pygame.K_RIGHT, pygame.KMOD_SHIFT)
            time.sleep(2)
            release(pygame.K_RIGHT)
            drawn = {request.t for request in fake.rendered}
            digit = next((n for n in range(3, 9) if n / 10 not in drawn), 3)
            wanted.append(digit / 10)
            tap(pygame.K_0 + digit)
            while player.state.request.t != wanted[0]:
                time.sleep(0.002)
            time.sleep(0.05)
            shown.append(player.state.frame.request.t)
            while not exact(player)():
                time.sleep(0.01)
            tap(pygame.K_ESCAPE)

        actor = threading.Thread(target=act)
        actor.start()
        last = player.run(30).t
        actor.join()
        assert last == wanted[0]
        paces.append(median(player.intervals))
    assert shown[0] != wanted[0]  # the nearest there was, at once
    assert paces[1] < max(0.025, 1.3 * paces[0])


def test_errors_in_opening_end_the_window_with_the_error() -> None:
    class Broken(FakeRenderer):
        def check(self, request: Request) -> None:
            raise EngineError("this engine is not for this machine")

    for threads in (True, False):
        player, _ = stage(Broken(), threads=threads)
        with pytest.raises(EngineError, match="not for this machine"):
            player.run(10)
        assert not pygame.display.get_init()


def test_an_expression_that_cannot_be_read_opens_no_window() -> None:
    with pytest.raises(ExpressionError):
        stage(FakeRenderer(), "cat -> [")
    assert not pygame.display.get_init()


def test_without_a_display_it_says_what_to_use_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SDL_VIDEODRIVER", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    player, _ = stage(FakeRenderer())
    with pytest.raises(DisplayError, match="wordmorph render"):
        player.run(1)


def test_escape_closes_the_help_then_leaves_full_screen_then_quits() -> None:
    player, conductor = stage(FakeRenderer())
    seen = []

    def script() -> Script:
        yield exact(player)
        tap(pygame.K_f)
        tap(pygame.K_F1)
        yield 3
        for _ in range(3):
            seen.append(
                (player.state.panels.help, player.state.panels.fullscreen, player.state.closing)
            )
            tap(pygame.K_ESCAPE)
            yield 3
        raise AssertionError("the third Escape did not end it")

    conductor.script = script()
    player.run()
    assert seen == [(True, True, False), (False, True, False), (False, False, False)]


def test_escape_brings_the_panel_back_before_it_leaves_full_screen() -> None:
    def script(player: Window) -> Script:
        yield exact(player)
        tap(pygame.K_f)
        tap(pygame.K_v)
        yield 3
        for fullscreen in (True, False):
            tap(pygame.K_ESCAPE)
            yield 3
            panels = player.state.panels
            assert (panels.clean, panels.fullscreen) == (False, fullscreen)
            assert not player.state.closing

    play(script)


def test_what_is_asked_is_not_said_of_the_picture_on_show() -> None:
    def script(player: Window) -> Script:
        yield exact(player)
        for _ in range(10):
            player.state.change_seed(1)
        assert settings_line(player.session.view(60)).startswith("seed 0 → 10 …")
        yield exact(player)
        assert settings_line(player.session.view(60)).startswith("seed 10   ")

    play(script)


def test_a_key_of_another_alphabet_counts_by_its_place() -> None:
    press_of = pygame.event.Event(
        pygame.KEYDOWN, key=0x442, mod=0, unicode="т", scancode=pygame.KSCAN_N
    )
    assert key_of(press_of) == pygame.K_n


def test_the_wheel_moves_and_a_click_on_the_picture_plays() -> None:
    def script(player: Window) -> Script:
        yield exact(player)
        pygame.event.post(pygame.event.Event(pygame.MOUSEWHEEL, x=0, y=3))
        yield 2
        assert player.state.request.t == 3 / 400
        for plays in (True, False):
            click(layout_of(player).picture.center)
            yield 2
            assert player.state.playhead.playing == plays

    play(script)
