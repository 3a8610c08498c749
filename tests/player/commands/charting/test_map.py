from __future__ import annotations

import json
import os
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from PIL import Image

from player.commands.charting import map as map_module
from runtime.errors import RequestError, TargetError
from runtime.language.expression import parse
from runtime.perception.charting.map import PlaneMap, Point
from runtime.perception.charting.route import resample
from runtime.pipeline import Pipeline
from runtime.request import Frame, Request
from tests.player.commands.commandline import Run, draws_again, runner
from tests.runtime.perception.charting.test_map import walled
from tests.support.drawn import DrawnPipeline

YACHT = "a yacht on a calm sea -> a yacht in a storm | -1/2*in the rain .. +1/2*in the rain"
NOTE = "cat -> kitten | -3/7*tabby .. +3/7*tabby"


class Sea(DrawnPipeline):
    """A sea with a wall at t = 0.5 that opens towards u = 1."""

    def render(self, request: Request) -> Frame:
        if len(self.asked) == self.stop_after:
            raise KeyboardInterrupt
        self.asked.append(request)
        return Frame(walled(request), request)


@pytest.fixture
def pipeline() -> Sea:
    return Sea((48, 48))


def test_the_calmest_way_is_told_with_its_expression_and_is_calmer(run: Run, pipeline: Sea) -> None:
    told = json.loads(run("map", NOTE, "--frames", "300", "--json"))
    assert len(pipeline.asked) == told["rendered"] <= 300
    calmest, straight = told["ways"]["calmest"], told["ways"]["straight"]
    assert calmest["top_speed"] < 0.8 * straight["top_speed"]
    (morph,) = parse(calmest["expression"]).morphs
    assert len(morph.stations) == 9
    assert [(term.weight, term.phrase) for term in morph.stations[0]] == [
        (1, "cat"), (-0.429, "tabby"),
    ]  # fmt: skip
    assert 0 < told["storm_share"] < 0.5
    assert sum(cell["size"] ** 2 for cell in told["cells"]) == pytest.approx(1)


def test_the_picture_shows_the_storm_in_the_wall_and_can_be_made_again(run: Run) -> None:
    printed = run("map", NOTE, "--frames", "200", "-o", "map.png").splitlines()
    assert printed[-1] == "map.png"
    assert printed[-2].startswith("cat - 0.429*tabby -> ")
    assert "% of the plane storms" in printed[0]
    shown = Image.open("map.png")
    assert shown.size == (921, 744)
    # the map proper: calm is light and storm is dark, in grey too
    left, top, side = round(1.62 * 96), round(0.6 * 96), round(4.55 * 96)
    grey = np.asarray(shown.convert("L"), float)[top : top + side, left : left + side]
    low = grey[-side // 4 :]
    assert low[:, side // 2 - 8 : side // 2 + 8].mean() < low[:, : side // 4].mean() - 60
    draws_again(run, "map.png")


def test_time_bounds_the_map(run: Run, pipeline: Sea) -> None:
    told = json.loads(run("map", NOTE, "--frames", "400", "--seconds", "0.001", "--json"))
    assert told["rendered"] == len(pipeline.asked) == 9 + 2 * 9


def test_the_straight_way_is_the_calmest_if_it_measures_calmer(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def through_the_wall(sea: PlaneMap) -> tuple[Point, ...]:
        return resample([(0.0, 0.0), (0.45, 0.0), (0.55, 0.0), (1.0, 1.0)], 9)

    monkeypatch.setattr(map_module, "calmest", through_the_wall)
    ways = json.loads(run("map", NOTE, "--frames", "300", "--json"))["ways"]
    assert ways["calmest"] == ways["straight"]
    assert ways["straight"]["places"][1] == pytest.approx([1 / 8, 1 / 8])


def test_the_bar_moves_with_every_picture(
    run: Run, pipeline: Sea, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Bars:
        def __init__(self) -> None:
            self.shown: list[float] = []

        def __enter__(self) -> Bars:
            return self

        def __exit__(self, *raised: object) -> None:
            pass

        def add_task(self, name: str, **settings: object) -> int:
            return 0

        def advance(self, task: int) -> None:
            pass

        def update(self, task: int, completed: float, total: float) -> None:
            self.shown.append(completed)
            assert completed == len(pipeline.asked)

    bars = Bars()
    monkeypatch.setattr(map_module, "progress", lambda: bars)
    run("map", NOTE, "--frames", "120")
    assert bars.shown == list(range(1, len(bars.shown) + 1))


def test_slerp_has_no_expression_for_its_way(run: Run) -> None:
    told = json.loads(run("map", NOTE, "--frames", "40", "--interp", "slerp", "--json"))
    assert told["ways"]["calmest"]["expression"] is None
    assert told["ways"]["calmest"]["path"] > 0


def test_ctrl_c_leaves_no_file(run: Run, pipeline: Sea) -> None:
    pipeline.stop_after = 100
    with pytest.raises(SystemExit) as stopped:
        run("map", NOTE, "-o", "map.png")
    assert stopped.value.args[0] == 130
    assert os.listdir() == []


def test_a_map_of_a_few_cells_says_that_it_tells_no_storm(run: Run) -> None:
    assert "too few to tell a storm" in run("map", NOTE, "--seconds", "0.001")
    assert "% of the plane storms" in run("map", NOTE, "--frames", "120")


@pytest.mark.slow
@pytest.mark.parametrize("plane", [YACHT, NOTE])
def test_storms_finds_the_calmest_way_calmer_than_the_straight_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, plane: str
) -> None:
    """On the built-in model: the yacht goes round the storm by taking the rain first."""
    monkeypatch.chdir(tmp_path)
    with Pipeline.open("critters", backend="openvino", precision="f32") as model:
        monkeypatch.setattr(model, "close", lambda: None)
        run = runner(cast(DrawnPipeline, model), monkeypatch)
        told = json.loads(run("map", plane, "--frames", "200", "--json"))
        found = {
            name: json.loads(run("storms", way["expression"], "--json"))
            for name, way in told["ways"].items()
        }
    stormy = {
        name: sum(zone["path"] for zone in film["zones"] if zone["kind"] == "storm")
        for name, film in found.items()
    }
    assert stormy["calmest"] < 0.5 * stormy["straight"]
    assert found["calmest"]["smoothness"] > found["straight"]["smoothness"] + 0.1
    assert found["calmest"]["path"] < 1.1 * found["straight"]["path"]


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        (["cat -> kitten"], RequestError, "a map needs two axes"),
        (["cat | -tabby .. tabby"], RequestError, "a map needs two axes"),
        (["cat -> zebras | -tabby .. tabby"], RequestError, "never taught 'zebras'"),
        ([NOTE, "--frames", "1"], RequestError, "1 frames make no map: use 27 to 4096"),
        ([NOTE, "--frames", "99999"], RequestError, "make no map"),
        ([NOTE, "--seconds", "0"], RequestError, "0 seconds make no map"),
        ([NOTE, "--seconds", "nan"], RequestError, "nan seconds make no map"),
        ([NOTE, "-o", "map.gif"], TargetError, r"ends in \.png"),
        ([NOTE, "-o", "no/map.png"], TargetError, "there is no folder no"),
    ],
)
def test_bad_input_is_one_line_and_renders_nothing(
    run: Run, pipeline: Sea, words: list[str], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        run("map", *words)
    assert pipeline.asked == []
    assert os.listdir() == []
