"""What a session leaves for the next, and what it must not lose of the one before."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from player.commands.playing.lastsession import leave_behind, take_up
from player.commands.playing.starting import Start, starting
from player.options import Sampling
from player.session.drawing.worker import Renderer
from player.session.keep.cues import read_cues, write_cues
from player.session.keep.remembered import Memory, recall, remember
from player.session.motion.moment import FORMAT, Moment
from player.session.reproduce import Invocation
from player.session.session import Session
from player.session.words import STARTER
from runtime.errors import EngineError
from runtime.request import Request
from tests.player.fakes import session_of, turn
from tests.support.tinybundle import write_tiny

BEFORE = Moment(Request("owl -> fox", t=0.5), "critters")


@pytest.fixture
def session(tmp_path: Path) -> Session:
    made = session_of(tmp_path)
    made.start()
    turn(made, 3)
    return made


def leave(session: Session, memory: Memory) -> None:
    elsewhere = session.cues.path is not None
    leave_behind(session, memory, session.state.request, cues_elsewhere=elsewhere, stats=None)


def start() -> Start:
    return starting(None, 0.0, 0.5, Invocation(), Sampling())


def test_a_model_in_a_folder_is_found_again_from_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_tiny(tmp_path / "bundle", tokens=77)
    monkeypatch.chdir(tmp_path)
    for model in ("bundle", "./bundle/"):
        played = session_of(tmp_path, invocation=Invocation(model=model))
        played.start()
        turn(played, 3)
        leave(played, Memory())
        (tmp_path / "elsewhere").mkdir(exist_ok=True)
        monkeypatch.chdir(tmp_path / "elsewhere")
        assert Path(start().invocation.model) == tmp_path / "bundle"
        monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(("model", "next_words"), [("critters", STARTER), ("other", "owl -> fox")])
def test_a_model_that_does_not_open_is_not_gone_on_with(
    tmp_path: Path, session_file: Path, model: str, next_words: str
) -> None:
    def refuse() -> Renderer:
        raise EngineError("this model is not for this machine")

    remember(session_file, BEFORE, (), (), 2.0)
    begin = start()
    assert begin.request == BEFORE.request
    played = session_of(tmp_path, open_renderer=refuse, invocation=Invocation(model=model))
    played.start()
    with pytest.raises(EngineError):
        turn(played, 3)
    leave(played, begin.memory)
    assert start().request.expression == next_words


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b'{"kind": "wordmorph session", "for', "damaged"),
        (json.dumps({"kind": "wordmorph session", "format": FORMAT + 1}).encode(), "newer"),
    ],
)
def test_a_memory_that_cannot_be_read_is_put_aside_whole(
    session: Session,
    session_file: Path,
    capsys: pytest.CaptureFixture[str],
    content: bytes,
    says: str,
) -> None:
    for number in (1, 2):
        session_file.write_bytes(content + b" " * number)
        memory = start().memory
        leave(session, memory)
        assert recall(session_file).last is not None
    aside = sorted(session_file.parent.glob("session-unread*.json"))
    assert sorted(one.read_bytes() for one in aside) == [content + b" ", content + b"  "]
    said = capsys.readouterr().err
    assert says in said
    assert str(aside[0]) in said


def test_where_a_cue_file_is_damaged_new_cues_go_beside_it(
    session: Session, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "set.json"
    path.write_text("no cues")
    memory = Memory(cues=(BEFORE,))
    take_up(session, memory, path)
    session.cues.keep(session.moment)
    session.finish()
    assert path.read_text() == "no cues"
    assert [one.request for one in read_cues(tmp_path / "set-2.json")[0]] == [session.state.request]
    assert "new cues go to set-2.json" in capsys.readouterr().err


def test_cues_of_a_file_that_was_dropped_stay_there_and_those_of_before_are_remembered(
    session: Session, tmp_path: Path, session_file: Path
) -> None:
    other = tmp_path / "other.json"
    write_cues(other, [Moment(Request("owl"), "critters")], 1.0)
    memory = Memory(cues=(BEFORE,))
    take_up(session, memory, None)
    session.open_file(other)
    session.cues.keep(session.moment)
    session.finish()
    leave(session, memory)
    assert recall(session_file).cues == (BEFORE,)
    assert len(read_cues(other)[0]) == 2
