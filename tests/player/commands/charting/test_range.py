from __future__ import annotations

import json
import os
import shlex
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from PIL import Image

from player import options
from player.commands.charting import range as range_module
from player.session.reproduce import Invocation
from runtime.errors import ExpressionError, MorphError, RequestError, TargetError
from runtime.language.openaxis import open_axis
from runtime.output.film import read_settings
from runtime.perception.charting.rangecache import ranges_root
from runtime.perception.charting.rangesearch import RangeSearch
from runtime.pipeline import Pipeline
from runtime.planner import Planner
from runtime.request import MAX_SEED, Frame, Request
from tests.player.commands.commandline import Run, draws_again, runner
from tests.runtime.perception.charting.test_range import Axis
from tests.support.drawn import DrawnPipeline


class Tabby(DrawnPipeline):
    """Storms below -0.6 of whatever is added, and below -0.4 where t is 1."""

    def settings(self) -> dict[str, Any]:
        return {**super().settings(), "digest": Planner.of("critters").digest()}

    def render(self, request: Request) -> Frame:
        self.asked.append(request)
        axis = Axis(-0.4 if request.t else -0.6)
        low, high = _ends(request.expression)
        return Frame(axis.picture(low + request.u * (high - low), request.seed), request)


class Wild(Tabby):
    """Another picture at every weight."""

    def render(self, request: Request) -> Frame:
        self.asked.append(request)
        shade = np.random.default_rng(int(request.u * 1e6)).integers(0, 256, (8, 8, 3))
        big = shade.repeat(8, 0).repeat(8, 1).astype(np.uint8)
        return Frame(big, request)


def _ends(expression: str) -> tuple[float, float]:
    words = shlex.split(expression.partition("|")[2].replace("*", " "))
    return float(words[0]), float(words[3]) if len(words) > 3 else 0.0


@pytest.fixture
def pipeline() -> Tabby:
    return Tabby((64, 64))


def test_says_the_interval_and_the_expression_that_uses_it(run: Run) -> None:
    printed = run("range", "cat", "tabby", "--seeds", "2").splitlines()
    assert printed[-1].startswith("cat | -0.")
    low = float(printed[-1].split("*")[0].removeprefix("cat | "))
    assert low == pytest.approx(-0.6, abs=0.1)
    assert printed[-1].endswith(".. +2*tabby")
    assert "storm" in "".join(printed)
    assert "none found" in "".join(printed)
    (storm,) = [line for line in printed if line.startswith("cat storms from ")]
    begin, end = map(float, storm.removeprefix("cat storms from ").split(" to "))
    assert begin < end == pytest.approx(low, abs=0.0101)  # each is rounded, the words to the inside


def test_json_has_every_seed(run: Run) -> None:
    told = json.loads(run("range", "cat -> kitten", "tabby", "--seeds", "3", "--json"))
    (axis,) = told["axes"]
    cat, kitten = axis["places"]
    assert (cat["label"], kitten["label"]) == ("cat", "kitten")
    assert cat["low"] < kitten["low"]
    assert [seed["seed"] for seed in cat["seeds"]] == [0, 1, 2]
    assert cat["seeds"][0]["storms"]
    assert axis["expression"].startswith("cat -> kitten | -0.")
    assert told["expression"].startswith("cat -> kitten | -2")


def test_the_picture_has_a_strip_for_each_place_and_knows_its_command(run: Run) -> None:
    run("range", "cat -> kitten", "tabby", "--seeds", "1", "-o", "range.png")
    assert Image.open("range.png").width == 1056
    draws_again(run, "range.png")


