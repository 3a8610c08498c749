"""The picture of a map: where the plane of two axes is calm and where it storms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from runtime.output.charts.colours import DIM, INK
from runtime.output.charts.paper import Pixels, clip, framed, painted, sheet
from runtime.perception.charting.map import TOO_FEW, PlaneMap, Point, storms_on
from runtime.perception.distance import Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

THUMBNAIL = 150
"""Pictures passed to the chart need no more than this many pixels a side."""
STRIP = 9
"""Pictures along each way."""
COLOURS = "cividis_r"
"""Perceptually even, the same to colour-blind eyes, and ordered in grey: calm is light."""
_DPI = 96
_WIDE, _TALL = 9.6, 7.75
_RULE, _STORM = "#c3c9ce", "#b5321c"
"""darker than on other charts: they lie on colours"""
_MAP = (1.62, 2.6, 4.55)  # left, bottom, side, in inches
_THUMB = 1.12


@dataclass(frozen=True, slots=True)
class DrawnRoute:
    """A way across the map: its places, what it is called, and pictures evenly along it."""

    name: str
    places: tuple[Point, ...]
    pictures: tuple[Pixels, ...]
    """STRIP pictures, uint8 [h, w, 3]"""
    line: str = "-"
    """how it is drawn, as matplotlib writes it"""


@dataclass(frozen=True, slots=True)
class Labels:
    """The words of a map."""

    title: str
    t: tuple[str, str]
    """what stands at both ends of t"""
    u: tuple[str, str]
    """what stands at both ends of u"""


def draw_map(
    plane: PlaneMap,
    labels: Labels,
    shown: Sequence[tuple[Point, Pixels]],
    ways: Sequence[DrawnRoute],
) -> Pixels:
    """Draw the map, uint8 [744, 921, 3].

    ``shown`` are pictures and their places: the four corners, then one or two more. ``ways`` are
    drawn across the map, and as strips under it.
    """
    figure = sheet((_WIDE, _TALL), _DPI)
    storm, rising = storms_on(plane.speed)
    top = float(max(np.percentile(plane.speed, 99.5), rising, 0.2))
    left, bottom, side = _MAP
    axes = figure.add_axes((left / _WIDE, bottom / _TALL, side / _WIDE, side / _TALL))
    image = _draw_field(axes, plane.speed, top)
    _draw_storms(axes, plane.speed, storm, rising)
    t, u = np.asarray(plane.places).T
    axes.plot(t, u, ls="", marker=".", ms=1.4, color="#101418", alpha=0.45, clip_on=False)
    for way in ways:
        _draw_way(axes, way)
    _draw_ends(axes, labels)
    _draw_parts(figure, plane, top, image, rising)
    _draw_thumbnails(figure, axes, shown)
    for index, way in enumerate(ways):
        _draw_strip(figure, way, 1.24 - index * 1.1)
    share = 100 * float(storm.mean())
    found = f"{share:.0f} % of the plane storms" if share >= 0.5 else "no storm"
    if not plane.tells_storms:
        found = TOO_FEW
    figure.text(0.015, 1 - 0.12 / _TALL, clip(labels.title, 84), ha="left", va="top",
                fontsize=11, color=INK, parse_math=False)  # fmt: skip
    figure.text(
        0.015, 1 - 0.36 / _TALL,
        f"{len(plane.places)} pictures; {found}",
        ha="left", va="top", fontsize=8.5, color=DIM,
    )  # fmt: skip
    return painted(figure)


def _draw_field(axes: Axes, field: Floats, top: float) -> object:
    image = axes.imshow(
        field, origin="lower", extent=(0, 1, 0, 1), cmap=COLOURS, vmin=0, vmax=top,
        interpolation="bilinear", aspect="auto",
    )  # fmt: skip
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1], [])
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1], [])
    axes.tick_params(length=2.5, color=DIM)
    axes.spines[:].set_color(_RULE)
    return image


def _draw_storms(axes: Axes, field: Floats, storm: NDArray[np.bool_], rising: float) -> None:
    """Draw a line round each storm, and round nothing else that is as fast."""
    if not storm.any():
        return
    smooth = _smoothed(np.where(storm, field, np.minimum(field, rising * 0.98)))
    centres = (np.arange(len(field)) + 0.5) / len(field)
    for colour, width in (("white", 3.2), (_STORM, 1.5)):
        axes.contour(centres, centres, smooth, levels=[rising], colors=colour, linewidths=width)
    rows, columns = np.nonzero(storm & (field >= field[storm].max() * 0.999))
    t, u = centres[columns[0]], centres[rows[0]]
    u += 0.1 if u < 0.5 else -0.1  # beside the place itself, where the lines from its pictures end
    axes.annotate(
        "storm", (min(max(t, 0.08), 0.92), u), ha="center", va="center", fontsize=8, color=_STORM,
        bbox={"facecolor": "white", "alpha": 0.85, "lw": 0, "boxstyle": "round,pad=0.2"},
    )  # fmt: skip


def _draw_way(axes: Axes, way: DrawnRoute) -> None:
    t, u = np.asarray(way.places).T
    solid = way.line == "-"
    axes.plot(t, u, color="white", lw=3.4 if solid else 2.4, clip_on=False, zorder=4)
    axes.plot(
        t, u, color="black", lw=1.6 if solid else 1.1, ls=way.line, clip_on=False, zorder=5,
        marker="o" if solid else None, ms=4.5, mfc="white", mew=1.2,
    )  # fmt: skip


def _draw_ends(axes: Axes, labels: Labels) -> None:
    for x, text, side in ((0.0, labels.t[0], "left"), (1.0, labels.t[1], "right")):
        axes.annotate(
            clip(text, 30), (x, 0), xytext=(0, -5), textcoords="offset points", ha=side,
            va="top", fontsize=9, color=INK, parse_math=False, annotation_clip=False,
        )  # fmt: skip
    for y, text, end in ((0.0, labels.u[0], "bottom"), (1.0, labels.u[1], "top")):
        axes.annotate(
            clip(text, 26), (0, y), xytext=(-5, 0), textcoords="offset points", ha="right",
            va=end, fontsize=9, color=INK, rotation=90, parse_math=False, annotation_clip=False,
        )  # fmt: skip


def _draw_parts(figure: Figure, plane: PlaneMap, top: float, image: object, rising: float) -> None:
    """Draw the speeds along t and along u for themselves, and the scale."""
    x, wide = 7.62, 1.72
    for y, field, name in (
        (5.2, plane.along_t, "change along t →"),
        (3.17, plane.along_u, "change along u ↑"),
    ):
        axes = figure.add_axes((x / _WIDE, y / _TALL, wide / _WIDE, wide / _TALL))
        _draw_field(axes, field, top)
        axes.set_title(name, fontsize=8.5, color=DIM, pad=3)
    scale = figure.add_axes((x / _WIDE, 2.84 / _TALL, wide / _WIDE, 0.13 / _TALL))
    bar = figure.colorbar(image, cax=scale, orientation="horizontal")  # type: ignore[arg-type]
    bar.outline.set_visible(False)
    scale.tick_params(labelsize=7, colors=DIM, length=2, pad=1)
    scale.plot([rising, rising], [0, 1], color=_STORM, lw=1.5)
    scale.annotate(
        "storm", (rising, 1.0), xytext=(0, 1), textcoords="offset points", ha="center",
        va="bottom", fontsize=7, color=_STORM,
    )  # fmt: skip
    figure.text(
        (x + wide / 2) / _WIDE, 2.6 / _TALL, "visible change per unit", ha="center", va="top",
        fontsize=7.5, color=DIM,
    )  # fmt: skip


def _draw_thumbnails(figure: Figure, axes: Axes, shown: Sequence[tuple[Point, Pixels]]) -> None:
    from matplotlib.patches import ConnectionPatch

    left, bottom, side = _MAP
    middle = [place for place, _ in shown[4:]]
    for place, pixels in shown:
        west = place[0] < 0.5
        if place in middle:
            west = middle.index(place) == 0
        share = 0.5 if place in middle else place[1]
        x = 0.12 if west else left + side + 0.14
        y = bottom + share * (side - _THUMB)
        box = figure.add_axes((x / _WIDE, y / _TALL, _THUMB / _WIDE, _THUMB / _TALL))
        box.imshow(pixels, interpolation="lanczos")
        framed(box, _RULE)
        if place in middle:
            framed(box, _STORM, 1.4)
            figure.add_artist(
                ConnectionPatch(
                    xyA=(1.0 if west else 0.0, 0.5),
                    coordsA=box.transAxes,
                    xyB=place,
                    coordsB=axes.transData,
                    color=_STORM,
                    lw=0.9,
                )
            )


def _draw_strip(figure: Figure, way: DrawnRoute, y: float) -> None:
    from matplotlib.lines import Line2D

    left, right = 1.3, 9.45
    side = (right - left) / STRIP
    figure.text(
        (left - 0.1) / _WIDE, (y + side / 2) / _TALL, way.name, ha="right", va="center",
        fontsize=8.5, color=INK,
    )  # fmt: skip
    x, low = (left - 0.85) / _WIDE, (y + side / 2 - 0.3) / _TALL
    dash = Line2D(
        [x, x + 0.07], [low, low], color="black", lw=1.5, ls=way.line,
        marker="o" if way.line == "-" else None, ms=4, mfc="white", mew=1.1,
    )  # fmt: skip
    figure.add_artist(dash)
    for column, pixels in enumerate(way.pictures):
        axes = figure.add_axes(
            ((left + column * side + 0.02) / _WIDE, (y + 0.02) / _TALL,
             (side - 0.04) / _WIDE, (side - 0.04) / _TALL)
        )  # fmt: skip
        axes.imshow(pixels, interpolation="lanczos")
        axes.axis("off")


def _smoothed(field: Floats) -> Floats:
    """Average with the neighbours, so that a contour does not follow the cells' corners."""
    padded = np.pad(field, 1, mode="edge")
    near = padded[:-2] + 2 * padded[1:-1] + padded[2:]
    out: Floats = (near[:, :-2] + 2 * near[:, 1:-1] + near[:, 2:]) / 16
    return out
