"""``wordmorph storms``: where a morph is calm, and where it storms, flickers and jumps."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from player.commands.common import frames_of, interruptible, name_untaught, progress
from player.options import (
    AsJson,
    ChartName,
    Expression,
    FarmSpec,
    Force,
    PlaceOnU,
    RequestOptions,
    close_open_range,
    film_line,
    open_frames,
    open_planner,
    shared,
)
from player.session.reproduce import Invocation, command_line, own_name
from runtime.errors import RequestError
from runtime.language.line import Line
from runtime.output.charts.storms import THUMBNAIL, Words, draw_storms, shown_frames
from runtime.output.film import save_still
from runtime.output.grid import shrink
from runtime.output.overwrite import check_overwrite
from runtime.output.settings import settings_of
from runtime.output.target import check_picture
from runtime.perception.distance import Descriptor, describe_frame, path, smoothness, storm_share
from runtime.perception.storms.storms import StormReport, find_storms
from runtime.perception.storms.survey import Survey, survey
from runtime.request import Request

MAX_FRAMES = 10_000


@shared
def storms(
    expression: Expression,
    output: ChartName = None,
    frames: Annotated[int, typer.Option(help="Pictures to compare from end to end.")] = 100,
    u: PlaceOnU = None,
    as_json: AsJson = False,
    force: Force = False,
    farm: FarmSpec = None,
    invocation: Invocation = Invocation(),
    request_options: RequestOptions = RequestOptions(),
) -> None:
    """Measure how fast the picture changes, as a table, as JSON, and as a chart with -o."""
    if not 3 <= frames <= MAX_FRAMES:
        raise RequestError(f"{frames} frames cannot be compared: use 3 to {MAX_FRAMES}")
    if output is not None:
        check_picture(output, "chart")
    planner = open_planner(invocation)

    def begin(text: str) -> tuple[Request, Line]:
        start = request_options.request(planner, text, u=0.5 if u is None else u)
        return start, film_line(start, u)

    expression = close_open_range(expression, invocation, planner, request_options, begin, farm)
    start, line = begin(expression)
    if output is not None:
        decisive = settings_of({"model": planner.manifest.model}, start, "", frames=frames)
        check_overwrite(output, decisive, force=force)
    name_untaught(planner, start)
    with interruptible(output), open_frames(invocation, planner, farm) as pipeline:
        places = [i / (frames - 1) for i in range(frames)]
        requests = [line.at(place) for place in places]
        with progress() as bars:
            rendered = frames_of(pipeline, requests, bars, "rendering")
            film = survey(places, (describe_frame(frame.pixels) for frame in rendered))
            probing = bars.add_task("bisecting", total=None)

            def descriptor_at(place: float) -> Descriptor:
                bars.advance(probing)
                return describe_frame(pipeline.render(line.at(place)).pixels)

            turns = tuple(place for place, _ in line.stations)
            found = find_storms(film, descriptor_at, turns)
        options = {"frames": frames, "u": u}
        command = command_line(
            "storms", start, own_name(output or "storms.png"), invocation.shareable(), options
        )
        settings = settings_of(pipeline.settings(), start, command, frames=frames)
        if output is not None:
            shown = {i: pipeline.render(requests[i]).pixels for i in shown_frames(film, found)}
            words = Words(expression, line.label(0.0), line.label(1.0), line.axis, turns)
            chart = draw_storms(film, found, lambda i: shrink(shown[i], THUMBNAIL), words)
            save_still(output, chart, settings)
    if as_json:
        told = {**settings, "axis": line.axis, "stations": turns, **_figures(film, found)}
        print(json.dumps(told, indent=1))
        return
    Console().print(_table(film, found), _summary(expression, film), sep="")
    if output is not None:
        print(output)


def _figures(film: Survey, found: StormReport) -> dict[str, Any]:
    change = film.change
    return {
        "smoothness": smoothness(change.distances),
        "path": path(change.distances),
        "storm_share": storm_share(change.distances),
        "noise": change.noise,
        "fast": found.fast,
        "zones": [asdict(zone) for zone in found.zones],
        "flickers": [asdict(flicker) for flicker in found.flickers],
        "jumps": [asdict(jump) for jump in found.jumps],
        "positions": film.positions.tolist(),
        "distances": film.distances.tolist(),
        "change": change.distances.tolist(),
    }


def _summary(expression: str, film: Survey) -> Text:
    distances = film.change.distances
    return Text(
        f"{expression}: {len(film.positions)} frames, smoothness {smoothness(distances):.2f}, "
        f"path {path(distances):.2f}, of which the worst 5 % of intervals hold "
        f"{100 * storm_share(distances):.0f} %"
    )


def _table(film: Survey, found: StormReport) -> Table:
    whole = path(film.change.distances)
    table = Table()
    table.add_column("")
    for name in ("from", "to", "change", "of path"):
        table.add_column(name, justify="right")
    events: list[tuple[float, float, str, float]] = [
        *((zone.start, zone.end, zone.kind, zone.path) for zone in found.zones),
        *((f.start, f.end, "  flicker", f.size) for f in found.flickers),
        *((jump.t, jump.t, "  jump", jump.size) for jump in found.jumps),
    ]
    for start, end, name, change in sorted(events, key=lambda event: (event[0], -event[1])):
        share = f"{100 * change / whole:.0f} %" if whole else ""
        style = {"storm": "bold", "calm": "dim"}.get(name)
        until = "" if end == start else f"{end:.3f}"
        table.add_row(name, f"{start:.3f}", until, f"{change:.3f}", share, style=style)
    return table
