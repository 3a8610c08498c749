"""The atlas as a picture: how far words lie apart, ordered by likeness, and a map of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from runtime.output.charts.colours import FAINT, INK, RULE, STORM
from runtime.output.charts.paper import Pixels, clip, framed, painted, sheet
from runtime.perception.charting.atlas import Atlas
from runtime.perception.distance import Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

THUMBNAIL = 128
"""Pictures passed to the chart need no more than this many pixels a side."""
_SIZE = (12.8, 6.6)
_DPI = 125
_MAP = (0.535, 0.07, 0.445, 0.83)
"""left, bottom, width, height of the map, in shares of the figure"""
_COLOURS = "cividis"
"""evenly spaced in lightness: it reads in grey and for the colour-blind"""
_LABELLED = 60
"""Words that can be told apart beside the matrix."""
_PICTURED = 40
"""Words whose pictures find room on the map."""
_MOVED = 200
"""Words that may find room beside each other."""
_SMALLEST = 6.5
"""Letters on the map, in points."""
_NEIGHBOURS = 2


def draw_atlas(atlas: Atlas, pictures: Sequence[Pixels]) -> Pixels:
    """Draw matrix and map, uint8 [825, 1600, 3]; ``pictures`` are in the order of the words."""
    figure = sheet(_SIZE, _DPI)
    _draw_matrix(figure, figure.add_axes((0.065, 0.12, 0.365, 0.365 * _SIZE[0] / _SIZE[1])), atlas)
    _draw_map(figure.add_axes(_MAP), atlas, pictures)
    return painted(figure)


def _draw_matrix(figure: Figure, axes: Axes, atlas: Atlas) -> None:
    from matplotlib.lines import Line2D

    order = list(atlas.order)
    count = len(order)
    shown = atlas.paths[np.ix_(order, order)]
    np.fill_diagonal(shown, np.nan)
    image = axes.imshow(shown, cmap=_COLOURS, interpolation="nearest", vmin=0.0)
    size = max(3.0, min(11.0, 150 / count))
    ways = {frozenset(way.words): way for way in atlas.ways}
    for row in range(count):
        for column in range(count):
            if row == column:
                continue
            way = ways[frozenset((atlas.words[order[row]], atlas.words[order[column]]))]
            dark = shown[row, column] < 0.6 * np.nanmax(shown)
            ink = "white" if dark else "black"
            if row > column and count <= 14:
                axes.text(
                    column, row, f"{way.path:.2f}", ha="center", va="center", color=ink,
                    fontsize=min(9.0, 90 / count),
                )  # fmt: skip
            if row < column and way.storms:
                axes.plot(column, row, "o", ms=size * (0.35 + 0.65 * way.stormy), color=ink)
            if row < column and way.jumps:
                axes.plot(column, row, "x", ms=size, mew=1.2, color=ink)
    if count <= _LABELLED:
        names = [clip(atlas.words[i], 16) for i in order]
        fonts: dict[str, Any] = {
            "fontsize": max(4.0, min(10.0, 260 / count)),
            "color": INK,
            "parse_math": False,
        }
        axes.set_xticks(range(count), names, rotation=90 if count > 9 else 30, **fonts)
        axes.set_yticks(range(count), names, **fonts)
    else:
        axes.set_xticks([])
        axes.set_yticks([])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    bar = figure.colorbar(image, ax=axes, fraction=0.03, pad=0.02)
    bar.ax.tick_params(colors=FAINT, labelsize=8)
    bar.outline.set_visible(False)
    axes.set_title("length of the way: visible change from word to word", fontsize=10, color=FAINT)
    marks = [
        Line2D([], [], ls="", marker="o", ms=6, color=INK, label="a storm (size: its share)"),
        Line2D([], [], ls="", marker="x", ms=6, color=INK, label="a jump"),
    ]
    figure.legend(
        handles=marks, loc="lower left", bbox_to_anchor=(0.06, 0.0), ncols=2, frameon=False,
        fontsize=8.5, labelcolor=FAINT,
    )  # fmt: skip


def _draw_map(axes: Axes, atlas: Atlas, pictures: Sequence[Pixels]) -> None:
    from matplotlib.offsetbox import AnnotationBbox, OffsetImage

    at = atlas.places
    number = {word: i for i, word in enumerate(atlas.words)}
    drawn = set()
    for word in atlas.words:
        for other, way in atlas.near(word)[:_NEIGHBOURS]:
            ends = frozenset((word, other))
            if ends in drawn:
                continue
            drawn.add(ends)
            a, b = at[number[word]], at[number[other]]
            axes.plot(
                [a[0], b[0]], [a[1], b[1]], zorder=1, lw=1.3,
                color="#9aa5b0" if way.is_calm else STORM, ls="-" if way.is_calm else (0, (4, 3)),
            )  # fmt: skip
    side = max(16.0, min(56.0, 140 / len(atlas.words) ** 0.5))
    reach = 1.16 * float(np.abs(at).max()) or 1.0
    wide, tall = _MAP[2] * _SIZE[0], _MAP[3] * _SIZE[1]  # inches
    scale = 72 * min(wide, tall) / (2 * reach)  # points for a unit
    for axis, low, high in ((0, -wide / 2, wide / 2), (1, -tall / 2, tall / 2)):
        limits = axes.set_ylim if axis else axes.set_xlim
        limits(72 * low / scale, 72 * high / scale)
    pictured = len(atlas.words) <= _PICTURED
    font = max(_SMALLEST, min(10.0, side / 4.5))
    longest = max(len(clip(word, 20)) for word in atlas.words)
    room = np.array([side + 8, side + 20] if pictured else [0.6 * font * longest, 2 * font])
    room = room / scale
    bounds = np.array([72 * wide, 72 * tall]) / scale / 2 - room / 2
    shown = _apart(at, room, bounds) if len(at) <= _MOVED else at
    for word, true, place, picture in zip(atlas.words, at, shown, pictures, strict=True):
        axes.plot(*zip(true, place, strict=True), color=FAINT, lw=0.8, zorder=2)
        axes.plot(*true, "o", ms=3, color=INK, zorder=2)
        if pictured:
            zoom = side / max(picture.shape[:2])
            image = OffsetImage(picture, zoom=zoom, interpolation="lanczos")
            box = {"edgecolor": RULE, "lw": 0.8}
            axes.add_artist(AnnotationBbox(image, tuple(place), pad=0.1, bboxprops=box, zorder=3))
            below = (0.0, -side / 2 - 4)
        else:
            below = (0.0, -3.0)
        axes.annotate(
            clip(word, 20), tuple(place), below, textcoords="offset points", ha="center", va="top",
            fontsize=font, color=INK, zorder=4, parse_math=False,
            bbox={"facecolor": "white", "alpha": 0.75, "lw": 0, "pad": 0.6},
        )  # fmt: skip
    framed(axes, RULE)
    axes.set_title(
        f"near is alike (stress {atlas.stress:.2f}); lines to the nearest by calm water, "
        "dashed through storms",
        fontsize=10, color=FAINT,
    )  # fmt: skip


def _apart(at: Floats, room: Floats, bounds: Floats) -> Floats:
    """Move places [N, 2] until boxes of ``room`` (width, height) around them hardly overlap.

    Centres stay within ``bounds`` (half width, half height) of 0.
    """
    shown = np.clip(at, -bounds, bounds)
    first, second = np.triu_indices(len(at), 1)
    for _ in range(300):
        between = shown[first] - shown[second]
        overlap = room - np.abs(between)
        hit = (overlap > 0).all(1)
        if not hit.any():
            break
        push = np.zeros_like(between)
        axis = np.argmin(overlap / room, axis=1)  # the shorter way out
        rows = np.flatnonzero(hit)
        away = np.where(between[rows, axis[rows]] < 0, -1.0, 1.0)
        push[rows, axis[rows]] = 0.27 * overlap[rows, axis[rows]] * away
        np.add.at(shown, first, push)
        np.subtract.at(shown, second, push)
        shown = np.clip(shown, -bounds, bounds)
    return np.asarray(shown)
