"""``wordmorph play --connect``: the window here, the model at a server."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from player.options import Sampling
from player.session.reproduce import Invocation
from player.session.session import Controller
from player.session.worker import Renderer
from player.web.connection import Connection
from player.web.remote import Follower, Plans, RemoteRenderer, first_request
from runtime.request import EditScope, Interp, Request


@dataclass(frozen=True, slots=True)
class Remote:
    """What a window needs of a server."""

    open_renderer: Callable[[], Renderer]
    request: Request
    picture: tuple[int, int]
    """(width, height) in pixels"""
    check: Callable[[Request], None]
    follow: Callable[[], Controller]
    invocation: Invocation
    close: Callable[[], None]


def connect_to(
    address: str, expression: str | None, sampling: Sampling, *, t: float, u: float
) -> Remote:
    """Reach a server; play an expression there, or what it plays already.

    Raises:
        ExpressionError, RequestError: nobody answers, the token is not right, or the server's
            model cannot draw the expression.
    """
    connection = Connection(address)
    try:
        request = first_request(
            connection,
            expression,
            t=t,
            u=u,
            seed=sampling.seed,
            steps=sampling.steps,
            edit=cast(EditScope, sampling.edit),
            edit_row=sampling.edit_row,
            interp=cast(Interp, sampling.interp),
        )
        plans = Plans(connection)
        plans.check(request)
    except BaseException:
        connection.close()
        raise
    width, height = connection.welcome["picture"]
    return Remote(
        lambda: RemoteRenderer(connection, plans),
        request,
        (int(width), int(height)),
        plans.check,
        lambda: Follower(connection),
        Invocation(model=str(connection.welcome["model"])),
        connection.close,
    )
