"""Pictures side by side: t downwards and u to the right, labelled in the expression's words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from runtime.errors import RequestError
from runtime.language.expression import parse
from runtime.language.line import Line
from runtime.request import Pixels, Request

MAX_SIDE = 4096
"""Tiles are shrunk until the whole is no larger, in pixels."""
_PAPER = (255, 255, 255)
_INK = (38, 42, 48)
_FAINT = (128, 134, 142)


@dataclass(frozen=True, slots=True)
class GridLayout:
    """Which requests stand where: ``requests`` [rows · cols] in reading order, and the labels."""

    requests: tuple[Request, ...]
    rows: tuple[str, ...]
    """a label for each row; empty strings where only one axis is shown"""
    cols: tuple[str, ...]


def lay_out(request: Request, rows: int | None, cols: int) -> GridLayout:
    """Lay t along the rows and u along the columns; a morph without one of them is one row.

    ``rows`` None means 5 where there are two axes and 1 otherwise. A single row or column of two
    axes stands at the request's own t or u.

    Raises:
        ExpressionError, RequestError: nothing moves, several rows without a second axis, or a
            count out of range.
    """
    line = Line.through(request)
    both = parse(request.expression).has_plane
    rows = (5 if both else 1) if rows is None else rows
    for name, count in (("rows", rows), ("cols", cols)):
        if not 1 <= count <= 64:
            raise RequestError(f"{count} {name} make no grid: use 1 to 64")
    if not both:
        if rows > 1:
            raise RequestError(
                f"{request.expression!r} has one axis, so it fills one row: use --rows 1, or add "
                "the other, as in 'cat -> kitten | -3/7*tabby .. +3/7*tabby'"
            )
        places = _places(cols, line.place)
        return GridLayout(
            tuple(line.at(place) for place in places),
            ("",),
            tuple(line.label(place) for place in places),
        )
    down, across = _places(rows, request.t), _places(cols, request.u)
    return GridLayout(
        tuple(request.at(t, u) for t in down for u in across),
        tuple(Line(request, "t").label(t) for t in down),
        tuple(Line(request, "u").label(u) for u in across),
    )


def shrink(pixels: Pixels, side: int) -> Pixels:
    """Return uint8 [H, W, 3] with its longer side at most ``side`` pixels."""
    height, width = pixels.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return pixels
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS))


def tile_side(layout: GridLayout) -> int:
    """Return the greatest side of a tile, in pixels, that keeps the grid within MAX_SIDE."""
    return MAX_SIDE // (max(len(layout.cols), len(layout.rows)) + 1)


def draw_grid(layout: GridLayout, tiles: Sequence[Pixels]) -> Pixels:
    """Draw the tiles, equal uint8 [h, w, 3] in reading order, with their labels: [H, W, 3]."""
    height, width = tiles[0].shape[:2]
    side = max(height, width)
    gap = max(2, side // 40)
    points = max(11, round(side * 0.11))
    fits = min(_fit(text, points, width - gap) for text in layout.cols)
    font = _font(max(10, round(points * 0.7), fits))
    cols = [_clip(text, font, width - gap) for text in layout.cols]
    rows = [_clip(text, font, 1.5 * width) for text in layout.rows]
    margin = max(gap * 2, side // 12)
    left = margin
    if any(rows):
        left += max(round(font.getlength(text)) for text in rows) + margin // 2
    top = margin + round(font.size * 1.45)
    wide = left + len(cols) * (width + gap) - gap + margin
    high = top + len(rows) * (height + gap) - gap + margin
    canvas = Image.new("RGB", (wide, high), _PAPER)
    draw = ImageDraw.Draw(canvas)
    for column, text in enumerate(cols):
        x = left + column * (width + gap) + width / 2
        draw.text((x, top - font.size * 0.45), text, _ink(text), font, anchor="ms")
    for row, text in enumerate(rows):
        y = top + row * (height + gap) + height / 2
        draw.text((left - margin // 2, y), text, _ink(text), font, anchor="rm")
    for index, tile in enumerate(tiles):
        row, column = divmod(index, len(cols))
        place = (left + column * (width + gap), top + row * (height + gap))
        canvas.paste(Image.fromarray(tile), place)
    return np.asarray(canvas)


def _places(count: int, alone: float) -> list[float]:
    return [alone] if count == 1 else [i / (count - 1) for i in range(count)]


def _ink(text: str) -> tuple[int, int, int]:
    """Words are dark, bare numbers faint."""
    return _INK if any(letter.isalpha() for letter in text) else _FAINT


def _fit(text: str, points: int, room: float) -> int:
    length = _font(points).getlength(text)
    return points if length <= room else int(points * room / length)


def _clip(text: str, font: ImageFont.FreeTypeFont, room: float) -> str:
    if font.getlength(text) <= room:
        return text
    while text and font.getlength(text + "…") > room:
        text = text[:-1]
    return text.rstrip() + "…"


@lru_cache(maxsize=8)
def _font(points: int) -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which matplotlib ships: Latin, Greek and Cyrillic letters."""
    import matplotlib  # slow to import, and only its font is needed

    path = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    return ImageFont.truetype(str(path), points)
