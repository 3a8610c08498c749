"""What the port answers: the page, its files, what was kept, and the wire."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import Iterator, Mapping
from importlib import resources
from importlib.resources.abc import Traversable

from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import HTTPConnection, Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from player.web.server.access import Access
from player.web.server.door import PAGE_BURST, PAGE_RATE, Door
from player.web.server.stage import MOST_VIEWERS, Stage
from player.web.server.viewer import Viewer
from player.web.wire.messages import MAX_BYTES, Ack, Ask, AskTokens, Have, WireError, read
from player.web.wire.offer import SUBPROTOCOL

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
WATCHERS_SHARE = 0.1
"""of the event loop's time for all that watchers ask it to look up: the rest is for playing"""
_CLIENT = re.compile(r"[0-9a-f]{0,32}")
_SEQ = re.compile(r"[0-9]{0,15}")


def page_files() -> Mapping[str, tuple[bytes, str]]:
    """Return the page's files, read once: name, with its room → (content, media type)."""

    def found(folder: Traversable, room: str) -> Iterator[tuple[str, tuple[bytes, str]]]:
        for entry in folder.iterdir():
            suffix = entry.name[entry.name.rfind(".") :]
            if entry.is_dir():
                yield from found(entry, f"{room}{entry.name}/")
            elif suffix in TYPES:
                yield f"{room}{entry.name}", (entry.read_bytes(), TYPES[suffix])

    return dict(found(resources.files("player.web").joinpath("page"), ""))


def make_app(stage: Stage, access: Access) -> ASGIApp:
    """Return the ASGI application that shows ``stage`` to whom ``access`` lets in."""
    files, door = page_files(), Door()
    outer = Door(rate=PAGE_RATE, burst=PAGE_BURST)
    turnstile = asyncio.Lock()

    def refused() -> Response:
        return PlainTextResponse("forbidden\n", 403, headers=HEADERS)

    def may_ask(connection: HTTPConnection) -> bool:
        host = connection.headers.get("host", "")
        origin = connection.headers.get("origin")
        return access.is_host(host) and access.is_origin(origin, host)

    async def index(request: Request) -> Response:
        if not may_ask(request) or not access.knows(request.query_params.get("token", "")):
            return refused()
        content, kind = files["index.html"]
        return Response(content, headers={**HEADERS, "Content-Type": kind})

    async def page(request: Request) -> Response:
        content, kind = files.get(request.path_params["name"], (b"", ""))
        if not may_ask(request) or not kind:
            return refused()
        return Response(content, headers={**HEADERS, "Content-Type": kind})

    async def kept(request: Request) -> Response:
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if not may_ask(request) or not access.knows(given):
            return refused()
        path = stage.kept.path(request.path_params["number"])
        if path is None:
            return PlainTextResponse("not here\n", 404, headers=HEADERS)
        sent = BackgroundTask(stage.fetched.add, path)
        return FileResponse(path, filename=path.name, headers=HEADERS, background=sent)

    async def wire(socket: WebSocket) -> None:
        offered = [
            one.strip() for one in socket.headers.get("sec-websocket-protocol", "").split(",")
        ]
        client = socket.query_params.get("client", "")
        seq = socket.query_params.get("seq", "")
        plain = _CLIENT.fullmatch(client) and _SEQ.fullmatch(seq)
        if not may_ask(socket) or not access.knows_offer(offered) or not plain:
            await outer.let_in()  # to be told so
            await socket.close(1008)
            return
        if not stage.is_here(client) and not await door.let_in():
            await socket.close(1013)
            return
        await socket.accept(SUBPROTOCOL)
        if len(stage.viewers) >= MOST_VIEWERS:
            await socket.close(4429, "too many viewers")
            return
        viewer = stage.enter(
            socket,
            client=client,
            lossless=socket.query_params.get("lossless") == "1",
            seq=int(seq or "0"),
        )
        if not await _serve_viewer(stage, socket, viewer, turnstile):
            door.blame()

    inside = Starlette(
        routes=[
            Route("/", index),
            Route("/page/{name:path}", page),
            Route("/kept/{number:int}", kept),
            WebSocketRoute("/wire", wire),
        ]
    )

    async def paced(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not await outer.let_in():
            headers = {**HEADERS, "Connection": "close"}
            await PlainTextResponse("too many\n", 503, headers=headers)(scope, receive, send)
        else:
            await inside(scope, receive, send)

    return paced


async def _serve_viewer(
    stage: Stage, socket: WebSocket, viewer: Viewer, turnstile: asyncio.Lock
) -> bool:
    """Serve one viewer until either side ends it; False if it broke the rules. Those who watch come
    through the ``turnstile`` one by one with what takes time.
    """
    sender = asyncio.create_task(viewer.send())
    code, reason = 1000, ""
    try:
        while True:
            received = await socket.receive()
            if received["type"] == "websocket.disconnect":
                return True
            text = received.get("text")
            if text is None or len(text) > MAX_BYTES:
                code, reason = 1003, "text, please"
                break
            began = time.perf_counter()
            try:
                message = read(text)
            except WireError as error:
                code, reason = 4400, str(error)
                break
            awaited = isinstance(message, Ack) and viewer.link.awaits(message.seq)
            if not awaited and not viewer.link.allows(began):
                code, reason = 4429, "too many messages"
                break
            stage.hear(viewer, message)
            if isinstance(message, Ask | AskTokens | Have) and stage.roles.performer is not viewer:
                taken = time.perf_counter() - began
                async with turnstile:
                    await asyncio.sleep(taken / WATCHERS_SHARE)
    finally:
        stage.leave(viewer)
        sender.cancel()
    with contextlib.suppress(RuntimeError, WebSocketDisconnect):
        await socket.close(code, reason)
    return False
