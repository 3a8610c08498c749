"""Marks, and playing between them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from player.session.motion.playhead import Playhead, TickPoint
from player.session.session import Session
from runtime.language.line import TICKS
from tests.player.fakes import turn


def test_marks_keep_their_seed(session: Session) -> None:
    session.state.mark("a")
    session.state.change_seed(5)
    session.state.mark("b")
    session.state.change_seed(1)
    session.state.seek(0.9)
    asked = []
    for _ in range(3):
        session.state.flip()
        asked.append((session.state.request.t, session.state.request.seed))
    assert asked == [(0.25, 0), (0.25, 5), (0.25, 0)]


def marked(loop: str, *, direction: int = 1) -> Playhead:
    head = Playhead().rest_at(0.2, 0.5).mark("a").jump((TICKS // 2, TICKS // 2)).mark("b")
    head = head.jump((TICKS * 3 // 10, TICKS // 2)).toggle()
    return replace(head, between=True, loop=loop, direction=direction)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("loop", "direction", "seconds", "t", "playing"),
    [
        ("bounce", 1, 3.9, 0.495, True),
        ("bounce", 1, 5.0, 0.45, True),
        ("bounce", -1, 3.0, 0.25, True),
        ("wrap", 1, 5.0, 0.25, True),
        ("wrap", -1, 3.0, 0.45, True),
        ("once", 1, 5.0, 0.5, False),
        ("once", -1, 3.0, 0.2, False),
    ],
)
def test_playing_stays_between_the_marks(
    loop: str, direction: int, seconds: float, t: float, playing: bool
) -> None:
    head = marked(loop, direction=direction)
    for _ in range(round(seconds * 100)):
        head = head.play(0.01)
        assert 0.2 <= head.t <= 0.5
    assert head.t == pytest.approx(t, abs=0.003)
    assert head.playing == playing


def places(head: Playhead, seconds: float) -> list[tuple[float, float]]:
    seen = []
    for _ in range(round(seconds * 60)):
        head = head.play(1 / 60)
        seen.append((head.t, head.u))
    return seen


def between(first: TickPoint, second: TickPoint) -> Playhead:
    head = Playhead().jump(first).mark("a").jump(second).mark("b")
    return replace(head, between=True).toggle()


def test_marks_that_differ_in_u_alone_are_played_between_along_u() -> None:
    seen = places(between((TICKS // 4, TICKS // 5), (TICKS // 4, TICKS // 2)), 20)
    assert {t for t, _ in seen} == {0.25}
    across = [u for _, u in seen]
    assert min(across) == 0.2
    assert max(across) == 0.5
    assert len(set(across)) > 100


def test_marks_that_differ_in_both_axes_are_played_between_in_a_straight_line() -> None:
    seen = places(between((TICKS // 5, 0), (TICKS // 2, TICKS)), 20)
    assert min(t for t, _ in seen) == 0.2
    assert max(t for t, _ in seen) == 0.5
    for t, u in seen:
        assert u == pytest.approx((t - 0.2) / 0.3, abs=0.01)


def test_marks_of_one_u_leave_u_to_whoever_moves_it() -> None:
    head = between((TICKS // 5, TICKS // 2), (TICKS // 2, TICKS // 2)).seek(None, 0.9)
    assert {u for _, u in places(head, 3)} == {0.9}


def test_without_a_second_axis_marks_count_along_the_one_there_is(session: Session) -> None:
    head = Playhead().jump((0, 0)).mark("a").jump((0, TICKS)).mark("b").jump((0, TICKS // 2))
    session.state.playhead = head
    session.state.toggle_between()
    assert "once they lie apart" in session.state.notice
    session.state.play()
    turn(session, 60)
    assert session.state.request.t > 0
    assert session.state.request.u == 0.5


def test_what_stopped_at_the_end_begins_anew(session: Session) -> None:
    head = marked("once")
    while head.playing:
        head = head.play(0.1)
    assert head.toggle().t == 0.2
