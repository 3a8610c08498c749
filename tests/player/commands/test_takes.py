"""A take rendered again: exact, twice the same, and what the live window showed."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from player.cli import main
from player.commands.playing.starting import starting
from player.options import RequestOptions
from player.session.motion.moment import Moment
from player.session.reproduce import Invocation
from player.session.saving.cues import read_cues, write_cues
from player.session.saving.keptfile import KeptFileError
from player.session.saving.remembered import read_remembered, remember
from player.session.saving.takefile import Take, read_take, write_take
from player.session.session import Session
from player.session.text.words import STARTER
from player.window.window import Window
from runtime.bundles.library import built_in
from runtime.errors import BundleError, MorphError
from runtime.farm.crew import Done
from runtime.farm.worker import Opening
from runtime.output.film import read_settings, save_still
from runtime.pipeline import Pipeline
from runtime.request import Request
from tests.player.commands.commandline import invoke
from tests.runtime.farm.test_farm import ShuffledCrew
from tests.support.cli import Cli
from tests.support.drawn import morph


def render(*words: str) -> str:
    return invoke("render", *words)


def frames(folder: Path) -> list[NDArray[np.uint8]]:
    return [np.asarray(Image.open(path)) for path in sorted(folder.glob("*.png"))]


def test_a_live_recording_and_its_take_show_the_same_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    session = Session(
        Pipeline.open,
        Request("cat -> kitten", seed=3),
        picture=(256, 256),
        folder=tmp_path,
        threads=False,
    )
    shown: dict[Request, NDArray[np.uint8]] = {}
    session.start()
    for turn in range(40):
        if turn == 5:
            session.keeping.record()
        if turn == 12:
            session.state.seek(0.6)
        if turn == 20:
            session.write("dog -> fox")
        if turn == 25:
            session.live.set_seed(8)
        session.turn(1 / 60, turn / 60)
        if session.state.frame is not None:
            shown[session.state.frame.request] = session.state.frame.pixels
    session.finish()
    session.close()
    (path,) = tmp_path.glob("*.take.json")
    asked = [moment.request for moment in read_take(path).moments(60)]
    assert len(set(asked)) == 4
    assert str(tmp_path) not in path.read_text()
    (live,) = tmp_path.glob("*.mp4")
    assert begin(str(live))[0] == begin(str(path))[0] == Request("cat -> kitten", seed=3)

    message = render(path.name, "-o", "one/", "--fps", "60")
    render(path.name, "-o", "two/", "--fps", "60")
    first, second = frames(tmp_path / "one"), frames(tmp_path / "two")
    assert f"{len(asked)} frames" in message
    assert len(first) == len(second) == len(asked)
    for request, one, two in zip(asked, first, second, strict=True):
        assert np.array_equal(one, two)
        assert np.array_equal(one, shown[request])


@pytest.fixture
def take(tmp_path: Path) -> Path:
    path = tmp_path / "one.take.json"
    moment = Moment(Request("cat -> kitten", t=0.5, seed=2), "critters")
    write_take(path, Take(((0.0, moment),), 0.1))
    return path


def test_another_model_can_be_chosen_and_one_that_is_not_here_is_one_line(take: Path) -> None:
    changed = json.loads(take.read_text())
    changed["events"][0]["model"] = "far-away"
    take.write_text(json.dumps(changed))
    with pytest.raises(BundleError, match="far-away") as raised:
        render(str(take), "-o", str(take.parent / "a.mp4"))
    assert "--model" in str(raised.value)
    assert "\n" not in str(raised.value)
    assert not (take.parent / "a.mp4").exists()
    render(str(take), "-o", str(take.parent / "a.mp4"), "--model", "critters")
    assert (take.parent / "a.mp4").stat().st_size > 1000


def test_a_farm_draws_each_part_of_a_take_with_its_own_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Crew(ShuffledCrew):
        def wait(self) -> Done:
            index, job = self.waiting.pop(0)
            assert isinstance(job, tuple)
            return Done(index, np.stack([morph(one, (256, 256)) for one in job]))

    def open_crew(spec: str, opening: Opening) -> Crew:
        opened.append((spec, opening))
        return Crew(0)

    opened: list[tuple[str, Opening]] = []
    monkeypatch.setattr("runtime.farm.farm.open_crew", open_crew)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    shutil.copytree(built_in(), tmp_path / "mine")
    request = Request("cat -> kitten", t=0.5, seed=2)
    parts = ((0.0, Moment(request, "mine")), (0.5, Moment(request.at(0.7), "critters")))
    write_take(tmp_path / "a.take.json", Take(parts, 1.0))
    words = ["a.take.json", "-o", "a/", "--fps", "4", "--precision", "f32"]
    render(*words, "--farm", "local:2")
    assert [(spec, one.model, one.precision) for spec, one in opened] == [
        ("local:2", "mine", "f32"),
        ("local:2", "critters", "f32"),
    ]
    drawn = [morph(one, (256, 256)) for one in (request, request.at(0.7))]
    made = frames(tmp_path / "a")
    assert len(made) == 4
    assert all(np.array_equal(one, drawn[i > 1]) for i, one in enumerate(made))


def test_the_film_of_a_take_says_how_it_was_made_and_by_what(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "models" / "mine"
    shutil.copytree(built_in(), folder)
    path = tmp_path / "my first.take.json"
    moment = Moment(Request("cat -> kitten", t=0.5), "critters", "0" * 64)
    write_take(path, Take(((0.0, moment),), 0.1))
    render(
        path.name, "-o", "a.mp4", "--fps", "29.97", "--model", "models/mine", "--precision", "f32"
    )
    settings = read_settings("a.mp4")
    assert shlex.split(settings["command"]) == [
        *("wordmorph", "render", "my first.take.json", "-o", "a.mp4", "--fps", "29.97"),
        *("--model", "mine", "--precision", "f32"),
    ]
    assert "models" not in json.dumps(settings)
    assert settings["digest"] != "0" * 64


def test_a_take_of_a_model_that_was_built_anew_is_said(
    cli: Cli, capfd: pytest.CaptureFixture[str]
) -> None:
    for digest, message in (("0" * 64, 1), ("", 0)):
        moment = Moment(Request("cat -> kitten", t=0.5), "critters", digest)
        later = replace(moment, request=Request("cat"))
        write_take(Path("a.take.json"), Take(((0.0, moment), (0.05, later)), 0.1))
        status, _, err = cli("render", "a.take.json", "-o", "a.mp4", "--force")
        assert status == 0, err
        assert err.count("may look different") == message
        begin("a.take.json")
        assert capfd.readouterr().err.count("may look different") == message


def test_what_can_be_read_of_a_take_is_rendered(take: Path, cli: Cli) -> None:
    harmed = json.loads(take.read_text())
    harmed["seconds"] = 2.0
    harmed["events"] += [{"at": 0.5, "t": 0.75}, {"at": 1.0, "t": "x"}]
    take.write_text(json.dumps(harmed))
    status, out, err = cli("render", str(take), "-o", str(take.parent / "a.mp4"))
    assert status == 0, err
    assert "event 3" in err
    assert "10 frames, 0.5 s" in out


def test_a_picture_of_a_folder_opens_where_it_was_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    render("-o", "film/", "--frames", "5", "--bounce", "--seed", "3", "cat -> kitten")
    for number, t in enumerate((0.0, 0.25, 0.5, 0.75, 1.0, 0.75, 0.5, 0.25)):
        assert begin(f"film/{number:05d}.png")[0] == Request("cat -> kitten", t=t, seed=3)
    events = (
        (0.0, Moment(Request("cat -> kitten", t=0.5), "critters")),
        (0.05, Moment(Request("dog -> fox", t=0.123456, seed=4), "critters")),
    )
    write_take(Path("a.take.json"), Take(events, 0.1))
    render("a.take.json", "-o", "take/", "--fps", "20")
    for number, (_, moment) in enumerate(events):
        assert begin(f"take/{number:05d}.png")[0] == moment.request


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--frames", "9"], "is a take"),
        (["--seed", "3"], "is a take"),
        (["--bounce"], "is a take"),
        (["-o", "a.png"], "one picture"),
        (["--fps", "0"], "between"),
    ],
)
def test_what_makes_no_sense_for_a_take_is_refused(
    take: Path, options: list[str], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(take.parent)
    with pytest.raises(MorphError, match=says):
        render(str(take), "-o", "a.mp4", *options)
    assert [entry.name for entry in take.parent.iterdir()] == [take.name]


def begin(expression: str | None = None, **options: Any) -> tuple[Request, str]:
    request_options = RequestOptions(**options)
    made = starting(expression, 0.0, 0.5, Invocation(), request_options, frozenset(options))
    return made.request, made.hint


def test_without_an_expression_the_player_opens_where_it_was_left(
    session_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, hint = begin()
    assert first.expression == STARTER
    assert hint.count(",") == 4  # five words to try
    last = Request("dog -> fox", t=0.25, seed=9)
    remember(session_file, Moment(last, "critters"), ["owl", "dog -> fox"], [], 1.0)
    assert begin()[0] == last
    assert begin(seed=4)[0] == Request("dog -> fox", t=0.25, seed=4)
    remember(session_file, Moment(last, "far-away"), [], [], 1.0)
    assert begin()[0].expression == STARTER
    assert "far-away" in capsys.readouterr().err
    for content in ("{", '{"kind": "wordmorph session", "format": 99}'):
        session_file.write_text(content)
        assert begin()[0].expression == STARTER
        message = capsys.readouterr().err
        assert "damaged" in message or "newer" in message
        (aside,) = session_file.parent.glob("session-unread*.json")
        assert str(aside) in message
        assert aside.read_text() == content  # this session will leave its own in its place
        aside.unlink()


def test_a_file_opens_where_it_was_made(tmp_path: Path, take: Path) -> None:
    assert begin(str(take))[0] == Request("cat -> kitten", t=0.5, seed=2)
    still = tmp_path / "still.png"
    request = Request("dog -> fox", t=0.75, seed=7)
    render(*f"-o {still} --t 0.75 --seed 7".split(), "dog -> fox")
    assert begin(str(still))[0] == request
    assert begin(str(still))[1] == "opened still.png"
    other = tmp_path / "other.png"
    save_still(other, np.zeros((4, 4, 3), np.uint8), {"expression": "cat", "model": "far-away"})
    take.write_text("{}")
    for path in (other, take):
        with pytest.raises(KeptFileError):
            begin(str(path))


def test_a_file_of_a_model_that_is_not_here_says_how_to_play_it(tmp_path: Path) -> None:
    path = tmp_path / "one.take.json"
    write_take(path, Take(((0.0, Moment(Request("cat"), "far-away")),), 1.0))
    with pytest.raises(BundleError, match=r"far-away.*--model"):
        begin(str(path))
    chosen = frozenset({"model"})
    made = starting(str(path), 0.0, 0.5, Invocation(), RequestOptions(), chosen)
    assert made.request == Request("cat")


Seconds = Callable[..., None]


@pytest.fixture
def windows_close(dummy_display: None, monkeypatch: pytest.MonkeyPatch) -> Seconds:
    """Have windows close after so many seconds, and something done in each first."""

    def after(seconds: float, first: Callable[[Window], object] = lambda window: None) -> None:
        def run(window: Window) -> Request:
            first(window)
            return real(window, seconds)

        monkeypatch.setattr(Window, "run", run)

    real = Window.run
    return after


def test_play_remembers_what_was_played(
    windows_close: Seconds, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    windows_close(1.0)
    monkeypatch.chdir(tmp_path)
    invoke("play", "dog -> owl", "--t", "0.5", "--stats", "stats.json", "--cues", "set.json")
    assert begin()[0] == Request("dog -> owl", t=0.5)
    figures = json.loads(Path("stats.json").read_text())
    assert figures["turn_ms"]["count"] >= 1
    assert {"requests", "scrub_unknown_ms", "memory_mb", "load", "cores"} <= set(figures)


def test_a_cue_list_that_is_played_has_its_cues_and_is_the_file_that_is_written(
    windows_close: Seconds, tmp_path: Path
) -> None:
    path = tmp_path / "set.json"
    requests = [Request("dog -> fox", t=0.25, seed=3), Request("owl", seed=4)]
    write_cues(path, [Moment(request, "critters") for request in requests], 1.0)

    def keep_another(window: Window) -> None:
        assert [cue.moment.request for cue in window.session.cues.kept] == requests
        window.session.cues.keep(window.session.moment)

    windows_close(0.2, keep_another)
    invoke("play", str(path))
    kept = [moment.request for moment in read_cues(path)[0]]
    assert kept == [*requests, requests[0]]


def test_a_harmed_cue_file_is_said_and_the_player_opens(
    session_file: Path, windows_close: Seconds, cli: Cli
) -> None:
    cues = Path("set.json")
    cues.write_text("[")
    windows_close(0.5, lambda window: window.session.cues.keep(window.session.moment))
    status, _, err = cli("play", "cat", "--cues", "set.json")
    assert status == 0, err
    assert "set.json is damaged" in err
    assert cues.read_text() == "["
    assert [cue.request.expression for cue in read_remembered(session_file).cues] == ["cat"]


def test_the_program_alone_opens_the_player(
    session_file: Path, windows_close: Seconds, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    windows_close(0.3, lambda window: seen.append(window.state.base.expression))
    monkeypatch.setattr("sys.argv", ["wordmorph"])
    for _ in range(2):
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code in (None, 0)
        remember(session_file, Moment(Request("dog -> fox"), "critters"), [], [], 1.0)
    assert seen == [STARTER, "dog -> fox"]


EMPTY = {
    "empty.take.json": '{"kind": "wordmorph take", "format": 1, "seconds": 1, "events": []}',
    "set.json": '{"kind": "wordmorph cue list", "format": 1, "glide_seconds": 2, "cues": []}',
    "other.json": '{"a": 1}',
}


@pytest.mark.parametrize(
    ("name", "played", "rendered"),
    [
        ("gone.take.json", "does not exist", "does not exist"),
        ("gone.png", "does not exist", "nothing moves"),
        ("empty.take.json", "has 0 events", "has 0 events"),
        ("set.json", "holds no cues", "is no take of this program"),
        ("other.json", "is no take and no cue list", "is no take of this program"),
    ],
)
def test_a_file_that_is_not_there_or_holds_nothing_is_never_taken_for_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, played: str, rendered: str
) -> None:
    monkeypatch.chdir(tmp_path)
    if name in EMPTY:
        Path(name).write_text(EMPTY[name])
    with pytest.raises(MorphError, match=f"^{name} {played}"):
        starting(name, 0.0, 0.5, Invocation(), RequestOptions())
    with pytest.raises(MorphError, match=rendered) as error:
        render(name, "-o", "film.mp4")
    assert "\n" not in str(error.value)
    assert not Path("film.mp4").exists()
