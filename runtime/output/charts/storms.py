"""The storm chart: how fast a morph changes along its line, with pictures where that matters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from runtime.output.charts.colours import CURVE, FAINT, INK, RULE, STORM
from runtime.output.charts.paper import Pixels, clip, framed, painted, sheet
from runtime.perception.distance import path, smoothness, storm_share
from runtime.perception.storms.storms import StormReport
from runtime.perception.storms.survey import Survey

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


THUMBNAIL = 240
"""Pictures passed to the chart need no more than this many pixels a side."""
_SIZE = (9.6, 5.6)
_DPI = 160
_SHADE, _FLICKER = "#f6e3d9", "#8a5fa8"
_LEFT, _RIGHT, _LOW, _HIGH, _THUMBS = 0.075, 0.975, 0.115, 0.585, 0.68
_MOST = 10


@dataclass(frozen=True, slots=True)
class Words:
    """The texts of a chart: what morphs, and what stands at the two ends of the line."""

    title: str
    first: str
    last: str
    axis: str = "t"
    stations: tuple[float, ...] = ()
    """where a chain's way turns"""


def shown_frames(film: Survey, found: StormReport) -> tuple[int, ...]:
    """Return the frames to show: the ends of zones and both sides of the worst interval, in order.

    When there are too many, the ends of the storms with the longest paths stay.
    """
    worst = int(np.argmax(film.change.distances))
    shown = {0, len(film.positions) - 1, worst, worst + 1}
    storms = sorted((z for z in found.zones if z.kind == "storm"), key=lambda z: -z.path)
    for zone in storms:
        edges = {int(np.searchsorted(film.positions, x)) for x in (zone.start, zone.end)}
        if len(shown | edges) > _MOST:
            break
        shown |= edges
    return tuple(sorted(shown))


def draw_storms(
    film: Survey, found: StormReport, picture: Callable[[int], Pixels], words: Words
) -> Pixels:
    """Draw the chart, uint8 [896, 1536, 3]; ``picture(i)`` gives frame i of ``shown_frames``."""
    figure = sheet(_SIZE, _DPI)
    axes = figure.add_axes((_LEFT, _LOW, _RIGHT - _LEFT, _HIGH - _LOW))
    _draw_speed(axes, film, found, words)
    _draw_thumbnails(figure, axes, film, shown_frames(film, found), picture)
    _draw_title(figure, film, words)
    return painted(figure)


def _draw_speed(axes: Axes, film: Survey, found: StormReport, words: Words) -> None:
    from matplotlib.ticker import MaxNLocator

    at, speed = film.positions, film.speed
    jumpy = np.zeros(len(speed), bool)
    for jump in found.jumps:
        jumpy[min(len(speed) - 1, int(np.searchsorted(at, jump.t, "right")) - 1)] = True
    top = 1.18 * float(max(speed[~jumpy].max(initial=0.0), found.fast if jumpy.any() else 0, 1e-3))
    axes.set_xlim(at[0], at[-1])
    axes.set_ylim(0, top)
    for zone in found.zones:
        storm = zone.kind == "storm"
        if storm:
            axes.axvspan(zone.start, zone.end, color=_SHADE, lw=0)
        if zone.end - zone.start > 0.045:
            axes.text(
                (zone.start + zone.end) / 2, top * 0.94, zone.kind, ha="center", va="center",
                fontsize=9, color=STORM if storm else FAINT, zorder=6,
                bbox={"facecolor": _SHADE if storm else "white", "lw": 0, "pad": 1.5},
            )  # fmt: skip
    smooth = np.where(jumpy, np.nan, speed)
    axes.stairs(smooth, at, color=CURVE, lw=1.4, fill=False, baseline=None)
    axes.stairs(smooth, at, color=CURVE, alpha=0.12, fill=True, lw=0)
    for station in words.stations:
        axes.axvline(station, color=FAINT, lw=0.9, ls=(0, (1, 3)), zorder=3)
    for flicker in found.flickers:
        x = (flicker.start + flicker.end) / 2
        axes.plot([x], [top * 0.03], marker="^", ms=7, color=_FLICKER, clip_on=False, zorder=5)
    for jump in found.jumps:
        axes.plot([jump.t, jump.t], [0, top], color=STORM, lw=1.4, zorder=4)
        axes.plot([jump.t], [top], marker="v", ms=7, color=STORM, clip_on=False, zorder=5)
    _draw_legend(axes, found)
    axes.set_ylabel(f"visible change per unit of {words.axis}", fontsize=9, color=FAINT)
    axes.tick_params(colors=FAINT, labelsize=9, length=3)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(RULE)
    axes.yaxis.grid(True, color=RULE, lw=0.6)
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.set_axisbelow(True)
    for x, text, side in ((0.0, words.first, "left"), (1.0, words.last, "right")):
        axes.text(
            x, -0.13, clip(text, 40), transform=axes.transAxes, ha=side, va="top",
            fontsize=11, color=INK, parse_math=False,
        )  # fmt: skip


