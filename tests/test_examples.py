"""The programs in examples/ do what they say, on the parts of the program that they may use."""

from __future__ import annotations

import ast
import re
import runpy
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from runtime.pipeline import Pipeline

FOLDER = Path(__file__).parents[1] / "examples"
EXAMPLES = sorted(FOLDER.glob("*.py"))
SEED = 7


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(name: str, *words: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [name, *words])
        runpy.run_path(str(FOLDER / name), run_name="__main__")


def tiles(path: str) -> list[NDArray[np.int_]]:
    pixels = np.asarray(Image.open(path), int)
    return np.split(pixels, pixels.shape[1] // pixels.shape[0], axis=1)


def apart(one: NDArray[np.int_], other: NDArray[np.int_]) -> float:
    return float(np.abs(one - other).mean())


def drawn(pipeline: Pipeline, word: str) -> NDArray[np.int_]:
    return pipeline.render(pipeline.request(word, seed=SEED)).pixels.astype(int)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_is_short_and_stands_on_runtime_alone(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 32
    assert f"python examples/{path.name}" in text, "its first line says how to run it"
    imported = {
        name.split(".")[0]
        for node in ast.walk(ast.parse(text))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert imported - set(sys.stdlib_module_names) <= {"runtime", "numpy", "PIL"}


def test_strip_goes_from_the_one_word_to_the_other(pipeline: Pipeline) -> None:
    run("strip.py", "cat -> fox", "here.png")
    shown = tiles("here.png")
    assert len(shown) >= 5
    cat, fox = drawn(pipeline, "cat"), drawn(pipeline, "fox")
    assert apart(shown[0], cat) < 2
    assert apart(shown[-1], fox) < 2
    assert all(apart(one, other) > 0.2 for one, other in pairwise(shown))


def test_rows_turns_a_cat_into_a_fox_and_leaves_the_cat_alone(pipeline: Pipeline) -> None:
    run("rows.py")
    shown = tiles("rows.png")
    cat, fox = drawn(pipeline, "cat"), drawn(pipeline, "fox")
    assert apart(shown[0], cat) < 2
    assert apart(shown[-1], fox) < 2
    middle = shown[len(shown) // 2]
    assert apart(middle, cat) > 2
    assert apart(middle, fox) > 2


def test_storms_finds_the_storm_and_tiles_the_way(capsys: pytest.CaptureFixture[str]) -> None:
    run("storms.py")
    lines = capsys.readouterr().out.splitlines()
    zones = [re.fullmatch(r"(calm|storm) +([\d.]+) to ([\d.]+)  ([\d.]+)", line) for line in lines]
    assert all(zones), lines
    found = [zone.groups() for zone in zones if zone]
    edges = [(float(start), float(end)) for _, start, end, _ in found]
    assert edges[0][0] == 0
    assert edges[-1][1] == 1
    assert all(one[1] == other[0] for one, other in pairwise(edges))
    kind, start, end, _ = max(found, key=lambda zone: float(zone[3]))
    assert kind == "storm"
    assert float(start) < 0.5 < float(end)
