"""MIDI on ports of our own: no machine here has a real one."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from player.controllers.midi import Midi, read_mapping
from player.session.session import Session
from runtime.errors import MorphError
from tests.player.fakes import session_of


class Port:
    def __init__(self) -> None:
        self.closed = False

    def close_port(self) -> None:
        self.closed = True


class Ports:
    def __init__(self) -> None:
        self.there: dict[str, Callable[[Sequence[int]], None] | None] = {}

    def names(self) -> Sequence[str]:
        return list(self.there)

    def open(self, name: str, hear: Callable[[Sequence[int]], None]) -> Port:
        self.there[name] = hear
        return Port()

    def play(self, name: str, *message: int) -> None:
        hear = self.there[name]
        assert hear is not None, f"{name} is not open"
        hear(message)


@pytest.fixture
def session(tmp_path: Path) -> Session:
    made = session_of(tmp_path, "cat -> kitten | -tabby .. tabby")
    made.start()
    return made


def test_knobs_are_learned_kept_and_survive_unplugging(session: Session, tmp_path: Path) -> None:
    ports, mapping = Ports(), tmp_path / "config" / "midi.json"
    midi = Midi(ports, mapping)
    session.controllers.append(midi)
    session.turn(0.0, 0.0)
    ports.there["knobs"] = None  # plugged in
    session.turn(0.0, 2.5)
    for action, number in (("seek", 21), ("seek_u", 22), ("move", 23)):
        midi.learn(action, session)
        ports.play("knobs", 0xB0, number, 65 if action == "move" else 40)
        session.turn(0.0, 2.6)
    ports.play("knobs", 0xB0, 21, 127)
    ports.play("knobs", 0xB0, 22, 0)
    session.turn(0.0, 2.7)
    assert (session.state.request.t, session.state.request.u) == (1.0, 0.0)
    ports.play("knobs", 0xB0, 23, 126)  # two back
    session.turn(0.0, 2.8)
    assert session.state.request.t == pytest.approx(0.995)
    del ports.there["knobs"]  # pulled out
    session.turn(0.0, 5.0)
    assert "gone" in session.state.notice
    ports.there["knobs"] = None
    session.turn(0.0, 7.5)
    ports.play("knobs", 0xB0, 21, 0)
    session.turn(0.0, 7.6)
    assert session.state.request.t == 0.0
    assert [one.action for one in read_mapping(mapping)] == ["seek", "seek_u", "move"]


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        json.dumps({"format": 2, "bindings": []}),
        json.dumps({"format": 1}),
        json.dumps({"format": 1, "bindings": [{"control": "cc 1/1"}]}),
        json.dumps({"format": 1, "bindings": [{"control": "cc 1/1", "action": "explode"}]}),
        "[" * 100_000,
    ],
)
def test_a_damaged_mapping_is_a_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "midi.json"
    path.write_text(text)
    with pytest.raises(MorphError) as error:
        Midi(Ports(), path)
    assert "\n" not in str(error.value)
    assert str(path) in str(error.value)


def test_rubbish_is_not_heard(session: Session, tmp_path: Path) -> None:
    midi = Midi(Ports(), tmp_path / "midi.json")
    for message in ([], [0xF8], [0xB0], [0x90, 60, 0], [0xB0, 5, 64], [0xE0, 1, 2]):
        midi.hear(message)
    session.controllers.append(midi)
    before = session.state.request
    session.turn(0.0, 0.0)
    assert session.state.request == before
