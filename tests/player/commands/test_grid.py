from __future__ import annotations

import os

import pytest
from PIL import Image

from runtime.errors import RequestError, TargetError
from runtime.output.film import read_settings
from tests.player.commands.commandline import Run, draws_again
from tests.support.drawn import DrawnPipeline

NOTE = "cat -> kitten | -3/7*tabby .. +3/7*tabby"


@pytest.fixture
def pipeline() -> DrawnPipeline:
    return DrawnPipeline((96, 96))


def test_draws_the_notes_grid(run: Run, pipeline: DrawnPipeline) -> None:
    printed = run("grid", NOTE, "--rows", "5", "--cols", "7", "-o", "grid.png")
    assert "5 × 7" in printed
    assert [(r.t, r.u) for r in pipeline.asked] == [
        (row / 4, column / 6) for row in range(5) for column in range(7)
    ]
    width, height = Image.open("grid.png").size
    assert width > 7 * 96
    assert height > 5 * 96
    assert read_settings("grid.png")["expression"] == NOTE
    draws_again(run, "grid.png")


def test_one_axis_is_a_film_strip(run: Run, pipeline: DrawnPipeline) -> None:
    run("grid", "cat -> kitten", "--cols", "6", "-o", "strip.png", "--tile", "40")
    assert [r.t for r in pipeline.asked] == [i / 5 for i in range(6)]
    width, height = Image.open("strip.png").size
    assert 6 * 40 < width < 7 * 48
    assert height < 80


def test_a_single_row_of_both_axes_stands_at_t(run: Run, pipeline: DrawnPipeline) -> None:
    run("grid", NOTE, "--rows", "1", "--cols", "3", "--t", "1", "-o", "row.png")
    assert [(r.t, r.u) for r in pipeline.asked] == [(1, 0), (1, 0.5), (1, 1)]


def test_edited_rows_and_grid_rows_are_two_options(run: Run, pipeline: DrawnPipeline) -> None:
    run("grid", NOTE, "--rows", "2", "--cols", "2", "--edit", "tail")
    assert {r.edit for r in pipeline.asked} == {"tail"}
    assert "--edit tail" in read_settings("grid.png")["command"]


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        ("-o grid.mp4", TargetError, r"ends in \.png"),
        ("--rows 0", RequestError, "0 rows make no grid"),
        ("--cols 1000", RequestError, "1000 cols make no grid"),
        ("--tile 3", RequestError, "tiles of 3 pixels"),
        ("-o no/grid.png", TargetError, "there is no folder no"),
    ],
)
def test_bad_input_is_one_line(run: Run, words: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        run("grid", NOTE, *words.split())
    assert os.listdir() == []
