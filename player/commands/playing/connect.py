"""``wordmorph play --connect``: the window here, the model at a server."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from player.commands.common import interruptible
from player.commands.playing.lastsession import write_stats
from player.options import RequestOptions
from player.session.rendering.models import Model
from player.session.reproduce import Invocation, play_command
from player.session.session import Controller
from player.web.client.connection import Connection
from player.web.client.remote import Follower, Plans, RemoteModels, first_request
from runtime.request import Request


@dataclass(frozen=True, slots=True)
class Remote:
    """What a window needs of a server."""

    models: RemoteModels
    model: Model
    """what it plays"""
    request: Request
    follow: Callable[[], Controller]
    invocation: Invocation
    close: Callable[[], None]


def connect_to(
    address: str,
    expression: str | None,
    request_options: RequestOptions,
    *,
    t: float,
    u: float,
    lossless: bool = False,
    typed: frozenset[str] = frozenset(),
) -> Remote:
    """Reach a server; play an expression there, or what it plays already with the options that are
    ``typed``, by their names. ``lossless`` has its pictures sent as PNG.

    Raises:
        ExpressionError, RequestError: nobody answers, the token is not right, or the server's
            model cannot draw the expression.
    """
    connection = Connection(address, lossless=lossless)
    try:
        fields = {"t": t, "u": u, **asdict(request_options)}
        if expression is None:
            fields = {name: value for name, value in fields.items() if name in typed}
        request = first_request(connection, expression, **fields)
        plans = Plans(connection)
        plans.check(request)
    except BaseException:
        connection.close()
        raise
    models = RemoteModels(connection, plans)
    model = models.find(models.names()[0])
    return Remote(
        models,
        model,
        request,
        lambda: Follower(connection, models),
        Invocation(model=model.name),
        connection.close,
    )


def play_there(
    remote: Remote,
    controllers: Sequence[Callable[[], Controller]],
    *,
    zoom: float | None,
    ui_scale: float | None,
    fullscreen: bool,
    stats: Path | None,
) -> None:
    """Open a window on a server's session, and say at the end how to see the last view again; the
    window's statistics are written to ``stats``.

    Raises:
        MorphError: no window can be opened.
    """
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    from player.window.window import Window  # imports pygame

    try:
        window = Window(
            remote.model.open,
            remote.request,
            picture=remote.model.picture,
            invocation=remote.invocation,
            check=remote.model.check,
            models=remote.models,
            controllers=[remote.follow, *controllers],
            zoom=zoom,
            ui_scale=ui_scale,
            fullscreen=fullscreen,
        )
        with interruptible(None):
            last = window.run()
        if stats is not None:
            write_stats(window.session, stats)
    finally:
        remote.close()
    print("this view again, where the model is:")
    print(f"  {play_command(last, window.state.invocation)}")
