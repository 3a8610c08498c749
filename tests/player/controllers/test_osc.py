from __future__ import annotations

import math
import random
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pythonosc.osc_bundle_builder import OscBundleBuilder
from pythonosc.osc_message_builder import OscMessageBuilder
from pythonosc.udp_client import SimpleUDPClient

from player.commands.common import is_loopback
from player.controllers.inbox import MOST, Inbox
from player.controllers.osc import (
    TOLD,
    OscIn,
    OscOut,
    addresses,
    page,
    parse_endpoint,
)
from player.session.actions import ACTIONS
from player.session.session import Session
from runtime.errors import RequestError
from tests.player.fakes import session_of
from tests.support.seeds import draw_seed


class Heard(OscIn):
    """Knows which messages came, also those that ask for nothing."""

    def __init__(self, host: str, port: int) -> None:
        self.heard: list[str] = []
        super().__init__(host, port)

    def _hear(self, address: str, *arguments: Any) -> None:
        super()._hear(address, *arguments)
        self.heard.append(address)


@pytest.fixture
def osc() -> Heard:
    return Heard("127.0.0.1", 0)


@pytest.fixture
def session(tmp_path: Path, osc: Heard) -> Iterator[Session]:
    made = session_of(tmp_path, "cat -> kitten | -tabby .. tabby")
    made.controllers.append(osc)
    made.start()
    yield made
    made.close()


def send(session: Session, address: str, *values: object) -> None:
    """Send one message and let the session turn until it came, and once with it."""
    (osc,) = session.controllers
    assert isinstance(osc, Heard)
    before = osc.heard.count(address)
    SimpleUDPClient("127.0.0.1", osc.port).send_message(address, list(values))
    wait_for(session, lambda: osc.heard.count(address) > before)
    session.turn(0.0, time.monotonic())


def test_both_axes_are_driven_by_floats(session: Session) -> None:
    send(session, "/wordmorph/seek", 0.3)
    send(session, "/wordmorph/seek_u", 0.75)
    assert (session.state.request.t, session.state.request.u) == (0.3, 0.75)
    send(session, "/wordmorph/move", 2.0)
    assert session.state.request.t == pytest.approx(0.305)
    send(session, "/wordmorph/play")
    assert session.state.playhead.playing
    send(session, "/wordmorph/play", 0.0)  # the button let go
    assert session.state.playhead.playing


@pytest.mark.parametrize(
    ("address", "values", "says"),
    [
        ("/wordmorph/seek", [1.5], "0 to 1, not 1.5"),
        ("/wordmorph/seek", [math.nan], "a number"),
        ("/wordmorph/seek", ["x"], "a number"),
        ("/wordmorph/change_seed", [0.5], "not 0.5"),
        ("/wordmorph/nothing", [1.0], "no action"),
        ("/other/seek", [0.5], "begin with /wordmorph/"),
        ("/wordmorph/seek/x", [0.5], "begin with /wordmorph/"),
    ],
)
def test_what_cannot_be_done_is_refused_and_said(
    session: Session, address: str, values: list[object], says: str
) -> None:
    before = session.state.request
    send(session, address, *values)
    assert session.state.request == before
    assert says in session.state.notice
    assert "\n" not in session.state.notice


def test_a_flood_costs_one_message_and_rubbish_nothing(session: Session, osc: Heard) -> None:
    draws = random.Random(draw_seed())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for _ in range(300):
            sender.sendto(draws.randbytes(draws.randrange(1, 2000)), ("127.0.0.1", osc.port))
            message = OscMessageBuilder("/wordmorph/seek")
            message.add_arg(draws.random())
            sender.sendto(message.build().dgram, ("127.0.0.1", osc.port))
            sender.sendto(
                OscMessageBuilder("/wordmorph/tokens").build().dgram, ("127.0.0.1", osc.port)
            )
        last = OscMessageBuilder("/wordmorph/mark_a").build().dgram
        for _ in range(1000):  # what a full socket lost is sent again
            sender.sendto(last, ("127.0.0.1", osc.port))
            time.sleep(0.01)
            if "/wordmorph/mark_a" in osc.heard:
                break
    assert len(osc.inbox._asked) <= MOST
    send(session, "/wordmorph/seek", 0.5)
    assert session.state.request.t == 0.5
    assert f"{osc.inbox.dropped} messages dropped" in session.state.notice


def wait_for(session: Session, condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.01)
        session.turn(0.0, time.monotonic())


