"""What hostile clients cost whoever performs.

    python -m tests.player.web.hostile [ATTACK …]

``wordmorph serve`` with the built-in model and every attacker are processes of their own; attackers
run at the lowest priority, as they would on machines of theirs. One performer moves over positions
that nobody has drawn, 60 a second; printed are the pictures a second that reach it, without and
with each attack, in several rounds by turns, and by how much the server grew meanwhile.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import random
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import psutil
from websockets.exceptions import WebSocketException
from websockets.frames import Frame, Opcode
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from player.web.wire.pictures import unpack
from tests.support.seeds import draw_seed

WORDS = ("cat", "kitten", "tabby", "dog", "fox", "lion", "sea", "sofa")
SECONDS = 3.0
ROUNDS = 5
ATTACKS = (
    "never acknowledge",
    "flood",
    "rubbish",
    "100 MB",
    "100 sockets",
    "ask",
    "tokens",
    "change",
    "have",
    "pings",
    "pieces",
    "pages",
    "no token",
)
READY = "ready"
CLI = "import sys; sys.argv[0] = 'wordmorph'; from player.cli import main; main()"


def join(port: str, token: str) -> ClientConnection:
    """Return a viewer's connection."""
    return connect(
        f"ws://127.0.0.1:{port}/wire",
        subprotocols=[Subprotocol("wordmorph.1"), Subprotocol(f"token.{token}")],
        compression=None,
        max_size=None,
        proxy=None,
    ).__enter__()


@contextlib.contextmanager
def server(home: Path) -> Iterator[tuple[psutil.Process, str, str]]:
    """Run ``wordmorph serve``; yield (process, port, token)."""
    process = subprocess.Popen(
        [sys.executable, "-c", CLI, "serve", "--port", "0", "--cache", "128M"],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"XDG_STATE_HOME": str(home)},
    )
    assert process.stdout is not None
    found = re.search(r":(\d+)/\?token=(\S+)", process.stdout.readline())
    assert found is not None
    try:
        yield psutil.Process(process.pid), found[1], found[2]
    finally:
        process.terminate()
        process.wait(30)


class Performer:
    """Moves, acknowledges, and counts pictures."""

    def __init__(self, port: str, token: str) -> None:
        """Join; whoever is first performs."""
        self.socket = join(port, token)
        self.pictures = self.n = self.seed = 0

    def say(self, **message: object) -> None:
        """Send a numbered message."""
        self.n += 1
        self.socket.send(json.dumps({**message, "n": self.n}))

    def listen(self, until: float) -> None:
        """Acknowledge what comes until then."""
        while (left := until - time.monotonic()) > 0:
            try:
                message = self.socket.recv(timeout=left)
            except TimeoutError:
                return
            picture = isinstance(message, bytes)
            data = unpack(message)[0] if isinstance(message, bytes) else json.loads(message)
            self.pictures += picture
            self.socket.send(json.dumps({"do": "ack", "seq": data["seq"]}))

    def rate(self) -> float:
        """Move for ``SECONDS`` over a line of a new seed; return the pictures a second."""
        self.seed += 1
        self.say(do="change", request={"seed": self.seed})
        self.listen(time.monotonic() + 0.3)
        before, began, x = self.pictures, time.monotonic(), 0
        while time.monotonic() - began < SECONDS:
            x = (x + 10) % 4000
            self.say(do="move", x=x, y=2000)
            self.listen(time.monotonic() + 1 / 60)
        return (self.pictures - before) / (time.monotonic() - began)


def flood(client: ClientConnection, message: Callable[[int], dict[str, object]]) -> None:
    """Send as many messages as a viewer may, until the connection ends; read and acknowledge."""
    for n in itertools.count(1):
        client.send(json.dumps({"n": n, **message(n)}))
        ends = time.monotonic() + 1 / 280
        while (left := ends - time.monotonic()) > 0:
            with contextlib.suppress(TimeoutError):
                data = client.recv(timeout=left)
                seq = (unpack(data)[0] if isinstance(data, bytes) else json.loads(data))["seq"]
                if n % 2:  # the rest of what may be sent
                    client.send(json.dumps({"do": "ack", "seq": seq}))


