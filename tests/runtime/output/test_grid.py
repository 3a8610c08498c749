from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.errors import RequestError
from runtime.language.line import Line
from runtime.output.grid import MAX_SIDE, draw_grid, lay_out, shrink, tile_side
from runtime.request import Request
from tests.support.drawn import animal
from tests.support.seeds import draw_seed

NOTE = "cat -> kitten | -3/7*tabby .. +3/7*tabby"


def test_the_notes_grid() -> None:
    layout = lay_out(Request(NOTE), 5, 7)
    assert layout.rows == ("cat", "1/4", "1/2", "3/4", "kitten")
    assert layout.cols[0] == "−3/7 tabby"
    assert layout.cols[3] == "0"
    assert layout.cols[-1] == "+3/7 tabby"
    grid = np.array([(r.t, r.u) for r in layout.requests]).reshape(5, 7, 2)
    assert tuple(grid[0, 3]) == (0, 0.5)  # top centre: cat
    assert tuple(grid[4, 3]) == (1, 0.5)  # bottom centre: kitten
    assert (grid[:, 6, 1] == 1).all()  # right edge: +3/7 tabby
    assert (grid[4, 0] == (1, 0)).all()  # the monsters' corner


@pytest.mark.parametrize(
    ("expression", "cols"),
    [
        ("cat -> kitten", ("cat", "1/4", "1/2", "3/4", "kitten")),
        ("cat -> kitten -> tiger", ("cat", "1/2", "kitten", "1/2", "tiger")),
        ("a photo of a [cat -> kitten] on a sofa", ("cat", "1/4", "1/2", "3/4", "kitten")),
        ("cat | -tabby .. tabby", ("−tabby", "−1/2 tabby", "0", "+1/2 tabby", "+tabby")),
        ("cat | -0.1*fox .. 0.3*fox", ("−1/10 fox", "0", "+1/10 fox", "+1/5 fox", "+3/10 fox")),
        ("cat | dog .. fox", ("dog", "1/4", "1/2", "3/4", "fox")),
    ],
)
def test_one_axis_is_a_strip_in_the_expressions_words(
    expression: str, cols: tuple[str, ...]
) -> None:
    layout = lay_out(Request(expression), None, 5)
    assert layout.cols == cols
    assert layout.rows == ("",)
    assert len({(r.t, r.u) for r in layout.requests}) == 5


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 64), st.integers(1, 64))
def test_every_cell_is_another_request(rows: int, cols: int) -> None:
    layout = lay_out(Request(NOTE, t=0.3, u=0.7), rows, cols)
    assert len(set(layout.requests)) == rows * cols == len(layout.rows) * len(layout.cols)


@pytest.mark.parametrize(
    ("expression", "rows", "cols", "message"),
    [
        ("cat -> kitten", 3, 5, "use --rows 1"),
        ("cat", None, 5, "nothing moves"),
        (NOTE, 0, 5, "0 rows"),
        (NOTE, 5, 65, "65 cols"),
    ],
)
def test_grids_that_cannot_be(expression: str, rows: int | None, cols: int, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        lay_out(Request(expression), rows, cols)


@pytest.mark.parametrize("shape", [(64, 64), (48, 96), (96, 48)])
def test_pictures_stand_whole_and_in_order_on_white(shape: tuple[int, int]) -> None:
    layout = lay_out(Request(NOTE), 3, 4)
    rng = np.random.default_rng(draw_seed())
    tiles = [rng.integers(0, 200, (*shape, 3), dtype=np.uint8) for _ in layout.requests]
    sheet = draw_grid(layout, tiles)
    found = []
    for tile in tiles:
        starts = np.argwhere((sheet == tile[0, 0]).all(-1))
        places = [
            (y, x)
            for y, x in starts
            if np.array_equal(sheet[y : y + shape[0], x : x + shape[1]], tile)
        ]
        assert len(places) == 1
        found.append(places[0])
    at = np.array(found).reshape(3, 4, 2)
    assert (np.diff(at[:, :, 0], axis=0) > shape[0]).all()
    assert (np.diff(at[:, :, 1], axis=1) > shape[1]).all()
    margin = np.concatenate([sheet[0], sheet[-1], sheet[:, 0], sheet[:, -1]])
    assert (margin == 255).all()
    left, top = int(at[0, 0, 1]), int(at[0, 0, 0])
    assert (sheet[:, :left] < 128).any()  # labels beside the rows
    assert (sheet[:top, left:] < 128).any()  # and above the columns


def test_long_words_are_cut_and_nothing_leaves_the_sheet() -> None:
    words = "an extraordinarily long description of one particular cat"
    layout = lay_out(Request(f"{words} -> kitten | {words} .. {words}"), 2, 2)
    sheet = draw_grid(layout, [animal(64)] * 4)
    assert sheet.shape[1] < 64 * 5
    assert (sheet[:, 0] == 255).all()
    assert (sheet[:, -1] == 255).all()


def test_large_grids_shrink_to_a_limit() -> None:
    layout = lay_out(Request(NOTE), 20, 30)
    side = tile_side(layout)
    tile = shrink(animal(512), side)
    sheet = draw_grid(layout, [tile] * 600)
    assert max(tile.shape) <= side
    assert max(sheet.shape) <= MAX_SIDE * 1.1
    assert shrink(tile, 4000) is tile


def test_labels_of_uneven_places() -> None:
    assert Line(Request("cat -> kitten"), "t").label(0.123456) == "0.123"
    assert Line(Request("cat | -tabby .. 0.5*tabby"), "u").label(2 / 3) == "0"
