"""MIDI on ports of our own: no machine here has a real one."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest

from player.controllers.midi import Midi
from player.controllers.midimapping import read_mapping
from player.session.actions import NAMES
from player.session.session import Session
from runtime.errors import MorphError
from tests.player.fakes import started


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
    return started(tmp_path, "cat -> kitten | -tabby .. tabby")


@pytest.mark.fault(26)
def test_knobs_are_learned_kept_and_survive_unplugging(session: Session, tmp_path: Path) -> None:
    ports, mapping = Ports(), tmp_path / "config" / "midi.json"
    midi = Midi(ports, mapping)
    session.controllers.append(midi)
    session.turn(0.0, 0.0)
    ports.there["knobs"] = None  # plugged in
    session.turn(0.0, 2.5)
    for action, number in (("seek", 21), ("seek_u", 22), ("move", 23)):
        midi.learn(action, session)
        for value in (1, 1) if action == "move" else (40,):
            ports.play("knobs", 0xB0, number, value)
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
        json.dumps({"format": 1, "bindings": [{"control": "cc 1/1", "action": []}]}),
        json.dumps({"format": 1, "bindings": [{"control": 3, "action": "seek"}]}),
        json.dumps({"format": 1, "bindings": [[]]}),
        json.dumps({"format": 1, "bindings": {"control": "cc 1/1", "action": "seek"}}),
        json.dumps(
            {"format": 1, "bindings": [{"control": "cc 1/1", "action": "seek", "value": "x"}]}
        ),
        json.dumps(
            {"format": 1, "bindings": [{"control": "cc 1/1", "action": "cue", "value": 0.5}]}
        ),
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


@pytest.fixture
def knobs(session: Session, tmp_path: Path) -> Callable[..., None]:
    """Return what plays messages, a turn after them; a session that hears them has them played."""
    ports = Ports()
    ports.there["knobs"] = None
    session.controllers.append(Midi(ports, tmp_path / "midi.json"))
    session.turn(0.0, 0.0)
    clock = [0.0]

    def play(*messages: tuple[int, ...]) -> None:
        for message in messages:
            ports.play("knobs", *message)
        clock[0] += 0.01
        session.turn(0.0, clock[0])

    return play


def learn(session: Session, action: str, value: float | None) -> None:
    """As the window does for a key with a value, after L."""
    session.state.learn_knob()
    session.state.learning, session.state.learn_action = False, (action, value)
    session.turn(0.0, 0.0)


@pytest.mark.parametrize("kind", ["note", "button", "trigger"])
def test_a_pad_gives_what_its_key_gives(
    session: Session, knobs: Callable[..., None], kind: str
) -> None:
    def press(number: int) -> list[tuple[int, ...]]:
        if kind == "note":
            return [(0x90, number, 100), (0x80, number, 0)]
        return [(0xB0, number, 127), (0xB0, number, 0 if kind == "button" else 127)]

    for number, (action, value) in enumerate(
        (("seek", 0.7), ("change_seed", -1.0), ("move", 1.0), ("play", None))
    ):
        learn(session, action, value)
        first, *more = press(number)
        knobs(first)
        if value is not None and kind != "note":  # a knob at its end sends the same
            assert "once more" in session.state.notice
        knobs(*more)
        assert "is bound to" in session.state.notice
    before = session.state.request
    knobs(*press(0)[:1])
    assert session.state.request.t == 0.7
    knobs(*press(1)[:1])
    assert session.state.request.seed == (before.seed - 1) % 2**32
    knobs(*press(2)[:1])
    assert session.state.request.t == pytest.approx(0.7025)
    if kind != "trigger":
        knobs(*press(3))
        assert session.state.playhead.playing


@pytest.mark.parametrize(
    ("turned", "up", "down"),
    [((1, 1), 3, 125), ((1, 1), 3, 67), ((65, 65), 67, 61)],
    ids=["two's complement", "sign bit", "offset"],
)
@pytest.mark.parametrize(("action", "value"), [("move", 1.0), ("seek", 0.7), ("seek", None)])
def test_an_endless_knob_moves_both_ways(
    session: Session,
    knobs: Callable[..., None],
    action: str,
    value: float | None,
    turned: tuple[int, int],
    up: int,
    down: int,
) -> None:
    learn(session, action, value)
    knobs(*((0xB0, 21, each) for each in turned))
    start = session.state.request.t
    knobs((0xB0, 21, up))
    assert session.state.request.t == pytest.approx(start + 3 / 400)
    knobs((0xB0, 21, down), (0xB0, 21, down))
    assert session.state.request.t == pytest.approx(max(start - 3 / 400, 0.0))


def test_an_endless_knob_cannot_choose_a_cue(session: Session, knobs: Callable[..., None]) -> None:
    learn(session, "cue", 3.0)
    knobs((0xB0, 21, 1), (0xB0, 21, 1))
    assert "endless knob" in session.state.notice
    knobs((0xB0, 21, 1))
    assert "no cue" not in session.state.notice


@pytest.mark.parametrize("first", [(40,), (127, 126), (0, 1), (1, 2), (65, 66)])
def test_a_knob_with_two_ends_is_a_place_on_its_axis(
    session: Session, knobs: Callable[..., None], first: tuple[int, ...]
) -> None:
    learn(session, "move", 1.0)
    knobs(*((0xB0, 21, value) for value in first))
    learn(session, "move_u", -1.0)
    knobs(*((0xB0, 22, value) for value in first))
    knobs((0xB0, 21, 127), (0xB0, 22, 0))
    assert (session.state.request.t, session.state.request.u) == (1.0, 0.0)


def test_a_knob_with_two_ends_steps_through_what_has_no_ends(
    session: Session, knobs: Callable[..., None]
) -> None:
    learn(session, "change_seed", 1.0)
    knobs((0xB0, 21, 40))
    seed = session.state.request.seed
    knobs((0xB0, 21, 45))
    assert session.state.request.seed == seed + 5
    knobs((0xB0, 21, 44))
    assert session.state.request.seed == seed + 4


def test_a_knob_chooses_whole_numbers_and_presses_once_on_its_way(
    session: Session, knobs: Callable[..., None]
) -> None:
    for _ in range(3):
        session.cues.keep(session.moment)
    learn(session, "cue", 1.0)
    knobs((0xB0, 21, 40))
    learn(session, "play", None)
    knobs((0xB0, 22, 10))
    knobs((0xB0, 21, 3))
    assert "takes" not in session.state.notice
    assert "no cue" not in session.state.notice
    knobs(*((0xB0, 22, value) for value in range(11, 128)))
    assert session.state.playhead.playing


def test_a_mapping_that_cannot_be_written_is_said_and_the_knob_plays(
    session: Session, knobs: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    learn(session, "seek", None)
    knobs((0xB0, 21, 40))
    assert "space" in session.state.notice
    assert "Midi:" not in session.state.notice
    knobs((0xB0, 21, 127))
    assert session.state.request.t == 1.0


@pytest.mark.fault(26)
def test_a_port_that_vanishes_while_it_is_opened_is_looked_for_again(
    session: Session, tmp_path: Path
) -> None:
    class Vanishing(Ports):
        gone = True

        def open(self, name: str, hear: Callable[[Sequence[int]], None]) -> Port:
            if self.gone:
                raise ValueError("'knobs' is not in list")
            return super().open(name, hear)

    ports = Vanishing()
    ports.there["knobs"] = None
    session.controllers.append(Midi(ports, tmp_path / "midi.json"))
    session.turn(0.0, 0.0)
    assert session.state.notice == ""
    ports.gone = False
    session.turn(0.0, 1.0)
    assert session.state.notice == "MIDI: knobs"


def test_without_midi_l_says_how_to_have_it(session: Session) -> None:
    NAMES["learn"].perform(session)
    assert "--midi" in session.state.notice
    assert not session.state.learning


@pytest.mark.parametrize("restarts", [0, 1])
def test_the_first_tick_of_a_clock_is_the_downbeat(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, restarts: int
) -> None:
    now = [100.0]
    clock = SimpleNamespace(perf_counter=lambda: now[0])
    monkeypatch.setattr("player.controllers.midi.time", clock)
    midi = Midi(Ports(), tmp_path / "midi.json")
    session.controllers.append(midi)
    tick = 0.5 / 24
    for _ in range(7 * restarts):
        midi.hear([0xF8])
        now[0] += tick
    midi.hear([0xFA])
    now[0] += tick  # the clock goes on at its pace: its next tick is the first beat
    downbeat = now[0]
    for _ in range(61):
        midi.hear([0xF8])
        now[0] += tick
    session.turn(0.0, 0.0)
    tempo = session.beats.tempo
    assert tempo is not None
    assert tempo.bpm == pytest.approx(120)
    assert tempo.start == pytest.approx(downbeat, abs=1e-6)


def tempos(
    session: Session, midi: Midi, ticks: list[tuple[float, str]], monkeypatch: pytest.MonkeyPatch
) -> set[int]:
    """Return every tempo that was followed while ports sent their ticks at (seconds, port)."""
    now = [0.0]
    clock = SimpleNamespace(perf_counter=lambda: now[0])
    monkeypatch.setattr("player.controllers.midi.time", clock)
    followed = set()
    for at, port in sorted(ticks):
        now[0] = at
        midi.hear([0xF8], port)
        midi.poll(session, at)
        if session.beats.tempo is not None:
            followed.add(round(session.beats.tempo.bpm))
    return followed


def test_two_ports_that_send_one_clock_are_one_tempo(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    midi = Midi(Ports(), tmp_path / "midi.json")
    tick = 0.5 / 24
    ticks = [(k * tick, "drums") for k in range(200)]
    ticks += [(k * tick + 0.001, "keys") for k in range(200)]
    assert tempos(session, midi, ticks, monkeypatch) == {120}
    ticks = [(10 + k * tick / 2, "keys") for k in range(200)]
    assert tempos(session, midi, ticks, monkeypatch) == {120, 240}, "drums are silent"


def test_a_clock_that_rested_has_its_tempo_again_from_the_first_beat(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    midi = Midi(Ports(), tmp_path / "midi.json")
    tick = 0.5 / 24
    ticks = [(k * tick + rest, "drums") for rest in (0.0, 7.0) for k in range(150)]
    assert tempos(session, midi, ticks, monkeypatch) == {120}


def test_rubbish_is_not_heard(session: Session, tmp_path: Path) -> None:
    midi = Midi(Ports(), tmp_path / "midi.json")
    for message in ([], [0xF8], [0xB0], [0x90, 60, 0], [0xB0, 5, 64], [0xE0, 1, 2]):
        midi.hear(message)
    session.controllers.append(midi)
    before = session.state.request
    session.turn(0.0, 0.0)
    assert session.state.request == before
