from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from player.commands.charting import atlas as atlas_module
from runtime.errors import MorphError, RequestError, TargetError
from runtime.farm.farm import Farm
from runtime.output.film import read_settings
from runtime.output.measurements import Measurements
from runtime.planner import Planner
from tests.runtime.farm.test_farm import ShuffledCrew
from tests.support.drawn import DrawnPipeline

FEW = ("--frames", "11", "--seeds", "1")


class Drawing(DrawnPipeline):
    """Draws under the name of the model that the command reads."""

    def settings(self) -> dict[str, Any]:
        return {**super().settings(), "model": "critters"}


class Stage:
    """Runs the command on a pipeline that draws; ``out`` and ``err`` are what it printed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.pipeline: DrawnPipeline = Drawing((64, 64))
        self.opened = 0
        self.out = self.err = ""
        self._app = typer.Typer(pretty_exceptions_enable=False)
        self._app.command()(atlas_module.atlas)
        monkeypatch.setattr(atlas_module, "open_frames", self._open)
        self.farm: Farm | None = None

    def _open(self, *_: object) -> DrawnPipeline | Farm:
        self.opened += 1
        return self.farm or self.pipeline

    def run(self, *words: str) -> int:
        result = CliRunner().invoke(self._app, ["--store", "a.sqlite", *words])
        self.out, self.err = result.stdout, result.stderr
        if isinstance(result.exception, MorphError):
            assert "\n" not in str(result.exception)
            raise result.exception
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.exit_code


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Stage:
    monkeypatch.chdir(tmp_path)
    return Stage(monkeypatch)


def test_every_line_is_measured_once_whatever_the_order_of_the_words(stage: Stage) -> None:
    stage.run("cat", "dog", "fox", *FEW, "--json")
    first = json.loads(stage.out)
    asked = len(stage.pipeline.asked)
    assert len(first["lines"]) == 3
    assert asked >= 3 * 11
    stage.run("fox", "cat", "dog", *FEW, "--json")
    again = json.loads(stage.out)
    assert len(stage.pipeline.asked) == asked
    assert {tuple(sorted(line["words"])): line["found"] for line in again["lines"]} == {
        tuple(sorted(line["words"])): line["found"] for line in first["lines"]
    }
    stage.run("cat", "dog", "fox", "lion", *FEW)
    assert {request.expression for request in stage.pipeline.asked[asked:]} == {
        "cat -> lion", "dog -> lion", "fox -> lion",
    }  # fmt: skip
    assert "3 measured now, 3 known" in stage.out


def test_ctrl_c_loses_one_line_at_most_and_says_what_is_kept(stage: Stage) -> None:
    stage.run("cat", "dog", *FEW)
    of_a_line = len(stage.pipeline.asked)
    stage.pipeline.asked.clear()
    stage.pipeline.stop_after = 2 * of_a_line + 5
    assert stage.run("cat", "dog", "fox", "lion", *FEW, "-o", "atlas.png") == 130
    assert "2 of the lines measured now are kept" in stage.err
    assert not Path("atlas.png").exists()
    stage.pipeline.stop_after = None
    stage.pipeline.asked.clear()
    stage.run("cat", "dog", "fox", "lion", *FEW)
    assert "3 measured now, 3 known" in stage.out


def test_ctrl_c_in_a_farm_loses_no_line_that_a_worker_had_in_hand(
    stage: Stage, tmp_path: Path
) -> None:
    crew = ShuffledCrew(5)
    crew.stop_after = 3
    stage.farm = Farm(Planner.of("critters"), crew, tmp_path / "scratch")
    words = ("cat", "dog", "fox", "lion", "owl", *FEW)
    assert stage.run(*words) == 130
    assert "finishing the lines in hand" in stage.err
    assert "6 of the lines measured now are kept" in stage.err, "three, and one of each worker's"
    stage.run(*words)
    assert "4 measured now, 6 known" in stage.out


def test_a_farm_finds_the_same_to_the_last_digit(stage: Stage, tmp_path: Path) -> None:
    words = ("cat", "dog", "fox", "lion", "--frames", "21", "--json")
    stage.pipeline = DrawnPipeline((48, 32))
    stage.run(*words)
    plain = json.loads(stage.out)
    crew = ShuffledCrew(3)
    crew.loses = 0.2
    stage.farm = Farm(Planner.of("critters"), crew, tmp_path / "scratch")
    stage.run(*words, "--store", "b.sqlite")
    farmed = json.loads(stage.out)
    for name in ("words", "order", "places", "stress", "lines"):
        assert farmed[name] == plain[name], name


def test_the_picture_has_the_words_and_the_command(stage: Stage) -> None:
    stage.run("cat", "a red fox", *FEW, "-o", "atlas.png")
    picture = np.asarray(Image.open("atlas.png"))
    assert picture.shape == (825, 1600, 3)
    recorded = read_settings("atlas.png")
    assert recorded["words"] == ["cat", "a red fox"]
    assert recorded["command"].startswith("wordmorph atlas -o atlas.png --frames 11 --seeds 1")
    assert recorded["command"].endswith("cat 'a red fox'")
    stage.run("cat", "a red fox", *FEW, "-o", "atlas.png")  # the same again loses nothing
    with pytest.raises(TargetError, match="exists already"):
        stage.run("cat", "dog", *FEW, "-o", "atlas.png")


def test_the_command_runs_with_its_limit_and_with_words_that_begin_with_a_minus(
    stage: Stage,
) -> None:
    stage.run(*FEW, "--limit", "300000", "-o", "atlas.png", "--", "cat", "-1/4*sleepy + fox")
    command = read_settings("atlas.png")["command"]
    assert "--limit 300000" in command
    assert stage.run(*shlex.split(command)[2:]) == 0
    assert read_settings("atlas.png")["command"] == command


def test_near_lists_the_neighbours(stage: Stage) -> None:
    stage.run("cat", "dog", "fox", *FEW, "--near", "cat", "--json")
    assert {one["word"] for one in json.loads(stage.out)["near"]} == {"dog", "fox"}
    stage.run("cat", "dog", "fox", *FEW, "--near", "cat")
    assert "from cat to" in stage.out


def test_a_neighbour_is_named_in_whatever_capitals(stage: Stage) -> None:
    stage.run("Cat", "dog", "fox", *FEW, "--near", "cat", "--json")
    assert {one["word"] for one in json.loads(stage.out)["near"]} == {"dog", "fox"}


@pytest.mark.parametrize("farmed", [False, True])
def test_ctrl_c_while_a_line_is_written_loses_none(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, farmed: bool
) -> None:
    keep, pressed = Measurements.keep, False

    def interrupted(store: Measurements, *given: Any) -> None:
        nonlocal pressed
        if not pressed:
            pressed = True
            raise KeyboardInterrupt
        keep(store, *given)

    monkeypatch.setattr(Measurements, "keep", interrupted)
    if farmed:
        stage.farm = Farm(Planner.of("critters"), ShuffledCrew(5), tmp_path / "scratch")
    words = ("cat", "dog", "fox", "lion", "owl", *FEW)
    assert stage.run(*words) == 130
    kept = 1 + 3 * farmed  # that one, and one of each worker's
    assert f"{kept} of the lines measured now are kept" in stage.err
    stage.run(*words)
    assert f"{10 - kept} measured now, {kept} known" in stage.out


def test_words_come_from_a_file_too_each_once(stage: Stage) -> None:
    Path("words.txt").write_text("# animals\n\n fox\ndog\nCat\na  red   panda\n", "utf-8")
    stage.run("cat", '"fox"', "--file", "words.txt", *FEW, "--json")
    assert json.loads(stage.out)["words"] == ["cat", '"fox"', "dog", "a red panda"]
    assert stage.err.count("more than once") == 2


def test_words_the_model_was_never_taught_are_allowed_and_named(stage: Stage) -> None:
    stage.run("cat", "xylophone", *FEW)
    assert "critters was never taught 'xylophone'" in stage.err


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        ("", RequestError, "an atlas of nothing"),
        ("cat", RequestError, "alone has no ways"),
        ("cat cat", RequestError, "alone has no ways"),
        ("cat ''", RequestError, "empty word"),
        ("cat 'dog -> fox'", RequestError, "is a way"),
        ("cat 'a [dog'", RequestError, "is no place"),
        ("cat dog --near fox", RequestError, "none of the 2 words"),
        ("cat dog --frames 3", RequestError, "measure no line"),
        ("cat dog --seeds 0", RequestError, "use 1 to 100"),
        ("cat dog --seed 4294967295", RequestError, "use 1 to 100"),
        (
            "cat dog --limit 100",
            RequestError,
            "1 lines, with 2 seeds and 51 frames each 102 ",
        ),
        ("cat dog -o atlas.mp4", TargetError, "ends in .png"),
        ("cat dog --store notes.txt", TargetError, "sqlite"),
        ("--file none.txt", RequestError, "no such file"),
        ("--file empty.txt", RequestError, "holds no words"),
        ("--file binary.txt", RequestError, "no text"),
        ("--file .", RequestError, "no such file"),
    ],
)
def test_bad_input_is_one_line_before_anything_opens(
    stage: Stage, words: str, error: type[Exception], message: str
) -> None:
    Path("empty.txt").write_text("\n # nothing\n")
    Path("binary.txt").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(error, match=message):
        stage.run(*shlex.split(words))
    assert stage.opened == 0
    assert not Path("atlas.png").exists()


def test_too_many_words_says_how_many_frames(stage: Stage) -> None:
    Path("words.txt").write_text("\n".join(f"word {i}" for i in range(10_000)))
    with pytest.raises(RequestError, match=r"10,000 words make 49,995,000 lines, .* 5,099,490,000"):
        stage.run("--file", "words.txt")


def test_without_scipy_a_line_names_the_extra(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "scipy.cluster.hierarchy", None)
    with pytest.raises(MorphError, match=r"pip install '\.\[atlas\]'"):
        stage.run("cat", "dog")
    assert stage.opened == 0
