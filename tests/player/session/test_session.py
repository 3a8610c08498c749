"""A session without any front end: other words while playing."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from player.session.session import Session
from runtime.errors import ExpressionError, RequestError
from runtime.output.film import save_still
from runtime.request import Request
from tests.player.fakes import SIZE, FakeRenderer, picture, started, turn


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


def test_what_else_is_wanted_does_not_replace_what_is_foreseen(session: Session) -> None:
    coming = session.state.request.at(0.7)
    session.asking.foresee(coming)
    session.asking.ask()
    session.priority.want("marks", (session.state.request.at(0.2),))
    asked = session.worker.requests.take()
    assert asked is not None
    assert asked.request == coming


def test_the_counts_of_requests_add_up_and_nothing_queues(tmp_path: Path) -> None:
    session = Session(
        lambda: FakeRenderer(seconds=0.02),
        Request("cat -> kitten"),
        picture=(SIZE, SIZE),
        folder=tmp_path,
    )
    session.start()
    import time

    for turn_number in range(120):
        session.state.seek(turn_number * 3 / 400)  # what arrives is the nearest there is
        session.turn(0.005, time.perf_counter())
        session.stats.show(session.picture())
        time.sleep(0.005)
    for _ in range(100):
        session.turn(0.005, time.perf_counter())
        session.stats.show(session.picture())
        if not session.view(60).behind:
            break
        time.sleep(0.02)
    time.sleep(0.1)
    figures = session.stats.values(session.worker, session.state.cache)
    session.close()
    requests = figures["requests"]
    assert requests["asked"] == sum(requests[k] for k in ("served", "superseded", "waiting"))
    assert requests["superseded"] > 20
    unknown = figures["scrub_unknown_ms"]
    assert unknown["count"] > 5
    assert 20 <= unknown["p50"] <= 200  # the frame in flight and its own, at 20 ms each


@pytest.mark.parametrize(
    ("expression", "t", "u"),
    [
        ("cat -> kitten", 0.123456, 0.5),
        ("cat -> kitten", 1e-5, 0.5),
        ("cat -> kitten | -tabby .. tabby", 0.25, 1 / 3),
        ("cat | -tabby .. tabby", 0.0, 0.654321),
    ],
)
def test_what_was_made_between_two_ticks_opens_exactly_there(
    tmp_path: Path, expression: str, t: float, u: float
) -> None:
    made = Request(expression, t=t, u=u, seed=5)
    still = tmp_path / "made.png"
    save_still(still, picture(made), {**asdict(made), "model": "critters", "digest": ""})
    session = started(tmp_path)
    turn(session, 2)
    session.open_file(still)
    turn(session, 3)
    assert session.state.request == made
    frame = session.picture()
    assert frame is not None
    assert np.array_equal(frame.pixels, picture(made))
    session.state.change_seed(1)
    assert session.state.request == replace(made, seed=6)
    session.state.mark("a")
    session.state.seek(0.0)
    turn(session, 1)
    place = session.state.request.t if session.state.axis == "t" else session.state.request.u
    assert place == 0.0
    session.state.move_along(1)
    place = session.state.request.t if session.state.axis == "t" else session.state.request.u
    assert place == 1 / 400


def test_a_controller_that_fails_never_stops_the_picture(session: Session) -> None:
    class Broken:
        def poll(self, session: Session, now: float) -> None:
            raise ValueError("the port\nis gone")

        def close(self) -> None:
            pass

    session.controllers.append(Broken())
    session.state.seek(0.5)
    turn(session, 30)
    frame = session.picture()
    assert frame is not None
    assert frame.request.t == 0.5
    assert session.state.printed == ["Broken: ValueError: the port is gone"]
