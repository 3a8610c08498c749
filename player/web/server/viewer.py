"""One viewer: what is to be sent to it, the newest of each kind, and the task that sends it."""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from player.session.saving.keptfile import request_to_json
from player.web.server.shown import changes
from player.web.wire.flow import Flow
from player.web.wire.pictures import pack
from runtime.cache import FrameCache
from runtime.language.line import Line
from runtime.request import Frame, Request

REPLIES = 32
"""Answers that may wait; an older one is dropped, as nobody who floods is owed one."""
ASKED = 4
"""Pictures asked for by request that may wait."""
LATER_SECONDS = 0.2
"""How long what changes slowly may wait."""
REST_SECONDS = 0.15
"""Without input for so long, pictures are sent ahead."""


class Socket(Protocol):
    """The part of a WebSocket that is used."""

    async def send_text(self, data: str) -> None: ...  # noqa: D102
    async def send_bytes(self, data: bytes) -> None: ...  # noqa: D102
    async def close(self, code: int = 1000, reason: str | None = None) -> None: ...  # noqa: D102


class Viewer:
    """Who is at the other end. Only the event loop's thread touches it."""

    def __init__(
        self,
        number: int,
        socket: Socket,
        encode: Callable[[Frame, bool, bool], Awaitable[bytes]],
        cache: FrameCache,
        *,
        client: str,
        lossless: bool,
        seq: int = 0,
    ) -> None:
        """Send over ``socket``; ``cache`` is where pictures to send ahead come from; ``seq`` is
        the number of the last message that the client heard on an earlier connection.
        """
        self.number = number
        self.client = client
        self.lossless = lossless
        self.link = Flow(seq)
        self.heard = 0
        """the last numbered message that was acted on"""
        self.last_input = time.perf_counter()
        self.last_act = self.last_input
        """when a hand last did something; playing goes on by itself"""
        self.asked_at: float | None = None
        """since when it has been asking to perform"""
        self.state: dict[str, Any] = {}
        """what it should know now"""
        self.frame: Frame | None = None
        """the picture on show"""
        self.difference: Frame | None = None
        """of the marks, where that is looked at instead"""
        self.line: Line | None = None
        """where pictures are sent ahead"""
        self.place = 0.0
        self.asks: list[tuple[int, Request, int]] = []
        """(number, request, what had been sent when it was asked)"""
        self.found: deque[tuple[int, Frame, int]] = deque(maxlen=ASKED)
        self._socket = socket
        self._encode = encode
        self._cache = cache
        self._replies: deque[dict[str, Any]] = deque(maxlen=REPLIES)
        self._told: dict[str, Any] = {}
        self._changed = asyncio.Event()
        self._on_line: tuple[Line, set[float]] | None = None
        self._full: Line | None = None
        """a line that does not fit into the client's cache: what is sent ahead would drive out what
        was, for ever"""
        self._laid: Frame | None = None

    def reply(self, message: dict[str, Any]) -> None:
        """Answer something."""
        self._replies.append(message)
        self.poke()

    def poke(self) -> None:
        """Let the sender look again."""
        self._changed.set()

    def forget(self, seqs: tuple[int, ...]) -> None:
        """Hear that the client dropped pictures; if one in flight drove out others of its line,
        that has no more room there.
        """
        dropped, line = self.link.forget(seqs), self.line
        if line is not None and self.link.in_flight:
            others = [one for one in dropped if Line(one, line.axis).start == line]
            self._full = line if others else self._full
        self._on_line = None

    def have(self, requests: Mapping[Request, int]) -> None:
        """Hear what the client kept of an earlier connection, and the messages it came in."""
        for request, seq in requests.items():
            self.link.have(request, seq)
        self._on_line = None

    def play_with(self, cache: FrameCache) -> None:
        """Let another model's pictures come; the client drops those of the last."""
        self.link.forget_all()
        self._cache = cache
        self._on_line = None
        self._told = {}

    async def close(self, code: int, reason: str) -> None:
        """End the connection, saying why."""
        await self._socket.close(code, reason)

    async def send(self) -> None:
        """Send what there is to send, for ever."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            while await self._send_one():
                pass

    async def _send_one(self) -> bool:
        """Send the one thing that matters most; False if there is nothing or no room for it."""
        link = self.link
        if link.takes_state:
            if self._replies:
                await self._tell(self._replies.popleft())
                return True
            new = changes(self._told, self.state)
            if new:
                self._told = dict(self.state)
                await self._tell({"say": "state", **new})
                return True
        if self._replies or not link.takes_picture:  # a model's pictures come after its welcome
            return False
        fresh, self._laid = self.difference is not self._laid, self.difference
        if self.difference is not None and fresh:
            await self._show(self.difference, {"kind": "difference"})
        elif self.frame is not None and self.frame.request not in link.known:
            await self._show(self.frame, {"kind": "live"})
        elif self.found:
            n, frame, since = self.found.popleft()
            if link.known.get(frame.request, 0) > since:  # it was sent meanwhile
                self._replies.append({"say": "sent", "n": n})
            else:
                await self._show(frame, {"kind": "asked", "answers": n})
        elif link.in_flight == 0 and self._rests() and (ahead := self._ahead()) is not None:
            await self._show(ahead, {"kind": "ahead"})
        else:
            return False
        return True

    async def _tell(self, message: dict[str, Any]) -> None:
        seq = self.link.send_state(time.perf_counter())
        text = json.dumps({"seq": seq, **message}, ensure_ascii=False, separators=(",", ":"))
        await self._socket.send_text(text)

    async def _show(self, frame: Frame, header: dict[str, Any]) -> None:
        kept, cache = header["kind"] != "difference", self._cache
        picture = await self._encode(frame, self.lossless, kept)
        if self._cache is not cache:  # another model plays by now
            return
        seq = self.link.send_picture(frame.request if kept else None, time.perf_counter())
        if kept:
            self._note(frame.request)
        height, width = frame.pixels.shape[:2]
        described = {
            "seq": seq,
            **header,
            "request": request_to_json(frame.request),
            "type": "image/png" if self.lossless else "image/jpeg",
            "width": width,
            "height": height,
            "milliseconds": round(frame.timings.get("total", 0.0), 2),
        }
        await self._socket.send_bytes(pack(described, picture))

    def _rests(self) -> bool:
        return time.perf_counter() - self.last_input > REST_SECONDS

    def _ahead(self) -> Frame | None:
        """Return the picture nearest to the playhead on its line that is here and not there."""
        line = self.line
        if line is None or line == self._full:
            return None
        positions = self._cache.positions(line.request, line.axis)
        if self._on_line is None or self._on_line[0] != line:
            known = {place for place in positions if line.at(place) in self.link.known}
            self._on_line = line, known
        known = self._on_line[1]
        missing = [place for place in positions if place not in known]
        if not missing:
            return None
        place = min(missing, key=lambda one: abs(one - self.place))
        known.add(place)
        frame = self._cache.peek(line.at(place))
        return None if frame is None or frame.request in self.link.known else frame

    def _note(self, request: Request) -> None:
        if self._on_line is not None:
            line, known = self._on_line
            if Line(request, line.axis).start == line:
                known.add(Line(request, line.axis).place)
