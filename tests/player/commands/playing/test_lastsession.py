"""Where a session leaves the next one to go on."""

from __future__ import annotations

from pathlib import Path

import pytest

from player.commands.playing.lastsession import leave_behind
from player.commands.playing.starting import Start, starting
from player.options import RequestOptions
from player.session.motion.moment import Moment
from player.session.rendering.renderer import Renderer
from player.session.reproduce import Invocation
from player.session.saving.remembered import read_remembered, remember
from player.session.session import Session
from player.session.text.words import STARTER
from runtime.errors import EngineError
from runtime.request import Request
from tests.player.fakes import session_of, started, turn
from tests.support.models.tinybundle import write_tiny


def leave(session: Session) -> None:
    leave_behind(session, session.state.request, stats=None)


def start() -> Start:
    return starting(None, 0.0, 0.5, Invocation(), RequestOptions())


def test_a_model_in_a_folder_is_found_again_from_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_tiny(tmp_path / "bundle", tokens=77)
    (tmp_path / "elsewhere").mkdir()
    for model in ("bundle", "./bundle/"):
        monkeypatch.chdir(tmp_path)
        played = started(tmp_path, invocation=Invocation(model=model))
        turn(played, 3)
        leave(played)
        monkeypatch.chdir(tmp_path / "elsewhere")
        assert Path(start().invocation.model) == tmp_path / "bundle"


@pytest.mark.parametrize(
    ("before", "broken", "stays"),
    [("bundle", "bundle", False), ("critters", "bundle", True), ("critters", "critters", True)],
)
def test_a_model_that_does_not_open_is_not_gone_on_with(
    tmp_path: Path,
    session_file: Path,
    monkeypatch: pytest.MonkeyPatch,
    before: str,
    broken: str,
    stays: bool,
) -> None:
    def refuse() -> Renderer:
        raise EngineError("this model is not for this machine")

    monkeypatch.chdir(tmp_path)
    write_tiny(tmp_path / "bundle", tokens=77)
    model = before if before == "critters" else str(tmp_path / before)
    last = Moment(Request("owl -> fox", t=0.5), model)
    remember(session_file, last, (), (), 2.0)
    played = session_of(tmp_path, open_renderer=refuse, invocation=Invocation(model=broken))
    played.history.add("typed meanwhile")
    played.start()
    with pytest.raises(EngineError):
        turn(played, 3)
    leave(played)
    remembered = read_remembered(session_file)
    assert remembered.last == (last if stays else None)
    assert remembered.words == ("typed meanwhile",)
    assert start().request.expression == ("owl -> fox" if stays else STARTER)
