"""Cues: kept, recalled, glided to, on disk; files that were harmed."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from player.session.actions import NAMES
from player.session.motion.moment import Moment
from player.session.motion.tempo import Tempo
from player.session.saving.cues import read_cues, write_cues
from player.session.saving.keptfile import FORMAT, KeptFileError
from player.session.session import Session
from runtime.errors import RequestError
from runtime.language.expression import parse
from runtime.request import Request
from tests.player.fakes import FakeRenderer, picture, started, turn
from tests.support.seeds import draw_seed


def test_a_cue_is_everything_that_makes_the_frame(session: Session) -> None:
    session.live.set_seed(7)
    turn(session, 2)
    kept = session.state.request
    session.cues.keep(session.moment)
    session.write("dog -> fox")
    session.live.set_seed(3)
    session.state.seek(0.9)
    turn(session, 2)
    session.cues.recall(1)
    assert session.state.request == kept
    turn(session, 1)
    assert session.state.frame is not None
    assert np.array_equal(session.state.frame.pixels, picture(kept))


def test_pictures_of_cues_are_at_hand_before_they_are_recalled(session: Session) -> None:
    wanted = Request("dog -> fox", t=0.4, seed=5)
    session.cues.set([Moment(wanted, "critters")], 2.0)
    turn(session, 5)
    assert wanted in session.state.cache
    thumbnail = session.cues.kept[0].thumbnail
    assert thumbnail is not None
    assert max(thumbnail.shape) <= 96


def test_a_glide_within_one_expression_passes_every_place_between(session: Session) -> None:
    session.cues.keep(session.moment)
    session.state.seek(0.75)
    turn(session, 2)
    session.cues.recall(1, gliding=True)
    places = []
    for count in range(121):
        session.turn(1 / 60, count / 60)
        places.append(session.state.request.t)
    assert places == sorted(places, reverse=True)
    assert len(set(places)) > 100
    assert places[60] == pytest.approx(0.5, abs=0.01)
    assert session.state.request.t == 0.25
    assert session.state.gliding is None


def test_a_glide_between_two_expressions_goes_through_the_words(session: Session) -> None:
    target = Request("dog -> fox", t=1.0, seed=4)
    session.cues.set([Moment(target, "critters")], 1.0)
    session.cues.recall(1, gliding=True)
    turn(session, 30)
    midway = session.state.request
    assert midway.expression == "0.75*cat + 0.25*kitten -> fox"
    assert midway.t == pytest.approx(0.5, abs=0.01)
    turn(session, 40)
    assert session.state.request == target


def test_the_first_picture_of_a_glide_is_the_one_that_was_left(session: Session) -> None:
    """On the built-in model: the sum of words at a place is the picture at that place."""
    from player.session.motion.glide import glide_between
    from runtime.pipeline import Pipeline

    place = dict(zip("tu", np.random.default_rng(draw_seed()).random(2).tolist(), strict=True))
    sentence = "a {} on a sofa".format
    with Pipeline.open(precision="f32") as pipeline:
        for begun, ended in (
            ("cat -> kitten | -tabby .. tabby", "dog -> fox"),
            (sentence("[cat -> kitten | -tabby .. tabby]"), sentence("[dog -> fox]")),
            (sentence("[cat -> orange fox]"), sentence("[1*owl]")),
            ("a [1*cat] on [grass -> snow]", "a [1*dog] on [1*snow]"),
        ):
            start = pipeline.request(begun, seed=3, **place)
            target = pipeline.request(ended, t=0.6, seed=3)
            way = glide_between(start, target, 1.0)
            assert way is not None
            for here, there, most in ((start, way.start, 1), (target, way.end, 24)):
                gap = pipeline.render(here).pixels.astype(int) - pipeline.render(there).pixels
                whole = not here.expression.startswith("a ")
                assert np.abs(gap).max() <= (1 if whole else most), (place, here, there)
                assert np.abs(gap).mean() < 1


@pytest.mark.parametrize(
    ("begun", "ended"),
    [
        ("a [cat -> fox] on a sofa", "a [1*dog] on the grass"),
        ("a [cat -> fox] on a sofa", "[cat -> fox] on a sofa"),
        ("a [cat -> fox] on a sofa", "dog"),
        ("cat -> fox", "a [1*dog] on a sofa"),
    ],
)
def test_between_other_sentences_a_cue_is_there_at_once(
    session: Session, begun: str, ended: str
) -> None:
    session.change(Request(begun, t=0.5))
    target = Request(str(parse(ended)), t=0.25)
    session.cues.set([Moment(target, "critters")], 1.0)
    session.cues.recall(1, gliding=True)
    turn(session, 1)
    assert session.state.request == target


def test_a_glide_that_the_model_cannot_mix_is_a_jump(session: Session) -> None:
    def check(request: Request) -> None:
        if "->" in request.expression:
            raise RequestError("too many prompts")

    session.played.model = replace(session.played.model, check=check)
    session.cues.set([Moment(Request("dog"), "critters")], 1.0)
    session.cues.recall(1, gliding=True)
    turn(session, 1)
    assert session.state.request == Request("dog")


def test_whoever_moves_by_hand_ends_a_glide(session: Session) -> None:
    session.cues.keep(session.moment)
    session.state.seek(0.75)
    session.cues.recall(1, gliding=True)
    turn(session, 20)
    session.state.move_along(4)
    here = session.state.request
    turn(session, 60)
    assert session.state.request == here


@pytest.mark.parametrize(
    ("action", "value"),
    [("mark_a", None), ("mark_b", None), ("change_speed", 1), ("between", None), ("loop", None)],
)
def test_what_does_not_move_leaves_a_glide_going(
    session: Session, action: str, value: float | None
) -> None:
    target = Request("dog -> fox", t=0.5, seed=4)
    session.cues.set([Moment(target, "critters")], 1.0)
    session.cues.recall(1, gliding=True)
    turn(session, 20)
    NAMES[action].perform(session, value)
    turn(session, 50)
    assert session.state.request == target


def test_playing_or_pausing_ends_a_glide(session: Session) -> None:
    session.cues.keep(session.moment)
    session.state.seek(0.75)
    session.cues.recall(1, gliding=True)
    turn(session, 20)
    session.state.play()
    turn(session, 1)
    assert session.state.gliding is None
    assert session.state.playhead.playing


def test_a_set_is_kept_in_its_file_and_opened_again(session: Session, tmp_path: Path) -> None:
    path = tmp_path / "set.json"
    session.cues.open(path)
    session.cues.keep(session.moment)
    session.state.seek(0.5)
    turn(session, 1)
    session.cues.keep(session.moment)
    session.cues.change_glide(1)
    moments, seconds = read_cues(path)
    assert [moment.request.t for moment in moments] == [0.25, 0.5]
    assert seconds == 4.0
    session.cues.drop(1)
    assert [moment.request.t for moment in read_cues(path)[0]] == [0.5]
    assert len(path.read_text().splitlines()) < 10  # a cue a line


def test_a_cue_of_a_model_that_is_not_here_says_so_and_the_rest_plays(session: Session) -> None:
    there = Moment(Request("dog -> fox"), "sd-turbo")
    session.cues.set([there, Moment(Request("owl"), "critters")], 2.0)
    before = session.state.request
    session.cues.recall(1)
    assert session.state.request == before
    assert session.state.notice.startswith("cue 1: ")
    assert "sd-turbo" in session.state.notice
    session.cues.recall(2)
    assert session.state.request.expression == "owl"
    session.cues.recall(3)
    assert "no cue 3" in session.state.notice


def sheet(**changes: Any) -> dict[str, Any]:
    cue = {"model": "critters", "digest": "", "expression": "cat -> kitten", "t": 0.5, "u": 0.5}
    cue |= {"seed": 0, "steps": 1, "edit": "word", "edit_row": None, "interp": "lerp"}
    whole = {"kind": "wordmorph cue list", "format": FORMAT, "glide_seconds": 2, "cues": [cue]}
    cue.update({name[4:]: value for name, value in changes.items() if name.startswith("cue_")})
    whole.update({n: value for n, value in changes.items() if not n.startswith("cue_")})
    return whole


def test_the_sheet_of_these_tests_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "set.json"
    path.write_text(json.dumps(sheet()))
    assert read_cues(path)[0][0].request.t == 0.5


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "damaged"),
        (b"\xff\xfe\x00", "damaged"),
        (b"[" * 100_000, "damaged"),
        (b'{"kind": "wordmorph cue list"', "damaged"),
        ({"some": "thing"}, "no cue list"),
        (sheet(kind="wordmorph take"), "no cue list"),
        (sheet(format=FORMAT + 1), "newer"),
        (sheet(format=True), "no format"),
        (sheet(more=1), "unknown field 'more'"),
        (sheet(cues={}), "cues cannot be"),
        (sheet(cues=[3]), "no object"),
        (sheet(glide_seconds=-1), "glide_seconds"),
        (sheet(glide_seconds=float("nan")), "glide_seconds"),
        (sheet(cue_t=2.0), "between 0 and 1"),
        (sheet(cue_t=float("nan")), "between 0 and 1"),
        (sheet(cue_seed=True), "seed cannot be true"),
        (sheet(cue_seed=-1), "seed"),
        (sheet(cue_expression="cat -> ["), "cue 1"),
        (sheet(cue_model=""), "no model"),
        (sheet(cue_extra="x"), "unknown field 'extra'"),
        (sheet(cue_t=10**400), "t cannot be"),
        (sheet(cue_seed=-(10**400)), "seed cannot be"),
        (sheet(glide_seconds=10**400), "glide_seconds cannot be"),
        (sheet(cue_model="\ud800"), "half a character"),
        (sheet(cue_expression="\udfff"), "half a character"),
        (sheet(cues=[{"model": "critters"}]), "no expression"),
    ],
)
def test_a_harmed_cue_file_is_one_line_and_is_not_written_over(
    session: Session, tmp_path: Path, content: bytes | dict[str, Any], says: str
) -> None:
    path = tmp_path / "set.json"
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    path.write_bytes(data)
    with pytest.raises(KeptFileError, match=r"set\.json") as raised:
        session.cues.open(path)
    assert says in str(raised.value)
    assert "\n" not in str(raised.value)
    session.cues.keep(session.moment)
    session.finish()
    assert path.read_bytes() == data


def test_a_file_that_cannot_be_written_is_said_and_playing_goes_on(
    session: Session, tmp_path: Path
) -> None:
    session.cues.open(tmp_path / "missing" / "set.json")
    session.cues.keep(session.moment)
    assert "cannot be written" in session.state.notice
    assert len(session.cues.kept) == 1


def test_writing_appears_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "set.json"
    write_cues(path, [Moment(Request("cat"), "critters")], 1.0)
    before = path.read_bytes()

    def full(self: Path, *_: object, **__: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="space"):
        write_cues(path, [], 1.0)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["set.json"]


@pytest.mark.parametrize("action", ["cue", "glide_cue"])
def test_a_recall_waits_for_the_beat_and_its_picture_is_there_by_then(
    session: Session, action: str
) -> None:
    target = Request("dog -> fox", t=0.4)
    session.cues.set([Moment(target, "critters")], 0.25)
    before = session.state.request
    session.beats.tempo, session.beats.quantum = Tempo(120.0, 0.0), 1
    session.turn(1 / 60, 10.1)
    NAMES[action].perform(session, 1)
    for count in range(23):
        session.turn(1 / 60, 10.1 + count / 60)
        assert session.state.request == before
        assert session.state.gliding is None
    session.turn(1 / 60, 10.5)
    assert session.state.request != before
    if action == "cue":
        assert session.state.frame is not None
        assert session.state.frame.request == target
    for count in range(20):
        session.turn(1 / 60, 10.52 + count / 60)
    assert session.state.request == target


def test_what_can_be_played_of_a_set_is_and_the_rest_stays_in_its_file(
    session: Session, tmp_path: Path
) -> None:
    path = tmp_path / "set.json"
    whole = sheet()
    good = whole["cues"][0]
    whole["cues"] = [good, good | {"t": 2.0}, good | {"t": 0.75}, 3]
    path.write_text(json.dumps(whole))
    data = path.read_bytes()
    session.cues.open(path)
    assert [cue.moment.request.t for cue in session.cues.kept] == [0.5, 0.75]
    assert "cue 2" in session.state.notice
    assert "2 of 4 cues are left out" in session.state.notice
    assert "\n" not in session.state.notice
    session.cues.keep(session.moment)
    session.finish()
    assert path.read_bytes() == data
    assert len(read_cues(tmp_path / "set-2.json")[0]) == 3


def test_another_set_that_is_dropped_leaves_the_one_that_was_open_as_it_is(
    session: Session, tmp_path: Path
) -> None:
    mine, other = tmp_path / "my.json", tmp_path / "other.json"
    write_cues(other, [Moment(Request("owl"), "critters")], 1.0)
    session.cues.open(mine)
    session.cues.keep(session.moment)
    session.open_file(other)
    assert [cue.moment.request.expression for cue in session.cues.kept] == ["owl"]
    session.cues.keep(session.moment)
    session.finish()
    assert [moment.request.expression for moment in read_cues(mine)[0]] == ["cat -> kitten"]
    assert len(read_cues(other)[0]) == 2


def test_a_set_that_is_dropped_leaves_the_cues_that_have_no_file(
    session: Session, tmp_path: Path
) -> None:
    other = tmp_path / "other.json"
    write_cues(other, [Moment(Request("owl"), "critters")], 1.0)
    session.cues.keep(session.moment)
    session.open_file(other)
    session.cues.keep(session.moment)
    moments, seconds = session.cues.unfiled
    assert ([moment.request.expression for moment in moments], seconds) == (["cat -> kitten"], 2.0)


def test_a_set_that_cannot_be_read_leaves_everything_when_it_is_dropped(
    session: Session, tmp_path: Path
) -> None:
    harmed = tmp_path / "harmed.json"
    harmed.write_text('{"kind": "wordmorph cue list", "format": 1, "cues": 3}')
    session.cues.open(tmp_path / "my.json")
    session.cues.keep(session.moment)
    session.open_file(harmed)
    assert "harmed.json" in session.state.notice
    assert len(session.cues.kept) == 1
    session.finish()
    assert len(read_cues(tmp_path / "my.json")[0]) == 1
    assert "cues" in harmed.read_text()


@pytest.mark.skipif(sys.platform == "win32", reason="pipes in folders")
@pytest.mark.parametrize("name", ["pipe.json", "pipe.png", "pipe.mp4", "pipe"])
def test_a_pipe_that_is_dropped_is_a_line(session: Session, tmp_path: Path, name: str) -> None:
    if sys.platform == "win32":
        raise NotImplementedError
    os.mkfifo(tmp_path / name)
    session.open_file(tmp_path / name)
    assert name in session.state.notice
    with pytest.raises(KeptFileError, match="no file"):
        read_cues(tmp_path / name)


@pytest.mark.parametrize("kind", ["cue list", "take"])
@pytest.mark.parametrize("style", ["compact", "sorted", "indented"])
def test_a_file_that_another_program_wrote_again_is_known(
    session: Session, tmp_path: Path, style: str, kind: str
) -> None:
    path = tmp_path / "one.json"
    made = sheet()
    if kind == "take":
        made = {"kind": "wordmorph take", "format": FORMAT, "seconds": 1.0}
        made["events"] = [sheet()["cues"][0] | {"at": 0.0, "expression": "owl -> fox " + "x" * 300}]
    options: dict[str, dict[str, Any]] = {
        "compact": {"separators": (",", ":")},
        "sorted": {"sort_keys": True},
        "indented": {"indent": 4},
    }
    path.write_text(json.dumps(made, **options[style]))
    session.open_file(path)
    if kind == "take":
        assert session.state.request.expression.startswith("owl -> fox")
    else:
        assert len(session.cues.kept) == 1


def test_a_cue_of_a_model_that_was_built_anew_is_said(tmp_path: Path) -> None:
    fake = FakeRenderer(metadata={"digest": "new"})
    session = started(tmp_path, open_renderer=lambda: fake)
    turn(session, 3)
    session.cues.set(
        [Moment(Request("owl"), "critters", digest) for digest in ("old", "new", "")], 2.0
    )
    for number, message in ((1, True), (2, False), (3, False)):
        session.state.say("")
        session.cues.recall(number)
        assert ("may look different" in session.state.notice) == message
