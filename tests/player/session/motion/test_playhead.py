from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from player.session.motion.playhead import FINE, SPEEDS, Playhead, Warp
from runtime.language.line import DIVISIONS, TICKS
from runtime.request import Request

TICK_COUNTS = st.lists(st.sampled_from([-100, -10, -1, 1, 10, 100]), max_size=60)
MOVES = st.lists(
    st.tuples(
        st.sampled_from(["play", "move_on", "move", "seek", "toggle", "flip", "mark"]),
        st.floats(-1.5, 1.5),
    ),
    max_size=40,
)


def test_400_moves_from_the_start_reach_the_end_exactly() -> None:
    head = Playhead().rest_at(0.0, 0.5)
    seen = {head.t}
    for _ in range(DIVISIONS):
        head = head.move(FINE)
        seen.add(head.t)
    assert head.t == 1.0
    assert len(seen) == DIVISIONS + 1
    assert 0.5 in seen


def test_playing_at_20_frames_a_second_shows_each_of_400_divisions_once() -> None:
    head = Playhead().toggle()
    seen = [head.t]
    for _ in range(DIVISIONS):
        head = head.play(1 / 20)
        seen.append(head.t)
    assert seen == [k / DIVISIONS for k in range(DIVISIONS + 1)]
    assert head.play(1 / 20).t == 1 - 1 / DIVISIONS


@given(moves=TICK_COUNTS)
def test_moves_add_up_as_long_as_no_end_is_met(moves: list[int]) -> None:
    head = Playhead().rest_at(0.5, 0.5)
    expected = TICKS // 2
    for move in moves:
        head = head.move(move)
        expected = min(max(expected + move, 0), TICKS)
    assert head.t == expected / TICKS


@given(moves=MOVES, speed=st.sampled_from(SPEEDS))
def test_whatever_is_done_the_position_is_one_a_model_can_draw(
    moves: list[tuple[str, float]], speed: float
) -> None:
    head = Playhead(speed=speed)
    base = Request("cat -> kitten")
    for move, amount in moves:
        if move == "play":
            head = head.play(abs(amount) * 40)
        elif move == "move_on":
            head = head.move_on(0.1, amount * 4000, -amount * 300)
        elif move == "move":
            head = head.move(round(amount * 10), round(amount * 10))
        elif move == "seek":
            head = head.seek(abs(amount) / 1.5, abs(amount) / 1.5)
        elif move == "toggle":
            head = head.toggle()
        elif move == "flip":
            head = head.flip()
        else:
            head = head.mark("a" if amount < 0 else "b")
        request = head.request(base)  # Request refuses what is outside [0, 1]
        assert request.t == round(request.t * TICKS) / TICKS


@given(dt=st.floats(0, 500), pieces=st.integers(1, 20), start=st.integers(0, DIVISIONS))
def test_bouncing_does_not_depend_on_how_time_is_cut(dt: float, pieces: int, start: int) -> None:
    whole = Playhead().rest_at(start / DIVISIONS, 0.5).toggle()
    cut = whole
    for _ in range(pieces):
        cut = cut.play(dt / pieces)
    assert cut.x == pytest.approx(whole.play(dt).x, abs=1e-3)


def test_after_the_end_it_comes_back() -> None:
    head = Playhead().rest_at(0.99, 0.5).toggle()
    there = head.play(0.2)
    back = there.play(0.2)
    assert there.t == 1.0
    assert back.t == 0.99
    assert back.direction == -1


def test_a_second_pass_meets_the_positions_of_the_first() -> None:
    first = {Playhead().move_on(k * 0.0167, 400).t for k in range(100)}
    assert first <= {k / DIVISIONS for k in range(DIVISIONS + 1)}


def test_moving_on_slowly_shows_what_lies_between_divisions() -> None:
    head = Playhead().rest_at(0.5, 0.5).move_on(0.1, 40.0)
    assert head.t == 0.501
    assert head.at_rest().move(FINE).t == 0.5035


@pytest.mark.parametrize(("direction", "pending"), [(1, 0.0025), (-1, 0.9975)])
def test_from_an_end_playing_goes_away_from_it(direction: int, pending: float) -> None:
    head = Playhead(x=0.0 if direction > 0 else TICKS, direction=-direction).toggle()
    assert head.play(1 / 20).t == pending


def test_tab_flips_between_the_marks_and_back() -> None:
    head = Playhead().rest_at(0.2, 0.5).mark("a").move(FINE * 30).mark("b").move(FINE)
    assert [head.flip().t, head.flip().flip().t, head.flip().flip().flip().t] == [0.2, 0.275, 0.2]


@given(distances=st.lists(st.floats(0, 1), min_size=2, max_size=60), t=st.floats(0, 1))
def test_perceptual_time_can_be_undone(distances: list[float], t: float) -> None:
    warp = Warp.of_distances(np.array(distances))
    assert warp.time(warp.seen(t)) == pytest.approx(t, abs=1e-9)
    assert (warp.seen(0.0), warp.seen(1.0)) == (0.0, 1.0)


def test_in_perceptual_time_playing_lingers_in_the_storm() -> None:
    distances = np.full(DIVISIONS, 0.001)
    distances[200:204] = 0.25
    head = Playhead(warp=Warp.of_distances(distances)).toggle()
    inside = 0
    for _ in range(DIVISIONS):
        inside += 0.5 <= head.t <= 0.51
        head = head.play(1 / 20)
    assert head.t == 1.0
    assert inside > 200
