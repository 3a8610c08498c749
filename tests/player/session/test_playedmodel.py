"""How another model takes over."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import av
import pytest

from player.session.motion.moment import Moment
from player.session.saving.takefile import read_take
from player.session.session import Session
from runtime.output.film import open_film
from runtime.request import Request
from tests.player.fakes import SIZE, ticking, turn
from tests.player.session.shelf import Shelf


def test_another_model_takes_over_and_the_old_picture_stays_until_then(
    session: Session, shelf: Shelf
) -> None:
    before = session.state.frame
    session.go(Moment(Request("cat -> kitten", t=0.5, steps=1), "large"))
    assert session.state.frame is before
    turn(session, 2)
    frame = session.state.frame
    assert frame is not None
    assert frame.pixels.shape == (2 * SIZE, 2 * SIZE, 3)
    assert frame.request.steps == 2  # the nearest this model has
    assert shelf.opened[0].closed
    assert session.played.name == "large"
    session.undo()
    turn(session, 2)
    assert session.played.name == "critters"
    assert session.state.request == Request("cat -> kitten", t=0.25)


def test_a_model_that_cannot_be_opened_is_said_and_the_last_one_plays_on(
    session: Session,
) -> None:
    session.go(Moment(Request("cat -> kitten"), "broken"))
    turn(session, 3)
    assert session.played.name == "critters"
    assert session.state.notice.startswith("this model is not for this machine: playing on")
    assert session.state.frame is not None
    assert session.state.frame.request == session.state.request


def test_changing_the_model_does_not_wait_for_the_film_that_is_recorded(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = threading.Event()

    @contextmanager
    def slow(*given: Any) -> Iterator[Any]:
        with open_film(*given) as film:
            yield film
            release.wait(20)

    monkeypatch.setattr("player.session.saving.filmrecorder.open_film", slow)
    session.keeping.record()
    turn(session, 30)
    session.live.next_model()
    turn(session, 2)
    assert "the recording ends: pictures of another size" in session.state.notice
    assert session.keeping.finishing is not None, "it was waited for"
    assert session.played.name == "large"
    release.set()
    session.keeping.finishing.wait()
    turn(session, 1)
    assert session.keeping.finishing is None
    assert any("recorded" in line and ".mp4" in line for line in session.state.printed)


def test_a_recording_goes_on_with_a_model_of_the_same_size(session: Session) -> None:
    pass_turns = ticking(session)
    session.keeping.record()
    pass_turns(30)
    session.go(Moment(Request("cat -> kitten", t=0.5), "twin"))
    pass_turns(30)
    assert "recording" not in session.state.notice
    assert session.keeping.recorder is not None
    path = session.keeping.recorder.path
    session.keeping.record()
    pass_turns(1)
    session.finish()
    take = read_take(path.with_suffix(".take.json"))
    assert [moment.model for _, moment in take.events] == ["critters", "twin"]
    assert take.events[-1][1].request == Request("cat -> kitten", t=0.5)
    with av.open(str(path)) as film:
        assert 19 <= sum(1 for _ in film.decode(video=0)) <= 22
