"""``wordmorph map``: the plane of both axes, its storms, and the calmest way across."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict, dataclass
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console

from player.commands.common import frames_of, interruptible, progress, refuse_untaught
from player.options import (
    AsJson,
    ChartName,
    Expression,
    FarmSpec,
    Force,
    RequestOptions,
    close_open_range,
    open_frames,
    open_planner,
    shared,
)
from player.session.reproduce import Invocation, command_line, own_name
from runtime.errors import RequestError
from runtime.farm.farm import Farm
from runtime.language.expression import parse
from runtime.language.line import Line
from runtime.output.charts.map import STRIP, THUMBNAIL, DrawnRoute, Labels, draw_map
from runtime.output.film import save_still
from runtime.output.grid import shrink
from runtime.output.overwrite import check_overwrite
from runtime.output.settings import settings_of
from runtime.output.target import check_picture
from runtime.perception.charting.map import (
    LEAST,
    MOST,
    TOO_FEW,
    PlaneMap,
    PlaneMesh,
    Point,
    sample,
    storms_on,
)
from runtime.perception.charting.route import calmest, resample, route_expression, straight
from runtime.perception.distance import describe_frame, path, smoothness
from runtime.perception.storms.survey import survey
from runtime.pipeline import Pipeline
from runtime.request import Frame, Request

_CHECKED = (9, 17, 33)
"""Pictures taken along each way, to measure it: so many that nine of them are even."""
_MAP_SHARE = 0.75
"""Of ``--seconds``; the rest is for measuring the ways."""
_NAMES = {"calmest": "calmest\nway", "straight": "straight"}


@dataclass(frozen=True, eq=False)
class Measured:
    """A way across the map as it really came out."""

    places: tuple[Point, ...]
    expression: str | None
    """None under slerp, which does not go straight between stations"""
    path: float
    smoothness: float
    top_speed: float
    frames: tuple[Frame, ...]


@shared
def map(
    expression: Expression,
    output: ChartName = None,
    frames: Annotated[int, typer.Option(help="Pictures to render at most.")] = 400,
    seconds: Annotated[
        float | None, typer.Option(help="Time to render in, at most; no limit if left out.")
    ] = None,
    as_json: AsJson = False,
    force: Force = False,
    farm: FarmSpec = None,
    invocation: Invocation = Invocation(),
    request_options: RequestOptions = RequestOptions(),
) -> None:
    """Chart how fast the picture changes over both axes, and find the calmest way across."""
    least = LEAST + 2 * _CHECKED[0]
    if not least <= frames <= MOST:
        raise RequestError(f"{frames} frames make no map: use {least} to {MOST}")
    if seconds is not None and not seconds > 0:
        raise RequestError(f"{seconds:g} seconds make no map: use 1 or more")
    if output is not None:
        check_picture(output, "map")
    planner = open_planner(invocation)

    def begin(text: str) -> Request:
        start = request_options.request(planner, text)
        _check_two_axes(start)
        refuse_untaught(planner, start)
        return start

    start = begin(close_open_range(expression, invocation, planner, request_options, begin, farm))
    told = {"frames": frames, "seconds": seconds}
    if output is not None:
        model = {"model": planner.manifest.model}
        check_overwrite(output, settings_of(model, start, "", **told), force=force)
    along = max(count for count in _CHECKED if count == 9 or count * 12 <= frames)
    with interruptible(output), open_frames(invocation, planner, farm) as pipeline:
        mesh = PlaneMesh(start, frames - 2 * along)
        began = time.monotonic()
        plane = _sample(mesh, pipeline, seconds)
        if seconds is not None:
            gone = time.monotonic() - began
            along = _affordable(along, gone / mesh.done, seconds - gone)
        ways = {
            name: _measure(pipeline, start, name, places, along)
            for name, places in (("calmest", calmest(plane)), ("straight", straight()))
        }
        if ways["straight"].top_speed < ways["calmest"].top_speed:  # a coarse map may mislead
            ways["calmest"] = ways["straight"]
        name = own_name(output or "map.png")
        command = command_line("map", start, name, invocation.shareable(), told)
        settings = settings_of(pipeline.settings(), start, command, **told)
        if output is not None:
            save_still(output, _draw(mesh, plane, start, ways), settings)
    if as_json:
        print(json.dumps({**settings, **_figures(plane, ways)}, indent=1))
        return
    _say(plane, ways)
    if output is not None:
        print(output)


def _affordable(most: int, each: float, left: float) -> int:
    """Return how many pictures to take along each of two ways: ``most`` if there are the seconds
    ``left`` for them, ``each`` taking so many."""
    return max(n for n in _CHECKED if n <= most and (n == _CHECKED[0] or 2 * n * each <= left))


def _check_two_axes(request: Request) -> None:
    parsed = parse(request.expression)
    if not parsed.has_plane:
        raise RequestError(
            f"a map needs two axes, and {request.expression!r} has not: write both, as in "
            "'cat -> kitten | -3/7*tabby .. +3/7*tabby'"
        )


def _sample(mesh: PlaneMesh, pipeline: Pipeline | Farm, seconds: float | None) -> PlaneMap:
    began = time.monotonic()
    with progress() as bars:
        bar = bars.add_task("sounding", total=mesh.frames)

        def go_on() -> bool:
            return seconds is None or time.monotonic() - began < seconds * _MAP_SHARE

        def tell(done: int) -> None:
            total: float = mesh.frames
            gone = time.monotonic() - began
            if seconds is not None and gone > 0:
                total = min(total, max(done, done * seconds * _MAP_SHARE / gone))
            bars.update(bar, completed=done, total=total)

        return sample(mesh, pipeline.frames, go_on, tell)


def _measure(
    pipeline: Pipeline | Farm, start: Request, name: str, places: tuple[Point, ...], count: int
) -> Measured:
    """Render a way, evenly between its places, and measure it as ``storms`` would."""
    share = np.linspace(0, 1, len(places))
    way = [start.at(t, u) for t, u in resample(places, count, share.tolist())]
    with progress() as bars:
        frames = tuple(frames_of(pipeline, way, bars, f"the {name} way"))
    film = survey(np.linspace(0, 1, count), (describe_frame(frame.pixels) for frame in frames))
    lerp = start.interp == "lerp"
    return Measured(
        places,
        route_expression(parse(start.expression), places) if lerp else None,
        path(film.change.distances),
        smoothness(film.change.distances),
        float(film.speed.max()),
        frames,
    )


def _draw(
    mesh: PlaneMesh, plane: PlaneMap, start: Request, ways: dict[str, Measured]
) -> np.ndarray[Any, np.dtype[np.uint8]]:
    along, across = Line(start, "t"), Line(start, "u")
    labels = Labels(
        start.expression,
        (along.label(0.0), along.label(1.0)),
        (across.label(0.0), across.label(1.0)),
    )
    cell = plane.steepest
    low, high = (cell.t, cell.u), (cell.t + cell.size, cell.u + cell.size)
    if cell.along_both < 0:
        low, high = (cell.t, cell.u + cell.size), (cell.t + cell.size, cell.u)
    corners: list[Point] = [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0)]
    shown = [(p, shrink(mesh.pixels(p), THUMBNAIL)) for p in [*corners, low, high]]
    drawn = [
        DrawnRoute(
            _NAMES[name],
            way.places,
            tuple(
                shrink(frame.pixels, THUMBNAIL)
                for frame in way.frames[:: (len(way.frames) - 1) // (STRIP - 1)]
            ),
            "-" if name == "calmest" else "--",
        )
        for name, way in ways.items()
    ]
    return draw_map(plane, labels, shown, drawn)


def _figures(plane: PlaneMap, ways: dict[str, Measured]) -> dict[str, Any]:
    storm, rising = storms_on(plane.speed)
    return {
        "rendered": len(plane.places) + sum(len(way.frames) for way in ways.values()),
        "storm_share": float(storm.mean()),
        "storm_speed": rising,
        "cells": [{**asdict(cell), "steepest": cell.steepest} for cell in plane.cells],
        "ways": {
            name: {
                "places": [list(place) for place in way.places],
                "expression": way.expression,
                "path": way.path,
                "smoothness": way.smoothness,
                "top_speed": way.top_speed,
            }
            for name, way in ways.items()
        },
    }


def _say(plane: PlaneMap, ways: dict[str, Measured]) -> None:
    storm, _ = storms_on(plane.speed)
    storms = f"{100 * storm.mean():.0f} % of the plane storms"
    Console().print(
        f"{len(plane.places)} pictures, {storms if plane.tells_storms else TOO_FEW}; speed "
        f"{plane.speed.min():.2f} to {plane.speed.max():.2f}, half of it below "
        f"{np.median(plane.speed):.2f}",
        soft_wrap=True,
        highlight=False,
    )
    for name, way in ways.items():
        print(
            f"{name} way: change {way.path:.2f}, top speed {way.top_speed:.2f}, "
            f"smoothness {way.smoothness:.2f}"
        )
    best = ways["calmest"]
    if best.expression is None:
        print("no expression runs along it under slerp: use lerp", file=sys.stderr)
    else:
        print(best.expression)
