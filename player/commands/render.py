"""``wordmorph render``: films and single pictures on disk."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, cast

import numpy as np
import typer
from numpy.typing import NDArray
from rich.progress import Progress

from player.commands.common import frames_of, interruptible, name_untaught, progress
from player.commands.takes import is_take, render_take
from player.options import (
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
from runtime.farm.farm import Farm
from runtime.language.line import Line
from runtime.output.film import check_fps, open_film, save_still
from runtime.output.overwrite import check_overwrite
from runtime.output.settings import settings_of
from runtime.output.target import check_target, kind_of
from runtime.perception.distance import Descriptor, describe_frame
from runtime.perception.storms.retime import even_positions, measure
from runtime.pipeline import Pipeline
from runtime.request import Request

MAX_FRAMES = 100_000
ALLOWED = {"expression", "output", "fps", "force", "model", "backend", "precision", "farm"}
"""options that a take may be rendered with"""
Pixels = NDArray[np.uint8]


@shared
def render(
    expression: Expression,
    output: Annotated[
        str,
        typer.Option(
            "--output", "-o", help="A name ending in .mp4, .gif or .png, or a folder: frames/"
        ),
    ],
    frames: Annotated[
        int | None, typer.Option(help="Pictures from end to end: 400, or 1 for a .png.")
    ] = None,
    fps: Annotated[float, typer.Option(help="Frames per second.")] = 20.0,
    t: Annotated[float | None, typer.Option(help="Where a single picture is, 0 to 1.")] = None,
    u: PlaceOnU = None,
    bounce: Annotated[
        bool, typer.Option("--bounce", help="Run back to the start, for a seamless loop.")
    ] = False,
    retime: Annotated[
        bool, typer.Option("--retime", help="Perceptually even time instead of even t.")
    ] = False,
    force: Force = False,
    farm: FarmSpec = None,
    invocation: Invocation = Invocation(),
    request_options: RequestOptions = RequestOptions(),
    typed: frozenset[str] = frozenset(),
) -> None:
    """Write a film of the whole morph, or with --t one picture of it, without crossfade.

    A take that R recorded in the player, given instead of an expression, is rendered again.
    """
    if is_take(expression):
        if typed - ALLOWED:
            raise RequestError(
                f"{expression} is a take: it has its own words, places and settings; "
                "--fps, --model, --backend, --precision and --farm may be chosen"
            )
        render_take(
            expression, output, fps, invocation, farm, force=force, one_model="model" in typed
        )
        return
    kind = kind_of(output)
    count = (1 if kind == "png" or t is not None else 400) if frames is None else frames
    if not 1 <= count <= MAX_FRAMES:
        raise RequestError(f"{count} frames make no film: use 1 to {MAX_FRAMES}")
    if kind == "png" and count > 1:
        raise RequestError(
            f"{output} holds one picture: use --frames 1, or a folder such as "
            f"{Path(output).with_suffix('')}/"
        )
    if t is not None and count > 1:
        raise RequestError("--t places a single picture: use it with --frames 1")
    if count < 2 and (bounce or retime):
        raise RequestError("--bounce and --retime need a film: use --frames 2 or more")
    check_fps(fps, kind)
    check_target(output)
    planner = open_planner(invocation)

    def begin(text: str) -> tuple[Request, Line]:
        start = request_options.request(planner, text, t=t or 0.0, u=0.5 if u is None else u)
        return start, film_line(start, u) if count > 1 else Line(start, "t")

    start, line = begin(
        close_open_range(expression, invocation, planner, request_options, begin, farm)
    )
    more = {"frames": count, "fps": fps, "bounce": bounce, "retime": retime}
    decisive = settings_of({"model": planner.manifest.model}, start, "", **more)
    check_overwrite(output, decisive, force=force)
    name_untaught(planner, start)
    with interruptible(output), open_frames(invocation, planner, farm) as pipeline:
        options = {
            "frames": count,
            "fps": None if kind in ("png", "folder") else fps,
            "t": t,
            "u": u,
            "bounce": bounce,
            "retime": retime,
        }
        settings = settings_of(
            pipeline.settings(),
            start,
            command_line("render", start, own_name(output), invocation.shareable(), options),
            **more,
        )
        if kind == "png":
            save_still(output, pipeline.render(start).pixels, settings)
        else:
            with open_film(output, pipeline.size, fps, settings) as film, progress() as bars:
                places = _places(pipeline, line, count, bars) if retime else _even(count)
                if count == 1:
                    requests = [start]
                else:
                    requests = [line.at(float(place)) for place in places]
                pictures: Iterable[Pixels] = (
                    frame.pixels for frame in frames_of(pipeline, requests, bars, "rendering")
                )
                if bounce:
                    pictures, requests = _there_and_back(pictures), requests + requests[-2:0:-1]
                for pixels, request in zip(pictures, requests, strict=True):
                    film.write(pixels, {"t": request.t, "u": request.u})
                written = film.frames
    if kind == "png":  # only now: a farm of Ray's keeps standard output to itself
        print(output)
        return
    length = "" if kind == "folder" else f", {written / fps:.1f} s at {fps:g} frames per second"
    print(f"{output}: {written} frames{length}")


def _even(count: int) -> NDArray[np.float64]:
    """Frame i stands at exactly i / (count - 1)."""
    return np.arange(count) / max(1, count - 1)


def _places(
    pipeline: Pipeline | Farm, line: Line, count: int, bars: Progress
) -> NDArray[np.float64]:
    task = bars.add_task("measuring", total=None)

    def descriptor_at(place: float) -> Descriptor:
        bars.advance(task)
        return describe_frame(pipeline.render(line.at(place)).pixels)

    measured = measure(descriptor_at, count)
    bars.remove_task(task)
    return even_positions(*measured, count)


def _there_and_back(pictures: Iterable[Pixels]) -> Iterator[Pixels]:
    """Add the way back without its two ends, so that the loop stops nowhere; spooled to disk."""
    with tempfile.TemporaryFile() as spool:
        count, shape = 0, ()
        for pixels in pictures:
            spool.write(np.ascontiguousarray(pixels).data)
            count, shape = count + 1, pixels.shape
            yield pixels
        length = int(np.prod(shape))
        for index in range(count - 2, 0, -1):
            spool.seek(index * length)
            yield cast(Pixels, np.frombuffer(spool.read(length), np.uint8).reshape(shape))
