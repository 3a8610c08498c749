"""Undo and redo over expressions, positions, seeds and settings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from player.session.actions import find
from player.session.motion.moment import Moment
from player.session.rendering.models import Model
from player.session.session import Session
from runtime.errors import BundleError, EngineError
from runtime.request import Request
from tests.player.fakes import SIZE, FakeRenderer, started

CLOCK = [0.0]


def pass_time(session: Session, seconds: float) -> None:
    for _ in range(round(seconds * 60)):
        CLOCK[0] += 1 / 60
        session.turn(1 / 60, CLOCK[0])


@pytest.fixture(autouse=True)
def rested(session: Session) -> None:
    """A place that was rested at is one to come back to."""
    session.state.seek(0.0)
    pass_time(session, 1.0)


def test_everything_done_is_undone_one_by_one_and_done_again(session: Session) -> None:
    entries: list[Callable[[], None]] = [
        lambda: session.state.seek(0.3),
        lambda: session.state.change_seed(1),
        lambda: session.write("a [dog -> fox] here"),
        lambda: session.live.next_edit(),
        lambda: session.state.toggle_interp(),
        lambda: session.live.change_steps(1),
        lambda: session.state.seek(0.9),
    ]
    asked = [session.state.request]
    for entry in entries:
        entry()
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


def test_moving_on_under_a_held_key_is_one_entry_and_so_is_playing(session: Session) -> None:
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
        session.live.set_seed(seed)
        pass_time(session, 1.0)
    session.undo()
    pass_time(session, 1.0)
    session.live.set_seed(9)
    pass_time(session, 1.0)
    session.redo()
    assert session.state.request.seed == 9
    session.undo()
    assert session.state.request.seed == 1


def test_a_glide_to_other_words_is_one_entry(session: Session) -> None:
    began = session.state.request
    target = Request("dog -> fox", t=0.25, seed=4)
    session.cues.set([Moment(target, session.played.name)], 1.0)
    session.cues.recall(1, gliding=True)
    pass_time(session, 2.0)
    assert session.state.request == target
    session.undo()
    assert session.state.request == began
    session.redo()
    assert session.state.request == target


def test_undo_in_the_midst_of_a_glide_returns_to_where_it_began(session: Session) -> None:
    began = session.state.request
    session.cues.set([Moment(Request("dog -> fox"), session.played.name)], 4.0)
    session.cues.recall(1, gliding=True)
    pass_time(session, 2.0)
    assert session.state.request.expression not in (began.expression, "dog -> fox")
    session.undo()
    pass_time(session, 3.0)
    assert session.state.request == began


def test_what_is_done_in_the_same_turn_is_undone_first(session: Session) -> None:
    session.live.set_seed(1)
    pass_time(session, 1.0)
    session.live.set_seed(2)
    session.undo()
    assert session.state.request.seed == 1


class Shelf:
    """Two models, of which one may be taken away or refuse to open."""

    def __init__(self) -> None:
        self.gone = self.shut = False

    def names(self) -> tuple[str, ...]:
        return ("critters", "large")

    def find(self, name: str) -> Model:
        if name == "large" and self.gone:
            raise BundleError("unknown model 'large'")
        return Model(name, (SIZE, SIZE), lambda: self.open(name))

    def open(self, name: str) -> FakeRenderer:
        if name == "large" and self.shut:
            raise EngineError("this model is not for this machine")
        return FakeRenderer()


def played_with_two_models(folder: Path, shelf: Shelf) -> Session:
    made = started(folder, open_renderer=FakeRenderer, models=shelf)
    pass_time(made, 1.0)
    made.live.set_seed(1)
    pass_time(made, 1.0)
    made.live.next_model()
    pass_time(made, 1.0)
    made.live.next_model()
    pass_time(made, 1.0)
    assert made.played.name == "critters"
    made.live.set_seed(2)
    pass_time(made, 1.0)
    return made


def test_an_entry_that_cannot_be_played_again_is_said_and_does_not_stand_in_the_way(
    tmp_path: Path,
) -> None:
    shelf = Shelf()
    session = played_with_two_models(tmp_path, shelf)
    shelf.gone = True
    session.undo()
    pass_time(session, 0.2)
    assert session.state.request.seed == 1
    session.undo()
    pass_time(session, 0.2)
    assert "unknown model" in session.state.notice
    session.redo()  # what was undone before is still there
    pass_time(session, 0.2)
    assert session.state.request.seed == 2
    for _ in range(3):
        session.undo()
        pass_time(session, 0.2)
    assert session.state.request.seed == 0


def test_undo_goes_past_a_model_that_no_longer_opens(tmp_path: Path) -> None:
    shelf = Shelf()
    session = played_with_two_models(tmp_path, shelf)
    shelf.shut = True
    notices = []
    for _ in range(5):
        session.state.say("")
        session.undo()
        pass_time(session, 0.2)
        notices.append(session.state.notice)
        assert session.played.name == "critters"
    assert sum("is not for this machine: playing on" in one for one in notices) == 1
    assert session.state.request.seed == 0
    session.redo()
    pass_time(session, 0.2)
    assert session.state.request.seed == 1


def test_the_keys_are_those_of_every_other_program() -> None:
    def named(*, shift: bool = False) -> str:
        bound = find("z", ctrl=True, shift=shift)
        assert bound is not None
        return bound[0].name

    assert named() == "undo"
    assert named(shift=True) == "redo"
