"""A client's end of the wire for programs: one thread reads, others ask and wait."""

from __future__ import annotations

import contextlib
import json
import secrets
import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from player.web.server.access import CARRIER, SUBPROTOCOL
from player.web.wire.pictures import unpack
from runtime.errors import ExpressionError, MorphError, RequestError
from runtime.request import Request

OPEN_SECONDS = 10.0
AGAIN_SECONDS = (0.25, 0.5, 1.0, 2.0)
BUDGET = 96 << 20
"""Bytes of pictures kept as they came."""
MAX_PICTURE = 64 << 20


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
        self._n = 0
        self._changed = threading.Condition()
        self._answers: dict[int, Any] = {}
        self._pictures: OrderedDict[Request, tuple[int, bytes]] = OrderedDict()
        self._bytes = 0
        self._closed = False
        self._socket: ClientConnection | None = self._connect()
        self._thread = threading.Thread(target=self._run, name="connection", daemon=True)
        self._thread.start()
        with self._changed:
            known = self._changed.wait_for(lambda: self.welcome and self.state, OPEN_SECONDS)
        if not known:
            self.close()
            raise RequestError(f"{self.place} does not answer as a wordmorph server")

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
        return number if self._send({**message, "n": number}) else 0

    def tell(self, message: Mapping[str, Any]) -> None:
        """Send a message that nothing answers."""
        self._send(message)

    def call(self, message: Mapping[str, Any]) -> Any:
        """Send a message and return its answer; waits as long as the server is away.

        Raises:
            MorphError: the server refuses, or the connection is closed.
        """
        while True:
            number = self.say(message)
            with self._changed:
                if number:
                    here = self._socket
                    self._changed.wait_for(
                        lambda number=number, here=here: (  # type: ignore[misc]
                            number in self._answers or self._closed or self._socket is not here
                        )
                    )
                else:
                    self._changed.wait_for(lambda: self._closed or self.connected, 1.0)
                if self._closed:
                    raise MorphError(f"{self.place}: the connection is closed")
                if number not in self._answers:
                    continue
                answer = self._answers.pop(number)
            if isinstance(answer, MorphError):
                raise answer
            return answer

    def picture(self, request: Request) -> bytes | None:
        """Return the picture of a request as it came, None where it has not come."""
        with self._changed:
            kept = self._pictures.get(request)
            if kept is not None:
                self._pictures.move_to_end(request)
            return None if kept is None else kept[1]

    def wait(self, name: str) -> Any:
        """Return a value of the state as soon as it is there.

        Raises:
            MorphError: the connection is closed.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self.state.get(name) is not None)
            if self._closed:
                raise MorphError(f"{self.place}: the connection is closed")
            return self.state[name]

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
                with contextlib.suppress(RequestError):
                    found = None if self._closed else self._connect()
                    with self._changed:
                        self._socket = found
                continue
            attempt = 0
            with contextlib.suppress(ConnectionClosed, ValueError, KeyError, TypeError, OSError):
                for message in socket:
                    self._hear(message)
            socket.close()
            with self._changed:
                self._socket = None
                self.state = {}
                self._forget()
                self._changed.notify_all()

    def _hear(self, message: str | bytes) -> None:
        if isinstance(message, bytes):
            header, picture = unpack(message)
            gone = self._keep(Request(**header["request"]), int(header["seq"]), picture)
            self._send({"do": "ack", "seq": header["seq"]})
            if gone:
                self._send({"do": "forget", "seqs": gone})
            if "answers" in header:
                self._answer(header["answers"], None)
            return
        said = json.loads(message)
        self._send({"do": "ack", "seq": said["seq"]})
        kind = said.pop("say")
        if kind == "welcome":
            with self._changed:
                self.welcome = said
                self._changed.notify_all()
        elif kind == "state":
            with self._changed:
                self.state = {**self.state, **said}
                self._changed.notify_all()
        elif kind == "refused":
            self._answer(said["n"], _error(said))
        else:
            self._answer(said["n"], said)

    def _answer(self, number: int, answer: Any) -> None:
        with self._changed:
            self._answers[number] = answer
            for old in sorted(self._answers)[:-64]:  # nobody waits for a refused move
                del self._answers[old]
            self._changed.notify_all()

    def _keep(self, request: Request, seq: int, picture: bytes) -> list[int]:
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
            return gone[:512]

    def _forget(self) -> None:
        """Number nothing by messages of a connection that is gone; the pictures stay."""
        self._answers.clear()
        for request, (_, picture) in self._pictures.items():
            self._pictures[request] = 0, picture

    def _send(self, message: Mapping[str, Any]) -> bool:
        socket = self._socket
        if socket is None:
            return False
        try:
            socket.send(json.dumps(message, ensure_ascii=False, separators=(",", ":")))
        except (ConnectionClosed, OSError):
            return False
        return True


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


def _error(said: Mapping[str, Any]) -> MorphError:
    if "column" in said:
        return ExpressionError(said["message"], said["text"], said["column"])
    return RequestError(said["message"])
