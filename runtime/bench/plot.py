"""A benchmark as a picture: where the time of a frame goes, and how far below the roof that is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from runtime.bench.figures import Benchmark
from runtime.output.charts.colours import CURVE, FAINT, INK, STORM
from runtime.output.charts.paper import Pixels, painted, sheet

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SIZE = (9.6, 4.2)
_DPI = 140
_TAKEN, _LIMIT, _ROOF = CURVE, STORM, FAINT


def draw_benchmark(result: Benchmark) -> Pixels:
    """Draw bars for the stages and the roofline of their graphs, uint8 [588, 1344, 3]."""
    figure = sheet(_SIZE, _DPI, "constrained")
    bars, roof = figure.subplots(1, 2)
    _draw_stages(bars, result)
    _draw_roof(roof, result)
    figure.suptitle(
        f"{result.model} {result.width}x{result.height}, {result.engine} {result.precision}, "
        f"{result.device}: {result.fps:.1f} frames a second",
        fontsize=10,
        color=INK,
    )
    return painted(figure)


def _draw_stages(axes: Axes, result: Benchmark) -> None:
    names = list(result.stages)[::-1]
    stages = [result.stages[name] for name in names]
    medians = np.array([stage.ms.median for stage in stages])
    reach = np.array([[s.ms.median - s.ms.p10, s.ms.p90 - s.ms.median] for s in stages]).T
    axes.barh(names, medians, xerr=np.clip(reach, 0, None), color=_TAKEN, ecolor=FAINT)
    for place, stage in enumerate(stages):
        if stage.limit_ms is not None:
            axes.plot([stage.limit_ms] * 2, [place - 0.4, place + 0.4], color=_LIMIT, lw=2)
    axes.plot([], [], color=_LIMIT, lw=2, label="the least this machine could take")
    axes.legend(frameon=False, fontsize=8, loc="best")
    axes.set_xlabel("milliseconds a frame: median, 10 to 90 %", fontsize=9)


def _draw_roof(axes: Axes, result: Benchmark) -> None:
    roofs = [
        (limits.precision, limits.flop_per_second / 1e9, limits.bytes_per_second / 1e9)
        for limits in (result.limits, *result.more_limits)
        if limits.flop_per_second is not None and limits.bytes_per_second is not None
    ]
    if not roofs:
        axes.text(0.5, 0.5, "the machine's rates are unknown", ha="center", color=FAINT)
        axes.set_axis_off()
        return
    points = {
        name: (stage.gflop * 1e9 / stage.bytes, stage.gflops)
        for name, stage in result.stages.items()
        if stage.gflop and stage.gflops and stage.bytes
    }
    ridges = [peak / bandwidth for _, peak, bandwidth in roofs]
    farthest = max([x for x, _ in points.values()], default=0.0)
    at = np.geomspace(min(ridges) / 30, max(max(ridges) * 100, farthest * 3), 200)
    for precision, peak, bandwidth in roofs:
        axes.loglog(at, np.minimum(peak, at * bandwidth), color=_ROOF)
        axes.annotate(
            precision, (at[-1], peak), (0, 3), textcoords="offset points", ha="right", color=FAINT
        )
    for name, point in points.items():
        axes.loglog(*point, "o", color=_TAKEN)
        axes.annotate(name, point, (6, -10), textcoords="offset points", fontsize=9)
    axes.set_xlabel("operations for each byte that must move", fontsize=9)
    axes.set_ylabel("GFLOP/s", fontsize=9)
