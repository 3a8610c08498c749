"""docs/protocol.md names what goes over the wire."""

from __future__ import annotations

import re
from pathlib import Path

from player.web.wire import flow, messages
from tests.player.web.served import Client, serving

TEXT = (Path(__file__).parents[4] / "docs" / "protocol.md").read_text(encoding="utf-8")
NAMED = set(re.findall(r"`([\w-]+)`", TEXT))


def test_every_field_that_is_sent_is_named(tmp_path: Path) -> None:
    with serving(tmp_path, "cat -> kitten | -tabby .. +tabby") as served:
        client = Client(served)
        client.until(lambda: client.pictures and client.state.get("settings"))
        client.say(do="tokens", request={"expression": "cat"})
        client.say(do="change", request={"expression": "(cat"})
        client.until(lambda: {"tokens", "refused"} <= {h.get("say") for h in client.heard})
        for data in client.heard:
            assert set(data) - {"say", "n"} <= NAMED, data
        assert {f'say: "{h["say"]}"' for h in client.heard if "say" in h} <= set(
            re.findall(r'say: "\w+"', TEXT)
        )


def test_the_bounds_that_are_named_are_those_that_are_kept() -> None:
    assert f"{flow.RATE:g} a second after {flow.BURST:g} at once" in TEXT
    assert f"{messages.MAX_BYTES // 1024} KiB a message" in TEXT
    assert f"at most {messages.MAX_FORGOTTEN}" in TEXT


def test_every_message_that_is_read_is_named() -> None:
    source = Path(messages.__file__).read_text(encoding="utf-8")
    read = re.findall(r'kind == "(\w+)"', source)
    assert len(read) >= 6
    assert {*read, "ask", "tokens"} <= NAMED
