"""``wordmorph storms``: where a morph is calm, and where it storms, flickers and jumps."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from player.commands.common import frames_of, interruptible, progress
from player.options import (
    Backend,
    Expression,
    Interp,
    Model,
    Precision,
    Row,
    Rows,
    Seed,
    Size,
    Steps,
    film_axis,
    make_request,
    open_pipeline,
    open_planner,
)
from player.session.reproduce import Invocation, command_line
from runtime.errors import RequestError, TargetError
from runtime.language import line
from runtime.output.chart import THUMBNAIL, Words, draw_storms, moments
from runtime.output.film import save_still
from runtime.output.grid import shrink
from runtime.output.settings import settings_of
from runtime.output.target import check_target, kind_of
from runtime.perception.distance import Look, look, path, smoothness, storm_share
from runtime.perception.storms import Survey, Weather, survey, weather

MAX_FRAMES = 10_000


def storms(
    expression: Expression,
    output: Annotated[
        str | None,
        typer.Option(
            "--output", "-o", help="Chart to draw, a name ending in .png; none if absent."
        ),
    ] = None,
    frames: Annotated[int, typer.Option(help="Pictures to compare from end to end.")] = 100,
    u: Annotated[
        float | None, typer.Option(help="Place on the second axis, 0 to 1; its middle if left out.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print machine-readable figures.")
    ] = False,
    model: Model = "critters",
    backend: Backend = "auto",
    precision: Precision = "auto",
    size: Size = None,
    seed: Seed = 0,
    steps: Steps = None,
    rows: Rows = "word",
    row: Row = None,
    interp: Interp = "lerp",
) -> None:
    """Measure how fast the picture changes, as a table, as JSON, and as a chart with -o."""
    if not 3 <= frames <= MAX_FRAMES:
        raise RequestError(f"{frames} frames cannot be compared: use 3 to {MAX_FRAMES}")
    if output is not None:
        if kind_of(output) != "png":
            raise TargetError(f"{output}: a chart is one picture, so its name ends in .png")
        check_target(output)
    invocation = Invocation(model, backend, precision, size)
    start = make_request(
        open_planner(model, size),
        expression,
        u=0.5 if u is None else u,
        seed=seed,
        steps=steps,
        rows=rows,
        row=row,
        interp=interp,
    )
    axis = film_axis(start, u)
    with interruptible(output), open_pipeline(model, backend, precision, size) as pipeline:
        places = [i / (frames - 1) for i in range(frames)]
        requests = [line.at(start, axis, place) for place in places]
        with progress() as bars:
            rendered = frames_of(pipeline, requests, bars, "rendering")
            film = survey(places, (look(frame.pixels) for frame in rendered))
            probing = bars.add_task("bisecting", total=None)

            def look_at(place: float) -> Look:
                bars.advance(probing)
                return look(pipeline.render(line.at(start, axis, place)).pixels)

            found = weather(film, look_at)
        options = {"frames": frames, "u": u}
        command = command_line("storms", start, output or "storms.png", invocation, options)
        settings = settings_of(pipeline, start, command, frames=frames)
        if output is not None:
            shown = {i: pipeline.render(requests[i]).pixels for i in moments(film, found)}
            words = Words(
                expression,
                line.label(expression, axis, 0.0),
                line.label(expression, axis, 1.0),
                axis,
            )
            chart = draw_storms(film, found, lambda i: shrink(shown[i], THUMBNAIL), words)
            save_still(output, chart, settings)
    if as_json:
        print(json.dumps({**settings, "axis": axis, **_figures(film, found)}, indent=1))
        return
    Console().print(_table(film, found), _summary(expression, film), sep="")
    if output is not None:
        print(output)


def _figures(film: Survey, found: Weather) -> dict[str, Any]:
    return {
        "smoothness": smoothness(film.steps),
        "path": path(film.steps),
        "storm_share": storm_share(film.steps),
        "fast": found.fast,
        "zones": [asdict(zone) for zone in found.zones],
        "flickers": [asdict(flicker) for flicker in found.flickers],
        "jumps": [asdict(jump) for jump in found.jumps],
        "positions": film.positions.tolist(),
        "distances": film.steps.tolist(),
    }


def _summary(expression: str, film: Survey) -> Text:
    return Text(
        f"{expression}: {len(film.positions)} frames, smoothness {smoothness(film.steps):.2f}, "
        f"path {path(film.steps):.2f}, of which the worst 5 % of steps hold "
        f"{100 * storm_share(film.steps):.0f} %"
    )


def _table(film: Survey, found: Weather) -> Table:
    whole = path(film.steps)
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
