"""``wordmorph play``: the live player."""

from __future__ import annotations

import os
from typing import Annotated, cast

import typer

from player.commands.common import interruptible
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
    make_request,
    open_pipeline,
    open_planner,
)
from player.session.reproduce import Invocation, play_command, still_command
from runtime.engines.choose import check_backend
from runtime.errors import RequestError
from runtime.output.settings import model_settings
from runtime.pipeline import Pipeline


def play(
    expression: Expression,
    t: Annotated[float, typer.Option(help="Where to start, 0 to 1.")] = 0.0,
    u: Annotated[float, typer.Option(help="Where to start on the second axis, 0 to 1.")] = 0.5,
    model: Model = "critters",
    backend: Backend = "auto",
    precision: Precision = "auto",
    size: Size = None,
    seed: Seed = 0,
    steps: Steps = None,
    rows: Rows = "word",
    row: Row = None,
    interp: Interp = "lerp",
    scale: Annotated[
        float | None, typer.Option(help="Window pixels for each of the picture's.")
    ] = None,
    fullscreen: Annotated[bool, typer.Option("--fullscreen", help="Fill the screen.")] = False,
) -> None:
    """Open a window and morph live: hold → to go, Space to play, F1 for the other keys."""
    if scale is not None and not 0.1 <= scale <= 32:
        raise RequestError(f"--scale {scale:g} makes no window: use 0.1 to 32")
    planner = open_planner(model, size)
    request = make_request(
        planner,
        expression,
        t=t,
        u=u,
        seed=seed,
        steps=steps,
        rows=rows,
        row=row,
        interp=interp,
    )
    check_backend(backend)
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    from player.window.window import Window  # imports pygame, which no other command needs

    invocation = Invocation(model, backend, precision, size)
    window = Window(
        lambda: open_pipeline(model, backend, precision, size),
        request,
        picture=(planner.manifest.width, planner.manifest.height),
        invocation=invocation,
        scale=scale,
        fullscreen=fullscreen,
        describe=lambda pipeline: model_settings(cast(Pipeline, pipeline)),
    )
    with interruptible(None):
        last = window.run()
    print("this view again:")
    print(f"  {play_command(last, invocation)}")
    print(f"  {still_command(last, invocation, 'still.png')}")
