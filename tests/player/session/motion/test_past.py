"""Undo and redo over expressions, positions, seeds and settings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from player.session.actions import find
from player.session.session import Session
from tests.player.fakes import session_of


@pytest.fixture
def session(tmp_path: Path) -> Session:
    made = session_of(tmp_path)
    made.start()
    pass_time(made, 1.0)
    return made


CLOCK = [0.0]


def pass_time(session: Session, seconds: float) -> None:
    for _ in range(round(seconds * 60)):
        CLOCK[0] += 1 / 60
        session.turn(1 / 60, CLOCK[0])


def test_everything_done_is_undone_step_by_step_and_done_again(session: Session) -> None:
    steps: list[Callable[[], None]] = [
        lambda: session.state.seek(0.3),
        lambda: session.state.change_seed(1),
        lambda: session.write("dog -> fox"),
        lambda: session.settings.next_edit(),
        lambda: session.state.toggle_interp(),
        lambda: session.settings.change_steps(1),
        lambda: session.state.seek(0.9),
    ]
    asked = [session.state.request]
    for step in steps:
        step()
        pass_time(session, 1.0)
        asked.append(session.state.request)
    assert len(set(asked)) == len(asked)
    for before in reversed(asked[:-1]):
        session.undo()
        pass_time(session, 0.1)
        assert session.state.request == before
        assert session.state.frame is not None
        assert session.state.frame.request == before
    session.undo()
    assert session.state.notice == "nothing to undo"
    for after in asked[1:]:
        session.redo()
        pass_time(session, 0.1)
        assert session.state.request == after
    session.redo()
    assert session.state.notice == "nothing to redo"


def test_a_glide_under_a_held_key_is_one_step_and_so_is_playing(session: Session) -> None:
    for _ in range(90):
        CLOCK[0] += 1 / 60
        session.turn(1 / 60, CLOCK[0], (400.0, 0.0))
    session.state.rest()
    pass_time(session, 1.0)
    there = session.state.request
    session.state.play()
    pass_time(session, 3.0)
    session.state.play()
    pass_time(session, 1.0)
    session.undo()
    assert session.state.request == there
    session.undo()
    assert session.state.request.t == 0.0


def test_what_is_done_after_an_undo_takes_the_place_of_what_was_undone(session: Session) -> None:
    for seed in (1, 2):
        session.settings.set_seed(seed)
        pass_time(session, 1.0)
    session.undo()
    pass_time(session, 1.0)
    session.settings.set_seed(9)
    pass_time(session, 1.0)
    session.redo()
    assert session.state.request.seed == 9
    session.undo()
    assert session.state.request.seed == 1


def test_the_keys_are_those_of_every_other_program() -> None:
    def named(*, shift: bool = False) -> str:
        bound = find("z", ctrl=True, shift=shift)
        assert bound is not None
        return bound[0].name

    assert named() == "undo"
    assert named(shift=True) == "redo"
