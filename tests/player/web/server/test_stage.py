"""The stage with viewers that are no sockets: who is here, and whose pictures are sent."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uvicorn
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.server import ServerState

from player.web.server import encoder, wireprotocol
from player.web.server.encoder import Encoder
from player.web.server.stage import Stage
from player.web.server.viewer import Viewer
from player.web.server.wireprotocol import WireProtocol
from player.web.wire import flow
from player.web.wire.messages import Control
from player.web.wire.pictures import encode
from runtime.cache import FrameCache
from runtime.planner import Planner
from runtime.request import Frame, Request
from tests.player.fakes import picture, session_of


class Deaf:
    """A socket that takes everything and never closes."""

    def __init__(self) -> None:
        self.received: list[dict[str, Any]] = []

    async def send_text(self, data: str) -> None:
        self.received.append(json.loads(data))

    async def send_bytes(self, data: bytes) -> None: ...

    async def close(self, code: int = 1000, reason: str | None = None) -> None:
        await asyncio.Event().wait()


@contextmanager
def running(folder: Path) -> Iterator[Stage]:
    stage = Stage(session_of(folder), Planner.of("critters"))
    task = asyncio.ensure_future(stage.run())
    try:
        yield stage
    finally:
        task.cancel()
        stage.close()


async def until(check: Callable[[], object], what: str) -> None:
    for _ in range(1000):
        if check():
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"{what} did not come true")


def test_one_that_was_dismissed_takes_nobodys_place_and_is_heard_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flow, "DEAD_SECONDS", 0.05)

    async def play() -> None:
        with running(tmp_path) as stage:
            dead = stage.enter(Deaf(), client="a", lossless=False)
            sending = asyncio.ensure_future(dead.send())
            await until(lambda: not stage.viewers, "the end of who never acknowledges")
            socket = Deaf()
            stage.hear(dead, Control(True))
            came = stage.enter(socket, client="b", lossless=False)
            assert stage.roles.performer is came
            stage.leave(dead)  # its socket ends at last
            assert list(stage.viewers.values()) == [came]
            hearing = asyncio.ensure_future(came.send())
            await until(lambda: any(m["say"] == "state" for m in socket.received), "a state")
            assert all(m["you"] == came.number for m in socket.received if m["say"] == "welcome")
            for task in (sending, hearing):
                task.cancel()

    asyncio.run(play())


def test_a_connection_that_takes_nothing_more_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wireprotocol, "CLOSING_SECONDS", 0.01)

    class Full:
        """A transport whose other end reads nothing."""

        protocol: WireProtocol
        cut = False

        def is_closing(self) -> bool:
            return self.cut

        def abort(self) -> None:
            self.cut = True
            self.protocol.disconnected = True
            self.protocol.writable.set()

    async def play() -> None:
        config = uvicorn.Config(lambda scope: None, log_config=None)
        protocol, transport = WireProtocol(config, ServerState(), {}), Full()
        transport.protocol = protocol
        protocol.transport = transport  # type: ignore[assignment]
        protocol.handshake_complete = True
        protocol.writable.clear()
        closing = protocol.send({"type": "websocket.close", "code": 4408, "reason": ""})
        with pytest.raises(ClientDisconnected):
            await asyncio.wait_for(closing, 10)
        assert transport.cut

    asyncio.run(play())


def test_bytes_of_the_last_model_are_not_those_of_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slowly(pixels: Any, *, lossless: bool) -> bytes:
        begun.set()
        assert go_on.wait(10)
        return encode(pixels, lossless=lossless)

    async def play() -> None:
        bytes_of = Encoder()
        last = asyncio.ensure_future(bytes_of.encode(old, True, True))
        await until(begun.is_set, "encoding")
        bytes_of.clear()
        go_on.set()
        assert await last == encode(old.pixels, lossless=True)
        assert await bytes_of.encode(new, True, True) == encode(new.pixels, lossless=True)
        bytes_of.close()

    monkeypatch.setattr(encoder, "encode", slowly)
    request = Request("cat -> kitten", 0.3)
    old, new = (Frame(np.full((8, 8, 3), value, np.uint8), request) for value in (1, 2))
    asyncio.run(play())


def test_a_picture_that_was_encoded_while_the_model_changed_is_not_sent() -> None:
    async def play() -> None:
        begun, go_on = asyncio.Event(), asyncio.Event()

        async def slowly(frame: Frame, lossless: bool, keep: bool) -> bytes:
            begun.set()
            await go_on.wait()
            return b"picture"

        viewer = Viewer(1, Deaf(), slowly, FrameCache(1 << 20), client="", lossless=True)
        sending = asyncio.ensure_future(viewer.send())
        request = Request("cat -> kitten", 0.3)
        viewer.frame = Frame(picture(request), request)
        viewer.poke()
        await begun.wait()
        viewer.play_with(FrameCache(1 << 20))
        viewer.frame = None
        go_on.set()
        await asyncio.sleep(0.05)
        assert viewer.link.in_flight == 0
        assert request not in viewer.link.known, "the next model's would never come"
        sending.cancel()

    asyncio.run(play())
