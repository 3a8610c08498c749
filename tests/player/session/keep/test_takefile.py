"""Takes: what was performed is written, read, and means the same moments again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from player.session.keep.takefile import Take, read_take, write_take
from player.session.motion.moment import FORMAT, KeptFileError, Moment
from runtime.request import Request
from tests.player.fakes import session_of

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
    session = session_of(tmp_path)
    session.start()
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
