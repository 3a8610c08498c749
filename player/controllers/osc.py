"""OSC in and out: ``/wordmorph/<action>`` with the table's numbers; what is shown as it changes.

Open Sound Control 1.0 over UDP, by python-osc.
"""

from __future__ import annotations

import math
import threading
from typing import Any

from player.controllers.inbox import Inbox
from player.session.actions import ACTIONS
from player.session.session import Session
from runtime.errors import RequestError

PREFIX = "/wordmorph/"
TOLD = {
    "t": "f 0 … 1",
    "u": "f 0 … 1",
    "seed": "s, as 32 bits without a sign do not fit into OSC's integer",
    "steps": "i",
    "playing": "i 0 or 1",
    "expression": "s",
}
"""what ``OscOut`` sends, by the last part of its address"""


def addresses() -> tuple[tuple[str, str, str], ...]:
    """Return (address, argument, meaning) for every action, as the page of addresses lists them."""
    rows = []
    for action in ACTIONS:
        takes = ""
        if (parameter := action.parameter) is not None:
            kind = "i" if parameter.whole else "f"
            low, high = f"{parameter.low:.10g}", f"{parameter.high:.10g}"
            reach = f"{kind} {low} … {high} {parameter.unit}".rstrip()
            takes = f"{reach}, {parameter.default:g} if left out"
        rows.append((PREFIX + action.name, takes, action.meaning))
    return tuple(rows)


def page() -> str:
    """Return the page of addresses, ``docs/osc.md``."""
    lines = [
        "# OSC addresses",
        "",
        "Written by `python -m player.controllers.osc > docs/osc.md`.",
        "",
        "`wordmorph play --osc 9000` listens on UDP port 9000 of this machine, or of the address",
        "in `--osc HOST:PORT`. Where an argument is i (whole) or f, integers and floats of 32 and",
        "64 bits are taken. A number out of its range is refused and said. A button, which takes",
        "no argument, may come with one: 0 is its release. The time of a bundle is not waited for.",
        "",
        "| address | argument | what it does |",
        "| --- | --- | --- |",
        *(f"| `{name}` | {takes} | {meaning} |" for name, takes, meaning in addresses()),
        "",
        "`--osc-out [HOST:]PORT` is told what is shown, whenever that changes:",
        "",
        "| address | argument |",
        "| --- | --- |",
        *(f"| `{PREFIX}state/{name}` | {takes} |" for name, takes in TOLD.items()),
    ]
    return "\n".join(lines) + "\n"


class OscIn:
    """Listens in a thread of its own; ``poll`` acts in the front end's."""

    def __init__(self, host: str = "127.0.0.1", port: int = 9000) -> None:
        """Bind (host, port); port 0 takes a free one.

        Raises:
            RequestError: python-osc is not installed, or the address cannot be bound.
        """
        try:
            from pythonosc.dispatcher import Dispatcher
            from pythonosc.osc_server import BlockingOSCUDPServer
        except ImportError:
            raise RequestError("OSC needs python-osc: pip install '.[osc]'") from None
        self.inbox = inbox = Inbox("osc")

        class Server(BlockingOSCUDPServer):
            def handle_error(self, request: Any, client_address: Any) -> None:
                inbox.refuse("a message that cannot be read")

        # a bundle's time is not waited for: the thread would sleep, and hear nothing
        dispatcher = Dispatcher(strict_timing=False)
        dispatcher.set_default_handler(self._hear)
        try:
            self._server = Server((host, port), dispatcher)
        except (OSError, OverflowError) as error:
            raise RequestError(f"OSC cannot listen on {host}:{port}: {error}") from None
        self._thread = threading.Thread(target=self._server.serve_forever, name="osc", daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return int(self._server.server_address[1])

    def poll(self, session: Session, now: float) -> None:
        """Do what messages asked for since the last time."""
        self.inbox.drain(session, now)

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _hear(self, address: str, *arguments: Any) -> None:
        name = address.removeprefix(PREFIX)
        if not address.startswith(PREFIX) or "/" in name:
            self.inbox.refuse(f"no address {address[:80]!r}: they begin with {PREFIX}")
            return
        if not arguments:
            self.inbox.put(name)
            return
        value = arguments[0]
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not math.isfinite(value)
        ):
            self.inbox.refuse(f"{address[:80]} takes a number, not {str(value)[:40]!r}")
            return
        if name in BUTTONS and value == 0:  # a button of a control surface let go
            return
        self.inbox.put(name, float(value))


BUTTONS = frozenset(action.name for action in ACTIONS if action.parameter is None)


class OscOut:
    """Tells a listener what is shown, whenever that changes."""

    def __init__(self, host: str, port: int) -> None:
        """Send to (host, port).

        Raises:
            RequestError: python-osc is not installed, or there is no such host.
        """
        try:
            from pythonosc.udp_client import SimpleUDPClient
        except ImportError:
            raise RequestError("OSC needs python-osc: pip install '.[osc]'") from None
        try:
            self._client = SimpleUDPClient(host, port)
        except OSError as error:
            raise RequestError(f"OSC cannot send to {host}:{port}: {error}") from None
        self._sent: dict[str, str | float] = {}

    def poll(self, session: Session, now: float) -> None:
        """Send what is different from what was sent last."""
        shown = session.view(0)
        request = shown.shown or shown.request
        values: dict[str, str | float] = {
            "t": request.t,
            "u": request.u,
            "seed": str(request.seed),
            "steps": request.steps,
            "playing": int(shown.playing),
            "expression": request.expression,
        }
        for name, value in values.items():
            if self._sent.get(name) != value:
                try:
                    self._client.send_message(f"{PREFIX}state/{name}", value)
                except OSError:  # nobody listens just now
                    continue
                self._sent[name] = value

    def close(self) -> None:
        """Nothing is held open."""


def parse_endpoint(text: str, host: str = "127.0.0.1") -> tuple[str, int]:
    """Read ``9000`` or ``192.168.1.5:9000`` as (host, port).

    Raises:
        RequestError: anything else.
    """
    name, _, port = text.rpartition(":")
    if not port.isdecimal() or not 0 <= int(port) <= 65535:
        raise RequestError(f"{text!r} is no port and no host:port, e.g. 9000 or 127.0.0.1:9000")
    return name.strip("[]") or host, int(port)


if __name__ == "__main__":
    print(page(), end="")
