"""A client's end of the wire for programs: one thread reads, others ask and wait."""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from player.web.wire.offer import CARRIER, SUBPROTOCOL
from player.web.wire.pictures import unpack
from runtime.errors import ExpressionError, FrameCancelled, MorphError, RequestError
from runtime.request import Request

OPEN_SECONDS = 10.0
AGAIN_SECONDS = (0.25, 0.5, 1.0, 2.0)
BUDGET = 96 << 20
"""Bytes of pictures kept as they came."""
MAX_PICTURE = 64 << 20
_NONE = object()
"""no answer; that to a picture asked for is None"""


class Connection:
    """Kept open until ``close``; found again when it was lost."""

    def __init__(self, address: str, *, lossless: bool = False) -> None:
        """Connect to the address that ``wordmorph serve`` printed.

        Raises:
            RequestError: it is no such address, nobody answers, or the token is not right.
        """
        self.place, self._uri, self._offer = _read(address, lossless)
        self.state: dict[str, Any] = {}
        """what the server said last, by the names of docs/protocol.md; replaced whole"""
        self.welcome: dict[str, Any] = {}
        self.version = 0
        """another for each model, engine or precision met there, whose pictures are others"""
        self._silent = self.problem = f"{self.place} does not answer"
        """why the server is not there, where it is not"""
        self._met = False
        """whether it has said welcome since it was connected to"""
        self._settings: Any = None
        """what decides of the pictures kept here, None until that is known"""
        self._n = 0
        self._changed = threading.Condition()
        self._answers: dict[int, Any] = {}
        self._pictures: OrderedDict[Request, tuple[int, bytes]] = OrderedDict()
        self._bytes = 0
        self._live: tuple[Request, bytes] | None = None
        self._expected: Request | None = None
        self._closed = False
        self._socket: ClientConnection | None = self._connect()
        self._thread = threading.Thread(target=self._run, name="connection", daemon=True)
        self._thread.start()
        with self._changed:
            self._changed.wait_for(lambda: self.state or self.problem != self._silent, OPEN_SECONDS)
        if not self.state:
            self.close()
            silent = f"{self._silent} as a wordmorph server"
            raise RequestError(silent if self.problem == self._silent else self.problem)

    @property
    def connected(self) -> bool:
        """Whether the server is there now."""
        return self._socket is not None and bool(self.state)

    @property
    def performs(self) -> bool:
        """Whether what is asked here is what is played."""
        return self.connected and self.state.get("performer") == self.welcome.get("you")

    def say(self, message: Mapping[str, Any]) -> int:
        """Send a message that ``heard`` answers; return its number, 0 if nobody is there."""
        with self._changed:
            self._n += 1
            number = self._n
        return number if self.tell({**message, "n": number}) else 0

    def tell(self, message: Mapping[str, Any]) -> bool:
        """Send a message that nothing answers; False if nobody is there."""
        socket = self._socket
        if socket is None:
            return False
        try:
            socket.send(json.dumps(message, ensure_ascii=False, separators=(",", ":")))
        except (ConnectionClosed, OSError):
            return False
        return True

    def call(
        self,
        message: Mapping[str, Any],
        *,
        seconds: float | None = None,
        over: Callable[[], str] = lambda: "",
    ) -> Any:
        """Send a message and return its answer; it is sent again where the server went away, or
        began to play with another model.

        Waits up to ``seconds``, and no longer than ``over`` returns an empty string; who changes
        what ``over`` says calls ``wake``. Without ``seconds`` a server that is away is waited for.

        Raises:
            RequestError: the server refuses it; it is away, or does not answer in time.
            FrameCancelled: what ``over`` said.
            MorphError: the connection is closed.
        """
        ends = None if seconds is None else time.monotonic() + seconds
        while True:
            if why := over():
                raise FrameCancelled(f"{self.place}: {why}")
            number = self.say(message) if self.connected else 0
            with self._changed:
                here = self._socket, self.version

                def done(number: int = number, here: object = here) -> bool:
                    moved = (self._socket, self.version) != here if number else self.connected
                    return bool(number in self._answers or self._closed or over() or moved)

                if number or ends is None:
                    left = None if ends is None else max(ends - time.monotonic(), 0.0)
                    self._changed.wait_for(done, left if number else 1.0)
                if self._closed:
                    raise MorphError(f"{self.place}: the connection is closed")
                answer = self._answers.pop(number, _NONE)
            if isinstance(answer, MorphError):
                raise answer
            if answer is not _NONE:
                return answer
            if ends is not None and (not self.connected or time.monotonic() >= ends):
                raise RequestError(f"{self.problem}: nothing has changed")

    def wake(self) -> None:
        """Let who waits look again whether that is over."""
        with self._changed:
            self._changed.notify_all()

    def picture(self, request: Request) -> bytes | None:
        """Return the picture of a request as it came, None where it has not come."""
        with self._changed:
            kept = self._pictures.get(request)
            if kept is not None:
                self._pictures.move_to_end(request)
            return None if kept is None else kept[1]

    def take_live(self) -> tuple[Request, bytes] | None:
        """Return, once, the newest picture that came because it is on show at the server."""
        with self._changed:
            live, self._live = self._live, None
            return live

    def expect(self, request: Request | None) -> None:
        """Note whose picture the server will show without being asked for it: the one that it was
        told to play, or that it was seen to play.
        """
        with self._changed:
            if request != self._expected:
                self._expected = request
                self._changed.notify_all()

    def await_picture(
        self, request: Request, seconds: float, over: Callable[[], str]
    ) -> bytes | None:
        """Return the picture of a request, waiting for it if it is expected.

        None where it is not here and not expected, does not come in ``seconds``, the server is
        away, or ``over`` returns something.

        Raises:
            FrameCancelled: another picture is expected by now.
        """

        def done() -> bool:
            gone = self._closed or not self.connected or bool(over())
            return gone or self._expected != request or request in self._pictures

        with self._changed:
            if self._expected == request:
                self._changed.wait_for(done, seconds)
                if self._expected not in (None, request) and request not in self._pictures:
                    raise FrameCancelled(f"{self.place}: another picture is asked for")
        return self.picture(request)

    def opened(self) -> tuple[int, dict[str, Any]]:
        """Return the version, and the settings of the model that plays, as soon as it is open.

        Raises:
            MorphError: the connection is closed.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self.state.get("settings") is not None)
            if self._closed:
                raise MorphError(f"{self.place}: the connection is closed")
            return self.version, dict(self.state["settings"])

    def close(self) -> None:
        """End the connection; whoever waits is told."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            socket = self._socket
        if socket is not None:
            socket.close()

    def _connect(self) -> ClientConnection:
        try:
            # entered here and left by ``close``: the connection outlives this function
            return connect(
                self._uri,
                subprotocols=self._offer,
                compression=None,
                max_size=MAX_PICTURE,
                open_timeout=OPEN_SECONDS,
                close_timeout=1.0,
                proxy=None,
            ).__enter__()
        except InvalidStatus as error:
            status = error.response.status_code
            why = "the token is not right" if status == 403 else f"HTTP status {status}"
            raise RequestError(f"{self.place} refuses ({why})") from None
        except (OSError, InvalidHandshake, EOFError) as error:
            why = getattr(error, "strerror", None) or type(error).__name__
            raise RequestError(f"nobody answers at {self.place} ({why})") from None

    def _run(self) -> None:
        attempt = 0
        while not self._closed:
            socket = self._socket
            if socket is None:
                with self._changed:
                    wait = AGAIN_SECONDS[min(attempt, len(AGAIN_SECONDS) - 1)]
                    self._changed.wait_for(lambda: self._closed, wait)
                attempt += 1
                try:
                    found = None if self._closed else self._connect()
                except RequestError as error:
                    self.problem = str(error)
                    continue
                with self._changed:
                    self._socket = found
                continue
            attempt = 0
            turned_away = ""
            try:
                for message in socket:
                    self._hear(message)
            except ConnectionClosed as error:
                if error.rcvd is not None and error.rcvd.code >= 4000:  # ours, with a reason
                    turned_away = f"{self.place} refuses ({error.rcvd.reason})"
            except (ValueError, KeyError, TypeError, OSError):
                pass
            socket.close()
            with self._changed:
                self.problem = turned_away or self._silent
                self._socket = None
                self._met = False
                self.state = {}
                self._forget()
                self._changed.notify_all()

    def _hear(self, message: str | bytes) -> None:
        if isinstance(message, bytes):
            header, picture = unpack(message)
            if header["kind"] != "difference":  # that is made here, of the pictures of both marks
                request, live = Request(**header["request"]), header["kind"] == "live"
                gone = self._keep(request, int(header["seq"]), picture, live=live)
                if gone:
                    self.tell({"do": "forget", "seqs": gone})
            self.tell({"do": "ack", "seq": header["seq"]})
            if "answers" in header:
                self._answer(header["answers"], None)
            return
        data = json.loads(message)
        self.tell({"do": "ack", "seq": data["seq"]})
        kind = data.pop("say")
        if kind == "welcome":
            with self._changed:
                if self._met:  # and again: another model plays
                    self.state = {**self.state, "settings": None}
                    self._meet_another(None)
                self._met, self.welcome, self.problem = True, data, self._silent
                self._changed.notify_all()
        elif kind == "state":
            settings = data.get("settings")
            with self._changed:
                self.state = {**self.state, **data}
                if settings is not None and self._settings not in (None, settings):
                    self._meet_another(settings)
                self._settings = settings or self._settings
                self._changed.notify_all()
        elif kind == "refused":
            self._answer(data["n"], _error(data))
        else:
            self._answer(data["n"], data)

    def _answer(self, number: int, answer: Any) -> None:
        with self._changed:
            self._answers[number] = answer
            for old in sorted(self._answers)[:-64]:  # nobody waits for a refused move
                del self._answers[old]
            self._changed.notify_all()

    def _keep(self, request: Request, seq: int, picture: bytes, *, live: bool) -> list[int]:
        """Keep a picture; return the message numbers of those that had to go."""
        with self._changed:
            gone = []
            before = self._pictures.pop(request, None)
            if before is not None:
                self._bytes -= len(before[1])
            while self._pictures and self._bytes + len(picture) > BUDGET:
                _, (oldest, dropped) = self._pictures.popitem(last=False)
                self._bytes -= len(dropped)
                gone.append(oldest)
            self._pictures[request] = seq, picture
            self._bytes += len(picture)
            if live:
                self._live = request, picture
            self._changed.notify_all()
            return gone[:512]

    def _meet_another(self, settings: Any) -> None:
        """Drop the pictures of a model that plays no more."""
        self.version += 1
        self._settings = settings
        self._pictures.clear()
        self._bytes = 0
        self._live = self._expected = None

    def _forget(self) -> None:
        """Number nothing by messages of a connection that is gone; the pictures stay."""
        self._answers.clear()
        for request, (_, picture) in self._pictures.items():
            self._pictures[request] = 0, picture


def _read(address: str, lossless: bool) -> tuple[str, str, list[Subprotocol]]:
    """Return (address without its token, address of the wire, what to offer there)."""
    hint = "use the address that wordmorph serve printed, http://127.0.0.1:8765/?token=…"
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise RequestError(f"--connect cannot read the address: {hint}") from None
    token = parse_qs(parts.query).get("token", [""])[0]
    if parts.scheme not in ("http", "https") or not host or not token:
        raise RequestError(f"--connect needs an address with a token: {hint}")
    netloc = (f"[{host}]" if ":" in host else host) + ("" if port is None else f":{port}")
    scheme = "wss" if parts.scheme == "https" else "ws"
    query = f"client={secrets.token_hex(12)}" + ("&lossless=1" if lossless else "")
    offer = [Subprotocol(SUBPROTOCOL), Subprotocol(CARRIER + token)]
    return f"{parts.scheme}://{netloc}", f"{scheme}://{netloc}/wire?{query}", offer


def _error(data: Mapping[str, Any]) -> MorphError:
    if "column" in data:
        return ExpressionError(data["message"], data["text"], data["column"])
    return RequestError(data["message"])