def _draw_legend(axes: Axes, found: StormReport) -> None:
    from matplotlib.lines import Line2D

    marks: list[Any] = []
    for count, name, marker, color in (
        (len(found.jumps), "jump", "v", STORM),
        (len(found.flickers), "flicker", "^", _FLICKER),
    ):
        if count:
            text = f"{count} {name}" + ("s" if count > 1 else "")
            marks.append(Line2D([], [], ls="", marker=marker, ms=7, color=color, label=text))
    if marks:
        axes.legend(
            handles=marks, loc="upper center", bbox_to_anchor=(0.5, -0.09), ncols=2,
            frameon=False, fontsize=9, labelcolor=INK, handletextpad=0.2,
        )  # fmt: skip


def _draw_thumbnails(
    figure: Figure, axes: Axes, film: Survey, shown: Sequence[int], picture: Callable[[int], Pixels]
) -> None:
    from matplotlib.lines import Line2D

    side = min(0.118, (_RIGHT - _LEFT + 0.02) / len(shown) - 0.012)
    tall = side * _SIZE[0] / _SIZE[1]
    worst = int(np.argmax(film.change.distances))
    places = _LEFT + (_RIGHT - _LEFT) * film.positions[list(shown)]
    centres = _spread(places, side + 0.012, _LEFT - 0.02 + side / 2, _RIGHT + 0.01 - side / 2)
    for index, x, place in zip(shown, centres, places, strict=True):
        pixels = picture(index)
        ratio = pixels.shape[0] / pixels.shape[1]
        width, height = (side, tall * ratio) if ratio <= 1 else (side / ratio, tall)
        frame = figure.add_axes((x - width / 2, _THUMBS, width, height))
        frame.imshow(pixels, interpolation="lanczos")
        marked = index in (worst, worst + 1)
        framed(frame, STORM if marked else RULE, 1.6 if marked else 0.8)
        line = Line2D(
            [x, place, place], [_THUMBS - 0.008, _HIGH + 0.035, _HIGH + 0.004],
            color=STORM if marked else "#aab2ba", lw=0.9, transform=figure.transFigure,
        )  # fmt: skip
        figure.add_artist(line)
        figure.text(
            x, _THUMBS + height + 0.008, f"{film.positions[index]:.3f}".rstrip("0").rstrip("."),
            ha="center", va="bottom", fontsize=8.5, color=STORM if marked else FAINT,
        )  # fmt: skip


def _draw_title(figure: Figure, film: Survey, words: Words) -> None:
    distances = film.change.distances
    figure.text(
        _LEFT - 0.02, 0.965, clip(words.title, 60), ha="left", va="top", fontsize=13,
        color=INK, parse_math=False,
    )  # fmt: skip
    figure.text(
        _RIGHT + 0.01, 0.962,
        f"smoothness {smoothness(distances):.2f}   path {path(distances):.2f}   "
        f"worst 5 % of intervals: {100 * storm_share(distances):.0f} % of it",
        ha="right", va="top", fontsize=9.5, color=FAINT,
    )  # fmt: skip


def _spread(
    wanted: NDArray[np.float64], apart: float, low: float, high: float
) -> NDArray[np.float64]:
    """Move increasing places as little as is needed to stand ``apart`` within [low, high]."""
    offsets = apart * np.arange(len(wanted))
    target = np.clip(wanted - offsets, low, max(low, high - offsets[-1]))
    blocks: list[list[float]] = []  # pool adjacent violators: isotonic least squares
    for value in target:
        blocks.append([float(value), 1.0])
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            b, a = blocks.pop(), blocks.pop()
            count = a[1] + b[1]
            blocks.append([(a[0] * a[1] + b[0] * b[1]) / count, count])
    flat = np.repeat([block[0] for block in blocks], [int(block[1]) for block in blocks])
    return np.asarray(flat + offsets)
