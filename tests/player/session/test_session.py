"""A session without any front end: other words while playing."""

from __future__ import annotations

from pathlib import Path

import pytest

from player.session.actions import NAMES
from player.session.session import Session
from runtime.errors import ExpressionError, RequestError
from runtime.request import Request
from tests.player.fakes import session_of, turn


def refuse_fish(request: Request) -> None:
    if "fish" in request.expression:
        raise RequestError("no fish")


@pytest.fixture
def session(tmp_path: Path) -> Session:
    made = session_of(tmp_path, t=0.25, check=refuse_fish)
    made.start()
    turn(made, 3)
    return made


def test_other_words_arrive_at_the_same_place_and_nothing_is_black(session: Session) -> None:
    before = session.state.frame
    assert before is not None
    session.write("dog → fox | -tabby .. tabby")
    assert session.state.frame is before
    assert session.view(60).behind
    turn(session, 1)
    frame = session.state.frame
    assert frame is not None
    assert (frame.request.expression, frame.request.t) == (
        "dog -> fox | -tabby .. tabby",
        0.25,
    )
    view = session.view(60)
    assert view.pad
    assert view.plan is not None
    assert {"dog", "fox"} <= set(view.plan.prompts)
    turn(session, 450)
    assert len(session.view(60).cached) == 401


@pytest.mark.parametrize(
    ("words", "error"), [("cat -> ", ExpressionError), ("fish -> cat", RequestError)]
)
def test_words_that_cannot_be_drawn_change_nothing(
    session: Session, words: str, error: type[Exception]
) -> None:
    before = session.state.request
    with pytest.raises(error):
        session.write(words)
    assert session.state.request == before


def test_words_that_do_not_move_fill_nothing(session: Session) -> None:
    session.write("cat")
    turn(session, 20)
    assert len(session.view(60).cached) == 1
    assert session.state.frame is not None
    assert session.state.frame.request.expression == "cat"


def test_the_range_of_the_second_axis_is_found_while_playing(tmp_path: Path) -> None:
    session = session_of(tmp_path, "cat | -tabby .. tabby")
    session.start()
    NAMES["range"].perform(session)
    said = set()
    for count in range(3000):
        session.turn(1 / 60, count / 60)
        said.add(session.state.notice)
        if any("wordmorph play" in line for line in session.state.printed):
            break
    assert any(notice.startswith("range of tabby: ") for notice in said)
    (line,) = [line for line in session.state.printed if "wordmorph play" in line]
    assert "tabby" in line.splitlines()[0]
    session.write("cat -> kitten")
    NAMES["range"].perform(session)
    assert session.state.notice
    assert "\n" not in session.state.notice


def test_what_else_is_wanted_does_not_replace_what_is_foreseen(session: Session) -> None:
    coming = session.state.request.at(0.7)
    session.asking.foresee(coming)
    session.asking.ask()
    session.wanted.add((session.state.request.at(0.2),))
    asked = session.worker.requests.take()
    assert asked is not None
    assert asked.request == coming
