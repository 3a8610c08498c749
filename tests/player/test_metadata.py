"""What travels with a picture: all that makes it again, and nothing of whose machine made it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from player.session.reproduce import Invocation, own_name
from player.session.saving.keeping import Keeping
from player.session.state import PlayerState
from runtime.bundles.library import built_in
from runtime.output.film import read_settings
from runtime.request import Frame, Request
from tests.player.commands.commandline import runner
from tests.player.fakes import picture
from tests.support.drawn import DrawnPipeline

WHO = "alice-smith"


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """A model somewhere under a user's name."""
    folder = tmp_path / WHO / "models" / "tiny-cats"
    folder.mkdir(parents=True)
    for name in ("manifest.json", "tokenizer.json", "vocabulary.json"):
        shutil.copy(built_in() / name, folder / name)
    return folder


WRITTEN = [
    *(("render", name) for name in ("a.png", "a.gif", "a.mp4", "frames/")),
    ("grid", "a.png"),
    ("storms", "a.png"),
]


@pytest.mark.parametrize(("verb", "name"), WRITTEN)
def test_no_typed_path_is_in_a_file(
    mine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str, name: str
) -> None:
    run = runner(DrawnPipeline(), monkeypatch)
    target = f"{tmp_path / WHO}/{name}"
    count = {"render": ["--frames", "1" if name == "a.png" else "2"], "storms": ["--frames", "3"]}
    run(verb, "cat -> kitten", "-o", target, "--model", str(mine), *count.get(verb, []))
    settings = read_settings(target)
    assert f"-o {name}" in settings["command"]
    assert "--model tiny-cats" in settings["command"]
    files = [Path(target)] if Path(target).is_file() else list(Path(target).iterdir())
    for path in files:
        assert WHO.encode() not in path.read_bytes()


def test_no_path_is_in_what_the_player_keeps_but_the_terminal_has_it(
    mine: Path, tmp_path: Path
) -> None:
    request = Request("cat -> kitten")
    state = PlayerState(request, Invocation(model=str(mine)), tmp_path / WHO)
    state.show(Frame(picture(request), request, {}))
    keeping = Keeping(state)
    keeping.save()
    keeping.record()
    keeping.advance_recording(0.0)
    keeping.finish_recording()
    files = [path for path in (tmp_path / WHO).iterdir() if path.is_file()]
    assert len(files) == 2
    for path in files:
        assert WHO not in json.dumps(read_settings(path))
    assert str(mine) in "\n".join(state.printed)


@pytest.mark.parametrize(
    ("typed", "own"),
    [
        ("a.png", "a.png"),
        ("/home/x/a.png", "a.png"),
        ("../x/frames/", "frames/"),
        ("critters", "critters"),
    ],
)
def test_a_path_keeps_its_last_name(typed: str, own: str) -> None:
    assert own_name(typed) == own
