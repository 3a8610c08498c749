"""What is refused over the wire, and what goes on regardless."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest

from player.web.client.connection import Connection
from player.web.wire.messages import MAX_BYTES, WireError, read
from player.web.wire.pictures import pack, unpack
from runtime.errors import RequestError
from runtime.request import Request
from tests.player.fakes import FakeRenderer
from tests.player.web.served import Client, serving


def test_a_picture_that_cannot_be_drawn_is_refused_to_who_asked_for_it_alone(
    tmp_path: Path,
) -> None:
    def renderer() -> FakeRenderer:
        return FakeRenderer(seconds=0.1, refuse=(0.25,))

    with serving(tmp_path, open_renderer=renderer) as served:
        first, second = Client(served), Client(served)
        first.until(lambda: first.state.get("engine"))
        asked = {"expression": "cat -> kitten", "seed": 5}
        bad = first.say(do="ask", request={**asked, "t": 0.25})
        good = [second.say(do="ask", request={**asked, "t": t}) for t in (0.5, 0.75)]

        def refused(client: Client) -> list[dict[str, object]]:
            return [h for h in client.heard if h.get("say") == "refused"]

        first.until(lambda: refused(first))
        assert [h["n"] for h in refused(first)] == [bad]
        second.until(lambda: {h.get("answers") for h in second.heard} >= set(good))
        assert not refused(second)


def test_an_expression_that_cannot_be_read_changes_nothing(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        client = Client.ready(served)
        n = client.say(do="change", request={"expression": "cat -> (kitten"})
        received = client.until(
            lambda: next((h for h in client.heard if h.get("say") == "refused"), None)
        )
        assert received["n"] == n
        assert received["text"][received["column"]] == "(", received
        assert served.session.state.request.expression == "cat -> kitten"
        client.say(do="change", request={"seed": 7, "expression": "cat -> fox"})
        client.until(lambda: client.state["request"]["seed"] == 7)
        assert client.state["request"]["expression"] == "cat -> fox"


def test_an_address_that_leads_nowhere_is_one_line(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        wrong = served.url.replace("ttt", "uuu")
        for address, line in (
            ("127.0.0.1:8765", "needs an address with a token"),
            ("http://127.0.0.1:8765/", "needs an address with a token"),
            (wrong, "the token is not right"),
            (served.url.replace(str(served.port), "1"), "nobody answers"),
        ):
            with pytest.raises(RequestError, match=line) as refused:
                Connection(address)
            assert "uuu" not in str(refused.value)
            assert "ttt" not in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[" * 5000,
        "{}",
        '{"do":"move","n":1,"x":1e400,"y":0}',
        '{"do":"move","n":1,"x":-1,"y":0}',
        '{"do":"move","n":1,"x":true,"y":0}',
        '{"do":"act","n":1,"name":7}',
        '{"do":"act","n":1,"name":"seek","value":NaN}',
        '{"do":"change","n":1,"request":{"folder":"/etc"}}',
        '{"do":"change","n":1,"request":{"expression":"\\ud800"}}',
        '{"do":"change","n":1,"request":{"seed":"1"}}',
        '{"do":"ask","n":1,"request":{"t":0}}',
        '{"do":"forget","seqs":[-1]}',
        '{"do":"control","want":1}',
        '{"do":"move","n":1,"x":1,"y":0,"ahead":[1]}',
        '{"do":"move","n":1,"x":1,"y":0,"ahead":[1,-1]}',
        '{"do":"have","request":{"expression":"cat"}}',
        '{"do":"have","request":{"expression":"cat"},"places":[[1,0]]}',
        '{"do":"have","request":{"expression":"cat"},"places":[[1,NaN,0]]}',
        '{"do":"have","request":{"seed":1},"places":[]}',
        '{"do":"have","request":{"expression":"%s"},"places":[[1,0,0]]}' % ("x" * 2001),
        '{"do":"have","request":{"expression":"cat","t":0},"places":[[1,0,0]]}',
        '{"do":"have","request":{"expression":"cat","u":0},"places":[]}',
    ],
)
def test_what_is_no_message_is_refused(text: str) -> None:
    with pytest.raises(WireError):
        read(text)


def test_a_header_longer_than_its_message_is_refused() -> None:
    header, data = unpack(pack({"seq": 1}, b"picture"))
    assert (header, data) == ({"seq": 1}, b"picture")
    for damaged in (b"", b"\0\0\0\xff{}", b"\xff\xff\xff\xff{}", b"\0\0\0\2[]"):
        with pytest.raises(ValueError, match=r"."):
            unpack(damaged)
    assert len(pack({"request": asdict(Request("x" * 2000))}, b"")) < MAX_BYTES


def test_a_frame_that_fails_is_told_and_the_session_goes_on(tmp_path: Path) -> None:
    with serving(tmp_path, open_renderer=lambda: FakeRenderer(refuse=(0.25,))) as served:
        client = Client.ready(served)
        client.say(do="move", x=1000, y=2000)
        client.until(lambda: "not finite" in client.state.get("error", ""))
        client.say(do="move", x=2000, y=2000)
        client.until(lambda: client.state["error"] == "" and client.state["shown"] == {})