def test_several_axes_share_a_picture(run: Run) -> None:
    words = ["range", "--also", "fox | -?*black .. +?*black", "--seeds", "1", "-o", "two.png"]
    printed = run(*words, "--", "-1/4*sleepy + cat", "tabby")
    assert "fox | -0." in printed
    one = run("range", "cat", "tabby", "--seeds", "1", "-o", "one.png")
    assert "fox" not in one
    assert "--also 'fox | -?*black .. +?*black'" in draws_again(run, "two.png")


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        (["cat", "zebras"], RequestError, "never taught 'zebras'"),
        (["elephant", "tabby"], RequestError, "never taught 'elephant'"),
        (["cat"], RequestError, "say what to add and subtract"),
        (["cat | -?*tabby .. +?*tabby", "tabby"], RequestError, "in the expression already"),
        (["cat", "tabby", "--also", "dog"], ExpressionError, "--also takes an axis"),
        (["cat", "tabby", "--seeds", "0"], RequestError, "0 seeds make no range"),
        (["cat", "tabby", "--reach", "0"], RequestError, "a reach of 0"),
        (["cat", "tabby", "--reach", "nan"], RequestError, "a reach of nan"),
        (["cat -> kitten", "tabby", "--t", "2"], RequestError, "between 0 and 1"),
        (["cat", "a -> b"], ExpressionError, "a phrase or a sum"),
        (["cat", "tabby", "-o", "x.mp4"], TargetError, r"ends in \.png"),
        (["cat", "tabby", "-o", "no/x.png"], TargetError, "there is no folder no"),
    ],
)
def test_bad_input_is_one_line_and_renders_nothing(
    run: Run, pipeline: Tabby, words: list[str], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        run("range", *words)
    assert pipeline.asked == []
    assert os.listdir() == []


def test_an_axis_that_changes_nothing_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Still(DrawnPipeline):
        def render(self, request: Request) -> Frame:
            return Frame(super().render(Request(request.expression)).pixels, request)

    monkeypatch.chdir(tmp_path)
    run = runner(Still((64, 64)), monkeypatch)
    with pytest.raises(RequestError, match="tabby changes nothing that could be seen"):
        run("range", "cat", "tabby", "--seeds", "1")


def test_question_marks_are_found_once_kept_and_said(run: Run, pipeline: Tabby) -> None:
    words = ["grid", "cat | -?*tabby .. +?*tabby", "--cols", "2", "-o", "grid.png", "--force"]
    run(*words)
    found = len(pipeline.asked)
    assert found > 50
    expression = read_settings("grid.png")["expression"]
    assert expression.startswith("cat | -0.")
    assert expression.endswith(".. +2*tabby")
    (kept,) = ranges_root().iterdir()
    assert json.loads(kept.read_text())["expression"] == expression

    run(*words)
    assert len(pipeline.asked) == found + 2, "the range is looked for once"
    assert read_settings("grid.png")["expression"] == expression

    kept.write_text(kept.read_text()[:40])
    run(*words)
    assert len(pipeline.asked) == 2 * found + 2, "a damaged range is found again"
    assert json.loads(kept.read_text())["expression"] == expression

    run(*words, "--seed", "5")
    assert len(list(ranges_root().iterdir())) == 2, "another seed, another range"


def test_an_axis_without_a_calm_range_is_refused(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(options, "open_pipeline", lambda *_: Wild((64, 64)))
    with pytest.raises(RequestError, match="has no calm range here"):
        run("grid", "cat | -?*tabby .. +?*tabby", "-o", "grid.png")
    assert not Path("grid.png").exists()


def test_no_range_is_said_instead_of_an_expression_of_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    printed = runner(Wild((64, 64)), monkeypatch)("range", "cat", "tabby", "--seeds", "1")
    assert printed.splitlines()[-1].startswith("tabby has no calm range here")
    assert "*tabby" not in printed


@pytest.mark.parametrize(
    "words",
    [
        ["grid", "--cols", "0"],
        ["grid", "--u", "2"],
        ["render", "-o", "x.png", "--t", "2"],
        ["render", "-o", "x.mp4", "--u", "0.5"],
        ["storms", "-o", "no/x.png"],
        ["storms", "--frames", "1"],
        ["map"],
        ["map", "--frames", "3"],
    ],
)
def test_a_bad_option_is_said_before_a_range_is_looked_for(
    run: Run, pipeline: Tabby, words: list[str]
) -> None:
    with pytest.raises(MorphError):
        run(*words, "cat | -?*tabby .. +?*tabby")
    assert pipeline.asked == []


def test_a_range_is_kept_for_what_drew_it(
    run: Run, pipeline: Tabby, monkeypatch: pytest.MonkeyPatch
) -> None:
    def as_asked(invocation: Invocation) -> Tabby:
        pipeline.engine.precision = invocation.precision.replace("auto", "f32")
        return pipeline

    monkeypatch.setattr(options, "open_pipeline", as_asked)
    words = ["grid", "cat | -?*tabby .. +?*tabby", "--cols", "2", "--force"]
    run(*words)
    found = len(pipeline.asked)
    run(*words, "--precision", "int8")
    assert len(pipeline.asked) == 2 * found
    run(*words)
    assert len(pipeline.asked) == 2 * found + 2


@pytest.mark.parametrize(
    "words",
    [
        ["grid", "--cols", "2"],
        ["render", "--frames", "2", "-o", "x.gif"],
        ["storms", "--frames", "5"],
        ["map", "--frames", "100"],
    ],
)
def test_a_farm_looks_for_the_range_too(
    run: Run, pipeline: Tabby, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    def open_frames(invocation: Invocation, planner: Planner, farm: str | None) -> Tabby:
        opened.append(farm)
        pipeline.engine.name = "openvino" if farm is None else "a farm's"
        return pipeline

    opened: list[str | None] = []
    monkeypatch.setattr(options, "open_frames", open_frames)
    words += ["cat -> kitten | -?*tabby .. +?*tabby", "--precision", "f32"]
    words += ["--backend", "openvino", "--force"]
    run(*words)
    found = len(pipeline.asked)
    run(*words, "--farm", "ray:there:6379")
    assert opened == [None, "ray:there:6379"]
    assert len(pipeline.asked) == 2 * found, "there another engine may be the one that draws"
    run(*words)
    run(*words, "--farm", "ray:there:6379")
    assert opened == [None, "ray:there:6379", "ray:there:6379"]
    assert len(pipeline.asked) < 3 * found, "both are known now"


def test_the_last_seed_has_a_range_too(run: Run, pipeline: Tabby) -> None:
    run("grid", "cat | -?*tabby .. +?*tabby", "--cols", "2", "--seed", str(MAX_SEED))
    assert {request.seed for request in pipeline.asked} == {MAX_SEED, 0, 1, 2, 3}


def test_the_same_range_either_way_round() -> None:
    planner = Planner.of("critters")
    for text in ("cat | -?*tabby .. +?*tabby", "cat | +?*tabby .. -?*tabby"):
        axis = open_axis(text)
        assert axis is not None
        search = RangeSearch(axis, planner.request(axis.close(-2, 2)))
        for weight in (-0.5, 0.0, 1.25):
            request = search.at(search.request, weight)
            weights = planner.plan(request).weights(request.t, request.u)
            assert weights[1, 1] == pytest.approx(weight)


def test_tabby_ends_sooner_for_a_kitten_than_for_a_cat(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, pipeline_of_the_model: Pipeline
) -> None:
    """The note: cat minus tabby is a paler cat, kitten minus tabby a monster."""
    monkeypatch.chdir(tmp_path)
    run = runner(cast(DrawnPipeline, pipeline_of_the_model), monkeypatch)
    words = ["--seeds", "1", "--reach", "1", "--json"]
    (axis,) = json.loads(run("range", "cat -> kitten", "tabby", *words))["axes"]
    cat, kitten = axis["places"]
    assert cat["low"] < kitten["low"] - 0.05
    assert cat["low_why"] == kitten["low_why"] == "storm"
    assert cat["high"] == 1
    assert range_module.MAX_AXES >= 10


@pytest.fixture
def pipeline_of_the_model(monkeypatch: pytest.MonkeyPatch) -> Pipeline:
    opened = Pipeline.open("critters", backend="openvino", precision="f32")
    monkeypatch.setattr(opened, "close", lambda: None)
    return opened
