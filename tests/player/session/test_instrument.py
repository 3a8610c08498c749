"""Settings, loops, marks, models and the difference of two pictures, without any front end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from player.session.actions import NAMES
from player.session.models import Model
from player.session.motion.moment import Moment
from player.session.motion.playhead import Playhead, TickPoint
from player.session.session import Session
from player.session.words import complete
from runtime.errors import BundleError, EngineError, RequestError
from runtime.language.line import TICKS
from runtime.output.film import open_film, save_still
from runtime.request import Request
from tests.player.fakes import SIZE, FakeRenderer, picture, session_of, turn


class Shelf:
    """Two models that draw, and one that cannot be opened."""

    def __init__(self) -> None:
        self.opened: list[FakeRenderer] = []

    def names(self) -> tuple[str, ...]:
        return ("critters", "large", "broken")

    def find(self, name: str) -> Model:
        if name not in self.names():
            raise BundleError(f"unknown model {name!r}")
        side = 2 * SIZE if name == "large" else SIZE
        steps = (2, 4) if name == "large" else (1, 2)
        return Model(name, (side, side), self._open(name, side), steps=steps, default_steps=2)

    def _open(self, name: str, side: int) -> Callable[[], FakeRenderer]:
        def open_it() -> FakeRenderer:
            if name == "broken":
                raise EngineError("this model is not for this machine")
            self.opened.append(FakeRenderer(size=side))
            return self.opened[-1]

        return open_it


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def session(tmp_path: Path, shelf: Shelf) -> Session:
    made = session_of(tmp_path, open_renderer=shelf.find("critters").open, t=0.25, models=shelf)
    made.start()
    turn(made, 3)
    return made


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
    session = session_of(tmp_path)
    session.start()
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


def test_the_difference_of_the_marks_is_what_the_pixels_say(session: Session) -> None:
    session.state.toggle_difference()
    assert not session.state.panels.difference
    session.state.mark("a")
    session.state.seek(0.75)
    session.state.mark("b")
    session.state.toggle_difference()
    session.picture()
    turn(session, 5)
    frame = session.picture()
    assert frame is not None
    pair = [picture(Request("cat -> kitten", t=t)).astype(int) for t in (0.25, 0.75)]
    gap = np.abs(pair[0] - pair[1])
    assert np.abs(frame.pixels - gap * (255 / gap.max())).max() <= 1
    assert session.state.frame is not None
    assert frame is not session.state.frame  # what is saved and recorded stays the picture
    session.state.back()
    assert session.picture() is session.state.frame


def test_a_mark_that_cannot_be_drawn_is_said_once_and_the_difference_is_given_up(
    tmp_path: Path,
) -> None:
    fake = FakeRenderer(refuse=(0.75,))
    session = session_of(tmp_path, open_renderer=lambda: fake, t=0.25)
    session.start()
    turn(session, 3)
    session.state.mark("a")
    session.state.seek(0.75)
    session.state.mark("b")
    session.state.seek(0.25)
    session.state.toggle_difference()
    for _ in range(20):
        turn(session, 1)
        session.picture()
    assert not session.state.panels.difference
    assert "the latent is not finite" in session.state.notice
    assert len(session.state.printed) == 1
    session.state.toggle_difference()  # whoever asks again is told again
    turn(session, 20)
    assert len(session.state.printed) == 2


def test_a_known_difference_stays_although_its_pictures_were_dropped(session: Session) -> None:
    session.state.mark("a")
    session.state.seek(0.75)
    session.state.mark("b")
    session.state.toggle_difference()
    turn(session, 5)
    shown = session.picture()
    assert shown is not session.state.frame
    for request in session.state.marked() or ():
        session.state.cache.forget(request)
    turn(session, 1)
    assert session.picture() is shown


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
    assert "the recording ends: another model" in session.state.notice
    assert session.keeping.finishing is not None, "it was waited for"
    assert session.played.name == "large"
    release.set()
    session.keeping.finishing.wait()
    turn(session, 1)
    assert session.keeping.finishing is None
    assert any("recorded" in line and ".mp4" in line for line in session.state.printed)


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


def test_words_are_completed_from_what_the_model_was_taught() -> None:
    taught = ("cat", "kite", "kitten", "on")
    assert complete("cat -> ki", 9, taught) == (7, ("kite", "kitten"))
    assert complete("ki -> cat", 2, taught) == (0, ("kite", "kitten"))
    assert complete("cat -> ", 7, taught) == (7, ())
    assert complete("cat", 3, taught) == (0, ())
    assert "cat -> kitten" in complete("", 0, taught)[1]


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
    session = session_of(tmp_path)
    session.start()
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