def test_a_bundle_for_later_stops_nobody(session: Session, osc: Heard) -> None:
    later = OscBundleBuilder(int(time.time()) + 30)
    message = OscMessageBuilder("/wordmorph/seek_u")
    message.add_arg(0.75)
    later.add_content(message.build())
    client = SimpleUDPClient("127.0.0.1", osc.port)
    client.send(later.build())
    client.send_message("/wordmorph/seek", 0.3)
    wait_for(session, lambda: session.state.request.t == 0.3)
    assert session.state.request.u == 0.75


def test_text_that_is_none_is_a_line_and_no_traceback(
    session: Session, osc: Heard, capfd: pytest.CaptureFixture[str]
) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        datagram = b"/wordmorph/seek\0,s\0\0\xff\xfe\xfd\0"
        sender.sendto(datagram, ("127.0.0.1", osc.port))
    wait_for(session, lambda: "cannot be read" in session.state.notice)
    assert capfd.readouterr().err == ""
    send(session, "/wordmorph/seek", 0.5)
    assert session.state.request.t == 0.5


def test_what_came_in_one_turn_is_done_in_its_order(session: Session) -> None:
    inbox = Inbox("test")
    for place, mark in ((0.1, "mark_a"), (0.9, "mark_b")):
        inbox.put("seek", 0.4)
        inbox.put("seek", place)
        inbox.put(mark)
    inbox.put("move", 1.0)
    inbox.put("move", 2.0)
    inbox.drain(session, 0.0)
    a, b = session.state.marks
    assert (a, b) == (((400, 2000), 0), ((3600, 2000), 0))
    assert session.state.request.t == pytest.approx(0.9075)


def test_many_saves_in_one_turn_are_one_picture(session: Session, tmp_path: Path) -> None:
    session.turn(0.0, 0.0)
    inbox = Inbox("test")
    for _ in range(20):
        inbox.put("save")
        inbox.put("tokens")
    inbox.drain(session, 0.0)
    assert len(list(tmp_path.glob("*.png"))) == 1


def test_a_flood_of_what_writes_files_is_a_few_a_second_and_the_rest_is_said(
    session: Session, tmp_path: Path
) -> None:
    session.turn(0.0, 0.0)
    session.cues.open(tmp_path / "set.json")
    saves = 0
    save = session.cues.save

    def count() -> None:
        nonlocal saves
        saves += 1
        save()

    session.cues.save = count  # type: ignore[method-assign]
    inbox = Inbox("test")
    for turn in range(120):  # two seconds
        for _ in range(16):
            for name, value in (("keep_cue", None), ("drop_cue", 1), ("save", None), ("seek", 0.5)):
                inbox.put(name, value)
        inbox.drain(session, turn / 60)
    assert 4 <= saves <= 18
    pictures = len(list(tmp_path.glob("*.png")))
    assert 4 <= pictures <= 9
    assert any("came too often: some were dropped" in line for line in session.state.printed)
    inbox.put("save")
    inbox.drain(session, 10.0)
    assert len(list(tmp_path.glob("*.png"))) == pictures + 1, "what comes now and then is done"


def test_what_is_shown_is_told_when_it_changes(session: Session) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as heard:
        heard.bind(("127.0.0.1", 0))
        heard.settimeout(5)
        out = OscOut("127.0.0.1", heard.getsockname()[1])
        session.turn(0.0, 0.0)
        out.poll(session, 0.0)
        told = b"".join(heard.recv(1000) for _ in range(6))
        assert all(f"/wordmorph/state/{name}".encode() in told for name in TOLD)
        assert told.count(b"/wordmorph/state/") == len(TOLD)
        out.poll(session, 0.0)
        heard.settimeout(0.2)
        with pytest.raises(TimeoutError):
            heard.recv(1000)


def test_the_page_of_addresses_is_the_table_of_actions() -> None:
    rows = addresses()
    assert [row[0] for row in rows] == [f"/wordmorph/{action.name}" for action in ACTIONS]
    assert ("/wordmorph/seek", "f 0 … 1 of the way, 0.5 if left out", "jump to tenths") in rows
    kept = Path(__file__).parents[3] / "docs" / "osc.md"
    again = "run: python -m player.controllers.osc > docs/osc.md"
    assert kept.read_text(encoding="utf-8") == page(), again


@pytest.mark.parametrize("text", ["", "x", "1:2:x", "70000", "-1"])
def test_an_endpoint_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(RequestError, match="no port"):
        parse_endpoint(text)


def test_a_port_in_use_is_a_line(osc: Heard) -> None:
    with pytest.raises(RequestError, match="cannot listen"):
        OscIn("127.0.0.1", osc.port)
    assert parse_endpoint("192.168.1.5:9001") == ("192.168.1.5", 9001)
    assert is_loopback("127.0.0.1")
    assert not is_loopback("0.0.0.0")
