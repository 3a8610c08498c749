"""The picture of a range: nine places from beyond one end to beyond the other, and the speeds."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from runtime.output.charts.colours import CURVE, DIM, INK, RULE, STORM
from runtime.output.charts.paper import Pixels, framed, painted, sheet
from runtime.perception.charting.range import Range, SideName
from runtime.perception.charting.walk import BEYOND, BRISK, FAST, SPACING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


THUMBNAIL = 200
"""Pictures passed to the chart need no more than this many pixels a side."""
INSIDE = 7
"""Pictures from one calm end to the other; one more stands beyond each."""
_DPI = 110
_DPI_OF_MANY = 75
"""Strips alone are many: smaller pictures, and letters that are as large as before."""
_WIDE = 9.6
_SHADE, _ROUGH = "#e3edf3", "#f6dfd7"
_LABEL, _RIGHT = 1.15, 0.12
_TALL = {"title": 0.5, "plot": 1.75, "foot": 0.1}


@dataclass(frozen=True, slots=True)
class Strip:
    """A range, the words of its axis, and the pictures at ``places``."""

    found: Range
    axis: str
    pictures: tuple[Pixels | None, ...]
    """uint8 [h, w, 3] at each of ``places``, in order"""


def places(found: Range, reach: float) -> tuple[float | None, ...]:
    """Return the nine weights to show: one beyond the low end, seven from end to end, one beyond
    the high end. None stands for one where no end was found up to ``reach``."""
    inside = np.linspace(found.low, found.high, INSIDE).tolist()
    below, above = found.low - BEYOND * SPACING, found.high + BEYOND * SPACING
    return (
        max(below, -reach) if found.low > -reach else None,
        *inside,
        min(above, reach) if found.high < reach else None,
    )


def draw_ranges(strips: Sequence[Strip], title: str, *, speeds: bool = True) -> Pixels:
    """Draw strips under each other, uint8 [H, W, 3]; ``speeds`` adds a plot under each.

    W is 1056 with the plots and 720 without.
    """
    side = (_WIDE - _LABEL - _RIGHT) / (INSIDE + 2)
    strip = side + 0.2
    each = strip + (_TALL["plot"] if speeds else 0.0) + 0.08
    tall = _TALL["title"] + len(strips) * each + _TALL["foot"]
    figure = sheet((_WIDE, tall), _DPI if speeds else _DPI_OF_MANY)
    figure.text(
        0.012, 1 - 0.16 / tall, title, ha="left", va="top", fontsize=11, color=INK,
        parse_math=False,
    )  # fmt: skip
    for index, row in enumerate(strips):
        top = tall - _TALL["title"] - index * each
        _draw_strip(figure, row, top, side, tall, 1.0 if speeds else 1.2)
        if speeds:
            box = (
                _LABEL / _WIDE, (top - each + 0.5) / tall,
                (_WIDE - _LABEL - _RIGHT) / _WIDE, (_TALL["plot"] - 0.62) / tall,
            )  # fmt: skip
            _draw_speeds(figure.add_axes(box), row)
    return painted(figure)


def ask(found: Range, reach: float, picture: Callable[[float], Pixels], axis: str) -> Strip:
    """Return the strip of a range with the pictures that ``picture(weight)`` gives."""
    return Strip(
        found,
        axis,
        tuple(None if weight is None else picture(weight) for weight in places(found, reach)),
    )


def _draw_strip(
    figure: Figure, row: Strip, top: float, side: float, tall: float, letters: float
) -> None:
    found = row.found
    figure.text(
        (_LABEL - 0.1) / _WIDE,
        (top - side * 0.42) / tall,
        _wrapped(found.label, round(15 / letters)),
        ha="right",
        va="center",
        fontsize=8.5 * letters,
        color=INK,
        parse_math=False,
    )
    figure.text(
        (_LABEL - 0.1) / _WIDE, (top - side * 0.86) / tall, f"± {row.axis}", ha="right",
        va="center", fontsize=8 * letters, color=DIM, parse_math=False,
    )  # fmt: skip
    inside = np.linspace(found.low, found.high, INSIDE)
    for column, pixels in enumerate(row.pictures):
        x = _LABEL + column * side
        outside = column in (0, INSIDE + 1)
        axes = figure.add_axes(
            ((x + 0.03) / _WIDE, (top - side + 0.03) / tall,
             (side - 0.06) / _WIDE, (side - 0.06) / tall)
        )  # fmt: skip
        edge: SideName = "low" if column == 0 else "high"
        framed(axes, RULE)
        if outside and pixels is not None:
            framed(axes, STORM, 2.2)
            axes.spines[:].set_linestyle((0, (3, 1.5)))
        if pixels is None:
            axes.text(
                0.5, 0.5, "looked\nno farther", ha="center", va="center", fontsize=7 * letters,
                color=DIM, transform=axes.transAxes,
            )  # fmt: skip
            continue
        axes.imshow(pixels, interpolation="lanczos")
        text = found.why(edge) if outside else _signed(float(inside[column - 1]))
        figure.text(
            (x + side / 2) / _WIDE, (top - side - 0.015) / tall, text, ha="center", va="top",
            fontsize=(7.2 if outside else 8) * letters, color=STORM if outside else INK,
        )  # fmt: skip


def _draw_speeds(axes: Axes, row: Strip) -> None:
    found = row.found
    axes.axvspan(found.low, found.high, color=_SHADE, lw=0)
    for begin, end in found.storms:
        axes.axvspan(begin, end, color=_ROUGH, lw=0)
    for end, side_of in ((found.low, "left"), (found.high, "right")):
        axes.annotate(
            _signed(end), (end, 1.0), xycoords=("data", "axes fraction"),
            xytext=(3 if side_of == "left" else -3, -3), textcoords="offset points", ha=side_of,
            va="top", fontsize=8, color=CURVE,
        )  # fmt: skip
    top = 0.0
    for seed_range in found.by_seed:
        axes.stairs(seed_range.speeds, seed_range.weights, color=CURVE, lw=0.9, alpha=0.75,
                    baseline=None)  # fmt: skip
        top = max(top, float(seed_range.speeds.max()))
        for side in (seed_range.low, seed_range.high):
            if side.why != "reach":
                axes.plot([side.end], [0], marker="|", ms=11, mew=1.6, color=STORM,
                          clip_on=False, zorder=5)  # fmt: skip
    for speed, name in ((FAST, "storm"), (BRISK, "brisk")):
        axes.axhline(speed, color=STORM, lw=0.8, ls="--" if speed == FAST else ":")
        axes.annotate(
            name, (1.0, speed), xycoords=("axes fraction", "data"), xytext=(-3, 2),
            textcoords="offset points", ha="right", va="bottom", fontsize=7, color=STORM,
        )  # fmt: skip
    axes.set_ylim(0, max(1.15 * FAST, min(1.1 * top, 2.2)))
    axes.margins(x=0.02)
    axes.set_xlabel(f"weight of {row.axis}", fontsize=8, color=DIM, parse_math=False)
    axes.set_ylabel("change per\nunit of weight", fontsize=7.5, color=DIM)
    axes.tick_params(colors=DIM, labelsize=8, length=3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(RULE)


def _signed(weight: float) -> str:
    text = f"{abs(weight):.2f}".rstrip("0").rstrip(".")
    return text if text == "0" else f"{'−' if weight < 0 else '+'}{text}"


def _wrapped(text: str, most: int) -> str:
    words = " ".join(text.split())
    lines = textwrap.wrap(words, most, break_long_words=False, break_on_hyphens=False)
    shown = lines[:3]
    if len(lines) > 3:
        shown[-1] += "…"
    return "\n".join(line if len(line) <= most + 3 else f"{line[: most + 2]}…" for line in shown)