def request(n: int) -> dict[str, object]:
    """Return a request that nobody made before, over 20 words."""
    words = " ".join(random.choice(WORDS) for _ in range(20))
    return {"expression": f"{words} -> {words} fox", "seed": n}


INQUIRIES: dict[str, Callable[[int], dict[str, object]]] = {
    "ask": lambda n: {"do": "ask", "request": request(n)},
    "tokens": lambda n: {"do": "tokens", "request": request(n)},
    "change": lambda n: {"do": "change", "request": request(n)},
    "have": lambda n: {
        "do": "have",
        "request": {"expression": "cat", "seed": n},
        "places": [[seq, seq / 512, 0.5] for seq in range(512)],
    },
}


def attack(what: str, port: str, token: str) -> None:
    """Attack for ever."""
    random.seed(draw_seed())
    if sys.platform != "win32":
        os.nice(19)
    held: list[ClientConnection] = []
    # made once: making it costs this machine more than sending it, and another would make it
    large = Frame(Opcode.TEXT, b"x" * (100_000_000 * (what == "100 MB"))).serialize(mask=True)
    print(READY, flush=True)
    while True:
        with contextlib.suppress(WebSocketException, OSError, EOFError):
            if what == "never acknowledge" and len(held) < 3:
                held.append(join(port, token))
            elif what == "flood":
                client = join(port, token)
                while True:
                    client.send('{"do":"ack","seq":1}')
            elif what == "rubbish":
                for text in ("{}", "[" * 9000, '{"do":"ack","seq":"1"}', "x" * 20_000):
                    join(port, token).send(text)
            elif what == "100 MB":
                join(port, token).socket.sendall(large)
            elif what in ("pings", "pieces"):
                raw = join(port, token).socket
                raw.sendall(Frame(Opcode.TEXT, b"", fin=False).serialize(mask=True))
                ping, piece = Frame(Opcode.PING, b"x" * 125), Frame(Opcode.CONT, b"", fin=False)
                burst = (ping if what == "pings" else piece).serialize(mask=True) * 100
                while True:
                    raw.sendall(burst)
            elif what in INQUIRIES:
                flood(join(port, token), INQUIRIES[what])
            elif what == "pages":
                while True:
                    with socket.create_connection(("127.0.0.1", int(port))) as raw:
                        raw.sendall(b"GET /page/main.js HTTP/1.1\r\nHost: localhost\r\n\r\n")
                        raw.recv(1 << 16)
            elif what == "no token":
                while True:
                    with contextlib.suppress(WebSocketException):
                        join(port, "x" * 43)
            elif what == "100 sockets":
                held += [join(port, token) for _ in range(100 - len(held))]
        time.sleep(0.05)


def main() -> None:
    """Print a line for each attack, or for those that are named."""
    if len(sys.argv) == 4 and sys.argv[2].isdigit():
        attack(*sys.argv[1:])
    with tempfile.TemporaryDirectory() as home, server(Path(home)) as (process, port, token):
        performer = Performer(port, token)
        performer.listen(time.monotonic() + 4)
        print(f"{os.cpu_count()} cores, load {psutil.getloadavg()[0]:.1f}")
        for what in sys.argv[1:] or ATTACKS:
            calm, attacked = [], []
            memory = process.memory_info().rss
            for _ in range(ROUNDS):
                calm.append(performer.rate())
                words = [sys.executable, "-m", "tests.player.web.hostile", what, port, token]
                attacker = subprocess.Popen(
                    words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
                )
                assert attacker.stdout is not None
                for line in attacker.stdout:
                    if line.strip() == READY:
                        break
                    print(line, end="")
                performer.listen(time.monotonic() + 1)
                attacked.append(performer.rate())
                attacker.kill()
                attacker.wait()
                performer.listen(time.monotonic() + 0.5)
            grown = (process.memory_info().rss - memory) / 1e6
            share = median(attacked) / median(calm)
            rates = f"{median(calm):5.1f} pictures a second, {median(attacked):5.1f} attacked"
            print(f"{what:18} {rates} ({100 * share:.0f} %), {grown:+.0f} MB", flush=True)


if __name__ == "__main__":
    main()
