"""A port of this machine, and the server on it until it is told to end."""

from __future__ import annotations

import asyncio
import logging
import socket

import uvicorn

from player.web.server.access import Access
from player.web.server.app import make_app
from player.web.server.stage import Stage
from player.web.server.wireprotocol import WireProtocol
from player.web.wire.messages import MAX_BYTES
from runtime.errors import RequestError


def bind(host: str, port: int) -> socket.socket:
    """Return a socket that listens on (host, port); port 0 takes a free one.

    Raises:
        RequestError: the port is taken, or the address is not this machine's.
    """
    if not 0 <= port <= 65535:
        raise RequestError(f"--port {port} is no port: use 0 to 65535")
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family, backlog=64)
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise RequestError(
            f"cannot listen on {host}:{port} ({reason}): use another --port or --host"
        ) from None


def make_server(stage: Stage, access: Access) -> uvicorn.Server:
    """Return a server of ``stage``; setting its ``should_exit`` ends it."""
    for name in ("uvicorn", "websockets"):  # a bad client is no news
        logging.getLogger(name).setLevel(logging.ERROR)
    return uvicorn.Server(
        uvicorn.Config(
            make_app(stage, access),
            log_config=None,
            access_log=False,  # addresses hold the token
            ws=WireProtocol,
            ws_max_size=MAX_BYTES,
            ws_per_message_deflate=False,
            ws_ping_interval=20.0,
            ws_ping_timeout=20.0,
            lifespan="off",
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=5,
            timeout_graceful_shutdown=2,
        )
    )


def run(server: uvicorn.Server, stage: Stage, listener: socket.socket) -> None:
    """Serve until a signal comes or ``should_exit`` is set.

    Raises:
        MorphError: the model cannot be opened, or cannot serve the expression.
    """

    async def both() -> None:
        performing = asyncio.create_task(stage.run())
        performing.add_done_callback(lambda task: setattr(server, "should_exit", True))
        try:
            await server.serve(sockets=[listener])
        finally:
            failed = performing.done()
            performing.cancel()
        if failed:
            performing.result()

    asyncio.run(both())
