"""MIDI: knobs and keys bound to actions, learned by moving them. By rtmidi2."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from player.controllers.inbox import Inbox
from player.session.actions import NAMES
from player.session.motion.tempo import Tempo, fit
from player.session.session import Session
from runtime.durable import write_aside
from runtime.errors import MorphError, RequestError

LOOK_SECONDS = 2.0
"""How often plugged and unplugged devices are looked for."""
FORMAT = 1
LARGEST = 1 << 20
"""Bytes of a mapping file that are read at all."""

CLOCK, START = 0xF8, 0xFA
"""MIDI's real-time messages: 24 ticks a beat, and the first beat of a song."""
TICKS_PER_BEAT = 24

Mode = Literal["absolute", "relative"]


@dataclass(frozen=True, slots=True)
class Binding:
    """What one knob or key does; ``control`` is ``cc 1/21`` (channel/number) or ``note 1/60``."""

    control: str
    action: str
    mode: Mode = "absolute"


class Ports(Protocol):
    """The part of a MIDI library that is used here."""

    def names(self) -> Sequence[str]:
        """Return the inputs that are there now."""

    def open(self, name: str, hear: Callable[[Sequence[int]], None]) -> Any:
        """Open one; its messages go to ``hear``, in whatever thread. Returns what closes it."""


class RtMidiPorts:
    """The real inputs of this machine."""

    def __init__(self, api: int | None = None) -> None:
        """Find the library; ``api`` is one of its constants, None for the system's usual MIDI.

        Raises:
            RequestError: rtmidi2 is not installed, or this machine has no MIDI.
        """
        try:
            import rtmidi2
        except ImportError:
            raise RequestError("MIDI needs rtmidi2: pip install '.[midi]'") from None
        self._made = rtmidi2.MidiIn
        self._how = {} if api is None else {"api": api}
        try:
            self._lister = rtmidi2.MidiIn(**self._how)
        except RuntimeError as error:
            raise RequestError(f"this machine has no MIDI ({str(error).strip()})") from None

    def names(self) -> Sequence[str]:
        """Return the inputs that are there now."""
        return list(self._lister.ports)

    def open(self, name: str, hear: Callable[[Sequence[int]], None]) -> Any:
        """Open one by its name."""
        port = self._made(**self._how)
        port.callback = lambda message, time: hear(message)
        port.open_port(name)
        return port


