"""Settings that are changed while playing."""

from __future__ import annotations

from pathlib import Path

import pytest

from player.session.actions import NAMES
from player.session.session import Session
from runtime.errors import RequestError
from runtime.request import Request
from tests.player.fakes import started, turn


def test_steps_are_those_on_offer_and_a_seed_is_taken_as_typed(session: Session) -> None:
    for _ in range(3):
        session.live.change_steps(1)
    assert session.state.request.steps == 2
    session.live.change_steps(-1)
    assert session.state.request.steps == 1
    session.live.type_seed(" 4294967295 ")
    assert session.state.request.seed == 4294967295
    for text in ("4294967296", "-1", "1.5", "", "٣", "9" * 5000):
        with pytest.raises(RequestError, match="whole number"):
            session.live.type_seed(text)
    seeds = set()
    for _ in range(4):
        NAMES["random_seed"].perform(session)
        seeds.add(session.state.request.seed)
    assert len(seeds) == 4


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        (Request("cat -> kitten", t=0.25), "there is no slot"),
        (Request("a [cat -> kitten] here", t=0.25, edit_row=3), "row 3 alone"),
    ],
)
def test_an_edit_that_changes_no_picture_is_not_asked_for(
    tmp_path: Path, request_: Request, says: str
) -> None:
    session = started(tmp_path)
    session.change(request_)
    turn(session, 20)
    cached = session.view(60).cached
    session.live.next_edit()
    assert says in session.state.notice
    assert session.state.request == request_
    assert session.view(60).cached == cached


def test_slots_edit_their_word_then_its_tail_then_all(session: Session) -> None:
    session.write("a [cat -> kitten] here")
    edits = []
    for _ in range(3):
        session.live.next_edit()
        edits.append(session.state.request.edit)
    assert edits == ["tail", "all", "word"]
