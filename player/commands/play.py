"""``wordmorph play``: the live player."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from player.commands.common import interruptible
from player.options import Expression, Sampling, open_pipeline, open_planner, shared
from player.session.reproduce import Invocation, play_command, still_command
from runtime.engines.choose import check_backend
from runtime.errors import RequestError


@shared
def play(
    expression: Expression,
    t: Annotated[float, typer.Option(help="Where to start, 0 to 1.")] = 0.0,
    u: Annotated[float, typer.Option(help="Where to start on the second axis, 0 to 1.")] = 0.5,
    invocation: Invocation = Invocation(),
    sampling: Sampling = Sampling(),
    zoom: Annotated[
        float | None, typer.Option(help="Window pixels for each of the picture's.")
    ] = None,
    ui_scale: Annotated[
        float | None,
        typer.Option(help="Size of type and panel; the display's own if left out."),
    ] = None,
    fullscreen: Annotated[bool, typer.Option("--fullscreen", help="Fill the screen.")] = False,
) -> None:
    """Open a window and morph live: hold → to go, Space to play, F1 for the other keys."""
    if zoom is not None and not 0.1 <= zoom <= 32:
        raise RequestError(f"--zoom {zoom:g} makes no window: use 0.1 to 32")
    if ui_scale is not None and not 0.5 <= ui_scale <= 4:
        raise RequestError(f"--ui-scale {ui_scale:g} cannot be read: use 0.5 to 4")
    planner = open_planner(invocation)
    request = sampling.request(planner, expression, t=t, u=u)
    check_backend(invocation.backend)
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    from player.window.window import Window  # imports pygame, which no other command needs

    window = Window(
        lambda: open_pipeline(invocation),
        request,
        picture=(planner.manifest.width, planner.manifest.height),
        invocation=invocation,
        zoom=zoom,
        ui_scale=ui_scale,
        fullscreen=fullscreen,
    )
    with interruptible(None):
        last = window.run()
    print("this view again:")
    print(f"  {play_command(last, invocation)}")
    print(f"  {still_command(last, invocation, 'still.png')}")
