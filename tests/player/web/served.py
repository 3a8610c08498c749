"""A server of ours in a thread of the test, and bare clients that speak its protocol."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from player.session.rendering.models import Model, Models
from player.session.rendering.renderer import Renderer
from player.session.session import Session
from player.web.server.access import Access, names_of
from player.web.server.serve import bind, make_server, run
from player.web.server.stage import Stage
from player.web.wire.pictures import unpack
from runtime.planner import Planner
from runtime.request import Frame, Request
from tests.player.fakes import SIZE, FakeRenderer

TOKEN = "t" * 43


@dataclass
class Served:
    """A running server."""

    stage: Stage
    port: int
    stop: Callable[[], None]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/?token={TOKEN}"

    @property
    def wire(self) -> str:
        return f"ws://127.0.0.1:{self.port}/wire"

    @property
    def session(self) -> Session:
        return self.stage.session


class Negative(FakeRenderer):
    """Draws the negative of what ``FakeRenderer`` draws."""

    def render(self, request: Request) -> Frame:
        frame = super().render(request)
        return replace(frame, pixels=255 - frame.pixels)


class Two:
    """The model that a server of ours starts with, and a slow one that draws negatives."""

    def names(self) -> tuple[str, ...]:
        return "critters", "other"

    def find(self, name: str) -> Model:
        drawn = FakeRenderer if name == "critters" else lambda: Negative(seconds=0.05)
        return Model(name, (SIZE, SIZE), drawn)


def port_of_its_own() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@contextmanager
def serving(
    folder: Path,
    expression: str = "cat -> kitten",
    *,
    open_renderer: Callable[[], Renderer] = FakeRenderer,
    picture: tuple[int, int] = (SIZE, SIZE),
    port: int = 0,
    lossless: bool = False,
    models: Models | None = None,
    token: str = TOKEN,
) -> Iterator[Served]:
    """Serve an expression with the built-in model's words; pictures are plain gradients unless
    ``open_renderer`` opens something better.
    """
    planner = Planner.of("critters")
    session = Session(
        open_renderer,
        planner.request(expression),
        picture=picture,
        folder=folder,
        check=planner.check,
        remark=planner.untaught,
        models=models,
    )
    listener = bind("127.0.0.1", port)
    failed: list[BaseException] = []
    made: list[tuple[Stage, Any]] = []
    ready = threading.Event()

    def serve() -> None:
        try:
            stage = Stage(session, planner, lossless=lossless, open_planner=lambda name: planner)
            server = make_server(stage, Access(token, names_of("127.0.0.1")))
            made.append((stage, server))
            ready.set()
            run(server, stage, listener)
        except BaseException as error:
            failed.append(error)
            ready.set()

    thread = threading.Thread(target=serve, name="server")
    thread.start()
    ready.wait(10)
    assert made, failed
    stage, server = made[0]
    ended = False

    def stop() -> None:
        nonlocal ended
        if not ended:
            ended = True
            server.should_exit = True
            thread.join(20)
            assert not thread.is_alive(), "the server does not end"
            stage.close()
            session.finish()
            session.close()

    try:
        yield Served(stage, listener.getsockname()[1], stop)
    finally:
        stop()
    if failed and not isinstance(failed[0], asyncio.CancelledError):
        raise failed[0]


class Client:
    """A viewer in a few lines, which acknowledges or does not."""

    def __init__(self, served: Served, query: str = "", *, acks: bool = True) -> None:
        self.socket: ClientConnection = connect(
            served.wire + query,
            subprotocols=[Subprotocol("wordmorph.1"), Subprotocol(f"token.{TOKEN}")],
            compression=None,
            max_size=None,
            proxy=None,
        ).__enter__()
        self.acks = acks
        self.n = 0
        self.state: dict[str, Any] = {}
        self.heard: list[dict[str, Any]] = []
        """every message, pictures by their headers"""
        self.pictures: list[tuple[dict[str, Any], bytes]] = []

    @classmethod
    def ready(cls, served: Served, query: str = "") -> Client:
        """Connect, and read until the server's model is open."""
        client = cls(served, query)
        client.until(lambda: client.state.get("engine"))
        return client

    @property
    def you(self) -> int | None:
        return next((h["you"] for h in self.heard if h.get("say") == "welcome"), None)

    def say(self, **message: Any) -> int:
        self.n += 1
        self.socket.send(json.dumps({**message, "n": self.n}))
        return self.n

    def tell(self, **message: Any) -> None:
        self.socket.send(json.dumps(message))

    def take(self, seconds: float) -> dict[str, Any] | None:
        """Read one message, None if none comes."""
        try:
            message = self.socket.recv(timeout=seconds)
        except TimeoutError:
            return None
        if isinstance(message, bytes):
            data, picture = unpack(message)
            self.pictures.append((data, picture))
        else:
            data = json.loads(message)
            if data["say"] == "state":
                self.state |= data
        self.heard.append(data)
        if self.acks:
            self.tell(do="ack", seq=data["seq"])
        return data

    def until(self, check: Callable[[], Any], seconds: float = 10.0) -> Any:
        """Read until something is true, and return it."""
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            found = check()
            if found:
                return found
            self.take(0.05)
        raise AssertionError(f"not within {seconds:g} s: {self.state}")

    def picture_at(self, x: int) -> tuple[dict[str, Any], bytes]:
        """Read until the picture of tick x came."""

        def found() -> tuple[dict[str, Any], bytes] | None:
            return next((p for p in self.pictures if p[0]["request"]["t"] == x / 4000), None)

        came: tuple[dict[str, Any], bytes] = self.until(found)
        return came

    def stands_at(self, x: int) -> None:
        """Read until the server says that it stands at tick x."""
        self.until(lambda: self.state.get("x") == x)

    def hears(self, n: int) -> None:
        """Read until the server has acted on message n."""
        self.until(lambda: self.state.get("heard", 0) >= n)

    def close(self) -> None:
        self.socket.close()
