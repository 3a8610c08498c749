"""``wordmorph play``: the live player."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from player.commands.common import interruptible, is_loopback
from player.commands.playing.lastsession import leave_behind, take_up
from player.commands.playing.starting import starting
from player.options import (
    CacheSize,
    CueFile,
    Lossless,
    RequestOptions,
    StartT,
    StartU,
    close_open_range,
    open_planner,
    shared,
)
from player.session.filling.memory import parse_budget
from player.session.reproduce import Invocation, play_command, still_command
from player.session.saving.firstpicture import kept_picture
from player.session.session import Controller
from runtime.engines.choose import check_backend
from runtime.errors import RequestError
from runtime.language.line import stands_still
from runtime.language.openaxis import open_axis
from runtime.userfolders import config_folder


@shared
def play(
    expression: Annotated[
        str | None,
        typer.Argument(
            help="What to morph, e.g. 'cat -> kitten', or a picture, film, take or cue list to "
            "go on from; the last session if left out."
        ),
    ] = None,
    t: StartT = 0.0,
    u: StartU = 0.5,
    invocation: Invocation = Invocation(),
    request_options: RequestOptions = RequestOptions(),
    zoom: Annotated[
        float | None, typer.Option(help="Window pixels for each of the picture's.")
    ] = None,
    ui_scale: Annotated[
        float | None,
        typer.Option(help="Size of type and panel; the display's own if left out."),
    ] = None,
    osc: Annotated[
        str | None,
        typer.Option(metavar="[HOST:]PORT", help="Listen to OSC; only this machine's by default."),
    ] = None,
    osc_out: Annotated[
        str | None, typer.Option(metavar="[HOST:]PORT", help="Tell over OSC what is shown.")
    ] = None,
    midi: Annotated[bool, typer.Option("--midi", help="Play by MIDI; L learns a knob.")] = False,
    link: Annotated[
        bool, typer.Option("--link", help="Follow the tempo of Ableton Link; Q waits for beats.")
    ] = False,
    fullscreen: Annotated[bool, typer.Option("--fullscreen", help="Fill the screen.")] = False,
    cues: CueFile = None,
    stats: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the statistics here, as JSON.")
    ] = None,
    cache: CacheSize = None,
    connect: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Let a wordmorph serve draw: the address it printed."),
    ] = None,
    lossless: Lossless = False,
    typed: frozenset[str] = frozenset(),
) -> None:
    """Open a window and morph live: hold → to go, Space to play, F1 for the other keys."""
    if zoom is not None and not 0.1 <= zoom <= 32:
        raise RequestError(f"--zoom {zoom:g} makes no window: use 0.1 to 32")
    if ui_scale is not None and not 0.5 <= ui_scale <= 4:
        raise RequestError(f"--ui-scale {ui_scale:g} cannot be read: use 0.5 to 4")
    if connect is not None:
        from player.commands.playing.connect import connect_to, play_there

        if expression is not None and open_axis(expression) is not None:
            raise RequestError(
                "with --connect the range is the server's model's: leave the words out here, and "
                "type them in the window with /"
            )
        if invocation != Invocation():
            raise RequestError(
                "with --connect the server chooses: leave out --model, --backend, --precision "
                "and --size"
            )
        if (cues, cache) != (None, None):
            raise RequestError(
                "--cues and --cache are for what is drawn here: leave them out with --connect"
            )
        controllers = _controllers(osc, osc_out, midi, link)
        remote = connect_to(
            connect, expression, request_options, t=t, u=u, lossless=lossless, typed=typed
        )
        play_there(
            remote, controllers, zoom=zoom, ui_scale=ui_scale, fullscreen=fullscreen, stats=stats
        )
        return
    if lossless:
        raise RequestError("--lossless is for --connect: what is drawn here loses nothing")
    if expression is not None and open_axis(expression) is not None:
        check_backend(invocation.backend)
        planner = open_planner(invocation)
        expression = close_open_range(
            expression,
            invocation,
            planner,
            request_options,
            lambda text: request_options.request(planner, text, t=t, u=u),
        )
    begin = starting(expression, t, u, invocation, request_options, typed)
    request, invocation = begin.request, begin.invocation
    check_backend(invocation.backend)
    budget = parse_budget(cache, begin.model.picture)
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    from player.window.window import Window  # imports pygame, which no other command needs

    window = Window(
        begin.model.open,
        request,
        picture=begin.model.picture,
        budget=budget,
        first=kept_picture(request, begin.model.digest),
        invocation=invocation,
        check=begin.model.check,
        models=begin.library,
        controllers=_controllers(osc, osc_out, midi, link),
        remark=begin.model.remark,
        zoom=zoom,
        ui_scale=ui_scale,
        fullscreen=fullscreen,
    )
    session = window.session
    remark = begin.model.remark(request)
    if remark is not None:
        print(remark, file=sys.stderr)
    if not window.state.moves:
        print(stands_still(request.expression), file=sys.stderr)
    window.state.hint = begin.hint or window.state.hint
    take_up(session, begin.remembered, cues or begin.cues)
    try:
        with interruptible(None):
            last = window.run()
    finally:
        leave_behind(session, request, stats=stats)
    invocation = window.state.invocation
    print("this view again:")
    print(f"  {play_command(last, invocation)}")
    print(f"  {still_command(last, invocation, 'still.png')}")


def _controllers(
    osc: str | None, osc_out: str | None, midi: bool, link: bool
) -> list[Callable[[], Controller]]:
    """Return what opens each controller asked for; gamepads are always welcome.

    Raises:
        RequestError: an address that cannot be read or bound, or a package that is missing.
    """
    from player.controllers.gamepad import Gamepad

    opened: list[Callable[[], Controller]] = [Gamepad]
    if osc is not None:
        from player.controllers.osc import OscIn, parse_endpoint

        host, port = parse_endpoint(osc)
        listener = OscIn(host, port)
        opened.append(lambda: listener)
        if not is_loopback(host):
            print(f"OSC on {host}: anybody who reaches this address can play", file=sys.stderr)
    if osc_out is not None:
        from player.controllers.osc import OscOut, parse_endpoint

        teller = OscOut(*parse_endpoint(osc_out))
        opened.append(lambda: teller)
    if midi:
        from player.controllers.midi import Midi, RtMidiPorts

        knobs = Midi(RtMidiPorts(), config_folder() / "midi.json")
        opened.append(lambda: knobs)
    if link:
        from player.controllers.link import Link

        peer = Link()
        opened.append(lambda: peer)
    return opened