class Midi:
    """Every MIDI input; devices may come and go."""

    def __init__(self, ports: Ports, mapping: Path) -> None:
        """Read ``mapping``, the file of what was learned; it need not be there.

        Raises:
            MorphError: the file is damaged, or of a newer format.
        """
        self.inbox = Inbox("midi")
        self.learning: str | None = None
        """the action that the next moved knob is bound to"""
        self.bindings = {one.control: one for one in read_mapping(mapping)}
        self._mapping = mapping
        self._ports = ports
        self._open: dict[str, Any] = {}
        self._looked = float("-inf")
        self._learned: Binding | None = None
        self._ticks: list[float] = []
        self._counted = 0
        self._tempo: Tempo | None = None

    def learn(self, action: str, session: Session) -> None:
        """Bind the next knob or key that is moved to ``action``."""
        self.learning = action
        session.state.say(f"move the knob for: {NAMES[action].meaning}")

    def poll(self, session: Session, now: float) -> None:
        """Do what was played since the last time; look for devices now and then."""
        if now - self._looked >= LOOK_SECONDS:
            self._looked = now
            self._look(session)
        if session.state.learn_action:
            self.learn(session.state.learn_action, session)
            session.state.learn_action = ""
        if self._learned is not None:
            learned, self._learned = self._learned, None
            try:
                write_mapping(self._mapping, tuple(self.bindings.values()))
            except MorphError as error:
                session.state.complain(str(error))
            else:
                session.state.say(f"{learned.control} is bound to {learned.action}")
        if self._tempo is not None:
            session.beats.tempo, self._tempo = self._tempo, None
        self.inbox.drain(session, now)

    def close(self) -> None:
        """Let go of every device."""
        for port in self._open.values():
            port.close_port()
        self._open.clear()

    def hear(self, message: Sequence[int]) -> None:
        """Take one message, in whatever thread it comes."""
        if message and message[0] in (CLOCK, START):
            self._hear_clock(message[0])
        if len(message) < 3 or message[0] >= 0xF0:
            return
        kind, channel = message[0] & 0xF0, (message[0] & 0x0F) + 1
        number, value = message[1], message[2]
        if kind == 0xB0:
            control = f"cc {channel}/{number}"
        elif kind == 0x90 and value:
            control = f"note {channel}/{number}"
        else:
            return
        if self.learning is not None:
            action, self.learning = self.learning, None
            mode: Mode = "relative" if kind == 0xB0 and value in (1, 65, 127) else "absolute"
            self._learned = self.bindings[control] = Binding(control, action, mode)
            return
        binding = self.bindings.get(control)
        if binding is None:
            return
        parameter = NAMES[binding.action].parameter
        if parameter is None:
            if kind == 0x90 or value >= 64:
                self.inbox.put(binding.action)
        elif binding.mode == "relative":
            self.inbox.put(binding.action, float(value if value < 64 else value - 128))
        elif kind == 0x90:
            self.inbox.put(binding.action)
        else:
            low, high = parameter.low, parameter.high
            self.inbox.put(binding.action, low + (high - low) * value / 127)

    def _hear_clock(self, message: int) -> None:
        if message == START:
            self._ticks = []
        self._ticks = [*self._ticks[-4 * TICKS_PER_BEAT :], time.perf_counter()]
        self._counted += 1 if message == CLOCK else -self._counted
        if len(self._ticks) > TICKS_PER_BEAT and self._counted % TICKS_PER_BEAT == 0:
            found = fit(self._ticks, 1 / TICKS_PER_BEAT)
            if found is not None:  # the bar began with START, so many beats ago
                beats = self._counted // TICKS_PER_BEAT
                self._tempo = Tempo(found.bpm, found.start - beats * 60 / found.bpm)

    def _look(self, session: Session) -> None:
        there = set(self._ports.names())
        for name in set(self._open) - there:
            self._open.pop(name)
            session.state.say(f"MIDI: {name} is gone")
        for name in sorted(there - set(self._open)):
            try:
                self._open[name] = self._ports.open(name, self.hear)
            except (RuntimeError, OSError):  # another program holds it; tried again
                continue
            session.state.say(f"MIDI: {name}")


def read_mapping(path: Path) -> tuple[Binding, ...]:
    """Read a mapping file; none is an empty one.

    Raises:
        MorphError: it is damaged, of a newer format, or names an action that is not there.
    """
    try:
        if path.stat().st_size > LARGEST:
            raise MorphError(f"{path} is too large for a MIDI mapping: remove it")
        raw = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return ()
    except (OSError, ValueError, RecursionError) as error:
        raise MorphError(f"{path} cannot be read ({error}): remove it, and learn again") from None
    if not isinstance(raw, dict) or raw.get("format") != FORMAT:
        raise MorphError(f"{path} is no MIDI mapping that this version reads: remove it")
    try:
        bindings = tuple(Binding(**entry) for entry in raw["bindings"])
    except (KeyError, TypeError):
        raise MorphError(f"{path} is damaged: remove it, and learn again") from None
    for one in bindings:
        if one.action not in NAMES or one.mode not in ("absolute", "relative"):
            raise MorphError(f"{path} binds {one.control!r} to {one.action!r}, which is no action")
    return bindings


def write_mapping(path: Path, bindings: Sequence[Binding]) -> None:
    """Keep a mapping, whole or not at all.

    Raises:
        TargetError: it cannot be written.
    """
    text = json.dumps({"format": FORMAT, "bindings": [asdict(one) for one in bindings]}, indent=1)
    path.parent.mkdir(parents=True, exist_ok=True)
    with write_aside(path) as partial:
        partial.write_text(text + "\n", encoding="utf-8")
