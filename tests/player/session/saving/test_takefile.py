"""Takes: what was performed is written, read, and means the same moments again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from player.session.motion.moment import Moment
from player.session.saving import takefile
from player.session.saving.keptfile import FORMAT, KeptFileError
from player.session.saving.takefile import Take, read_take, write_take
from player.session.saving.takerecorder import TakeRecorder
from runtime.request import Request
from tests.player.fakes import started, ticking

requests = st.builds(
    Request,
    st.sampled_from(["cat -> kitten", "dog -> fox | -tabby .. tabby", 'a "[x]" → ünïcode']),
    t=st.integers(0, 4000).map(lambda k: k / 4000),
    u=st.floats(0, 1),
    seed=st.integers(0, 2**32 - 1),
    steps=st.integers(1, 4),
    edit=st.sampled_from(["word", "tail", "all"]),
    edit_row=st.sampled_from([None, 1, 5]),
    interp=st.sampled_from(["lerp", "slerp"]),
)
moments = st.builds(Moment, requests, st.sampled_from(["critters", "sd-turbo"]), st.just("ab12"))


@given(
    events=st.lists(st.tuples(st.integers(1, 500), moments), min_size=1, max_size=12),
    rest=st.integers(0, 100),
)
def test_what_is_written_is_read_again(
    tmp_path_factory: pytest.TempPathFactory, events: list[tuple[int, Moment]], rest: int
) -> None:
    at, placed = 0, []
    for number, (gap, moment) in enumerate(events):
        at += gap if number else 0
        placed.append((at / 60, moment))
    take = Take(tuple(placed), (at + rest) / 60)
    path = tmp_path_factory.mktemp("takes") / "one.take.json"
    write_take(path, take)
    again = read_take(path)
    assert [moment for _, moment in again.events] == [moment for _, moment in take.events]
    for (first, _), (second, _) in zip(again.events, take.events, strict=True):
        assert first == pytest.approx(second, abs=1e-6)
    for fps in (20, 60):
        assert again.moments(fps) == take.moments(fps)


def test_a_recording_leaves_a_take_of_what_was_asked_for_and_when(tmp_path: Path) -> None:
    session = started(tmp_path)
    asked = []
    for turn in range(200):
        now = 5.0 + turn / 60
        if turn == 10:
            session.keeping.record()
        if turn == 40:
            session.state.play()
        if turn == 100:
            session.write("dog -> fox")
        if turn == 130:
            session.state.change_seed(1)
        session.turn(1 / 60, now)
        if turn >= 10:
            asked.append(session.state.request)
    session.keeping.record()
    session.turn(1 / 60, 5.0 + 200 / 60)
    session.finish()
    session.close()
    (path,) = tmp_path.glob("*.take.json")
    (film,) = tmp_path.glob("*.mp4")
    assert path.name == f"{film.stem}.take.json"
    take = read_take(path)
    shown = [moment.request for moment in take.moments(60)]
    assert shown == asked[: len(shown)]
    assert abs(len(shown) - len(asked)) <= 1
    assert len({moment.request.expression for moment in take.moments(20)}) == 2


def whole(**changes: Any) -> dict[str, Any]:
    first = {"at": 0.0, "model": "critters", "digest": "", "expression": "cat -> kitten", "t": 0.0}
    first |= {"u": 0.5, "seed": 0, "steps": 1, "edit": "word", "edit_row": None, "interp": "lerp"}
    second: dict[str, Any] = {"at": 0.5, "t": 0.25}
    made = {"kind": "wordmorph take", "format": FORMAT, "seconds": 1.0, "events": [first, second]}
    second.update({name[7:]: v for name, v in changes.items() if name.startswith("second_")})
    made.update({name: v for name, v in changes.items() if not name.startswith("second_")})
    return made


def test_the_take_of_these_tests_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "one.take.json"
    path.write_text(json.dumps(whole()))
    assert [moment.request.t for moment in read_take(path).moments(4)] == [0.0, 0.0, 0.25, 0.25]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "damaged"),
        ('{"kind": "wordmorph take"', "damaged"),
        (whole(kind="wordmorph cue list"), "no take"),
        (whole(format=FORMAT + 1), "newer"),
        (whole(events=[]), "0 events"),
        (whole(events=[1]), "no object"),
        (whole(seconds=-1), "seconds"),
        (whole(seconds=float("inf")), "seconds"),
        (whole(second_at=-1), "event 2: at"),
        (whole(second_at="now"), "event 2: at"),
        (whole(second_at=float("nan")), "event 2: at"),
        (whole(second_t=3), "between 0 and 1"),
        (whole(second_expression="cat -> ["), "event 2"),
        (whole(second_surprise=1), "unknown field"),
        (whole(second_model=3), "no model"),
        (whole(second_model="\udc00"), "half a character"),
        (whole(second_at=10**400), "event 2: at"),
        (whole(second_t=10**400), "t cannot be"),
        (whole(seconds=10**400), "seconds cannot be"),
        (whole(events=[{"at": 0.0, "t": 0.5}]), "no model"),
        (whole(events=[{"at": 0.0, "t": 0.5, "model": "critters"}]), "no expression"),
    ],
)
def test_a_harmed_take_is_one_line(
    tmp_path: Path, content: str | dict[str, Any], says: str
) -> None:
    path = tmp_path / "one.take.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(KeptFileError) as raised:
        read_take(path)
    assert says in str(raised.value)
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_take_is_played_up_to_the_event_that_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "one.take.json"
    harmed = whole(seconds=2.0)
    harmed["events"] += [{"at": 1.0, "t": 9}, {"at": 1.5, "t": 0.1}]
    path.write_text(json.dumps(harmed))
    message: list[str] = []
    take = read_take(path, message.append)
    assert [moment.request.t for _, moment in take.events] == [0.0, 0.25]
    assert take.seconds == 0.5
    (line,) = message
    assert "event 3" in line
    assert "\n" not in line
    harmed["events"][0]["t"] = 9
    path.write_text(json.dumps(harmed))
    with pytest.raises(KeptFileError, match="event 1"):
        read_take(path, message.append)


@pytest.mark.parametrize("limit", ["MOST_SECONDS", "MOST_EVENTS", "MOST_BYTES"])
def test_a_take_that_grows_too_large_ends_where_it_can_still_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    least = {"MOST_SECONDS": 2.0, "MOST_EVENTS": 120, "MOST_BYTES": 4000}[limit]
    monkeypatch.setattr(takefile, limit, least)
    path = tmp_path / "one.take.json"
    recorder = TakeRecorder(path, 0.0)
    asked = []
    for frame in range(600):
        request = Request("cat -> ünïcode", t=frame / 600)
        recorder.observe(Moment(request, "critters"), frame / 60)
        asked.append(request)
    assert recorder.full
    write_take(path, recorder.take())
    if limit == "MOST_BYTES":
        monkeypatch.setattr("player.session.saving.keptfile.MOST_BYTES", least)
    shown = [one.request for one in read_take(path).moments(60)]
    assert 50 < len(shown) < 200
    assert shown == asked[: len(shown)]


def test_the_take_outlives_a_film_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object) -> None:
        raise OSError(28, "No space left on device")

    session = started(tmp_path)
    ticks = ticking(session)
    ticks(3)
    monkeypatch.setattr("runtime.output.mp4.Mp4.write", failing)
    session.keeping.record()
    recorder = session.keeping.recorder
    assert recorder is not None
    session.state.seek(0.5)
    ticks(2)
    while not recorder.finished:
        ticks(1)
    ticks(2)
    session.finish()
    session.close()
    assert not list(tmp_path.glob("*.mp4"))
    (path,) = tmp_path.glob("*.take.json")
    assert read_take(path).events[-1][1].request.t == 0.5
    assert any(path.name in line for line in session.state.printed)
