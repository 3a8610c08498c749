"""``wordmorph grid``: pictures side by side along both axes."""

from __future__ import annotations

from typing import Annotated

import typer

from player.commands.common import frames_of, interruptible, name_untaught, progress
from player.options import (
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
from runtime.output.film import save_still
from runtime.output.grid import MAX_SIDE, GridLayout, draw_grid, lay_out, shrink, tile_side
from runtime.output.overwrite import check_overwrite
from runtime.output.settings import settings_of
from runtime.output.target import check_picture
from runtime.request import Request


@shared
def grid(
    expression: Expression,
    output: Annotated[
        str, typer.Option("--output", "-o", help="A name ending in .png.")
    ] = "grid.png",
    rows: Annotated[
        int | None, typer.Option(help="Rows along t: 5, or 1 where one axis moves.")
    ] = None,
    cols: Annotated[int, typer.Option(help="Columns along u, or along t in a single row.")] = 7,
    tile: Annotated[
        int | None, typer.Option(help="Longer side of a picture in pixels; its own if left out.")
    ] = None,
    t: Annotated[float, typer.Option(help="Place on t of a single row, 0 to 1.")] = 0.0,
    u: Annotated[float, typer.Option(help="Place on u of a single column, 0 to 1.")] = 0.5,
    force: Force = False,
    farm: FarmSpec = None,
    invocation: Invocation = Invocation(),
    request_options: RequestOptions = RequestOptions(),
) -> None:
    """Draw the morph as a grid: t downwards, the second axis to the right.

    A morph with one axis fills a single row, as a film strip.
    """
    check_picture(output, "grid")
    if tile is not None and not 16 <= tile <= MAX_SIDE:
        raise RequestError(f"tiles of {tile} pixels make no picture: use 16 to {MAX_SIDE}")
    planner = open_planner(invocation)

    def begin(text: str) -> tuple[Request, GridLayout]:
        start = request_options.request(planner, text, t=t, u=u)
        return start, lay_out(start, rows, cols)

    start, layout = begin(
        close_open_range(expression, invocation, planner, request_options, begin, farm)
    )
    name_untaught(planner, start)
    side = min(tile_side(layout), tile or MAX_SIDE)
    counts = {"rows": len(layout.rows), "cols": len(layout.cols)}
    more = {"grid": counts, "tile": tile}
    decisive = settings_of({"model": planner.manifest.model}, start, "", **more)
    check_overwrite(output, decisive, force=force)
    with interruptible(output), open_frames(invocation, planner, farm) as pipeline:
        with progress() as bars:
            tiles = [
                shrink(frame.pixels, side)
                for frame in frames_of(pipeline, layout.requests, bars, "rendering")
            ]
        options = {
            **counts,
            "tile": tile,
            "t": t or None,
            "u": None if u == 0.5 else u,
        }
        command = command_line("grid", start, own_name(output), invocation.shareable(), options)
        settings = settings_of(pipeline.settings(), start, command, **more)
        save_still(output, draw_grid(layout, tiles), settings)
    print(f"{output}: {counts['rows']} × {counts['cols']} pictures")
