"""MIDI: knobs and keys bound to actions, learned by moving them. By rtmidi2."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from player.controllers.inbox import Inbox
from player.controllers.midiclock import START, TICK, MidiClock
from player.controllers.midimapping import Binding, Mode, read_mapping, write_mapping
from player.session.actions import NAMES
from player.session.motion.tempo import Tempo
from player.session.session import Session
from runtime.errors import MorphError, RequestError

LOOK_SECONDS = 0.25
"""How often plugged and unplugged devices are looked for: no hand is faster."""

UNCLEAR = (0, 1, 65, 127)
"""Values of a controller message that do not yet say what kind of control sent it."""
PLACES = {"move": "seek", "move_u": "seek_u"}
"""action that moves → the one that goes to a place on the same axis"""
RELATIVE = {place: relative for relative, place in PLACES.items()} | {"seed": "change_seed"}
"""action that takes a value → the one that goes on from its value"""


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
        return [name for name in self._lister.ports if name]

    def open(self, name: str, hear: Callable[[Sequence[int]], None]) -> Any:
        """Open one by its name; its clock is heard too.

        Raises:
            RuntimeError, ValueError: it is gone, or another program holds it.
        """
        port = self._made(**self._how)
        port.ignore_types(midi_sysex=True, midi_time=False, midi_sense=True)
        port.callback = lambda message, time: hear(message)
        port.open_port(list(port.ports).index(name))  # by name, the library takes it for a pattern
        return port


class Midi:
    """Every MIDI input; devices may come and go."""

    def __init__(self, ports: Ports, mapping: Path) -> None:
        """Read ``mapping``, the file of what was learned; it need not be there.

        Raises:
            MorphError: the file is damaged, or of a newer format.
        """
        self.inbox = Inbox("midi")
        self.learning: tuple[str, float | None] | None = None
        """the action, and what its key gives it, that the next moved knob is bound to"""
        self.bindings = {one.control: one for one in read_mapping(mapping)}
        self._mapping = mapping
        self._ports = ports
        self._open: dict[str, Any] = {}
        self._looked = float("-inf")
        self._learned: Binding | None = None
        self._heard: dict[str, int] = {}
        """the last value of each controller message"""
        self._first: dict[str, int] = {}
        """the same since learning began"""
        self._clock = MidiClock()
        self._tempo: Tempo | None = None

    def learn(self, action: str, session: Session, value: float | None = None) -> None:
        """Bind the next knob or key that is moved to ``action``; a key gives it ``value``."""
        self._first = {}
        self.learning = action, value
        session.state.awaits_knob = True
        session.state.say(f"press the pad, or turn the knob slowly up: {NAMES[action].meaning}")

    def poll(self, session: Session, now: float) -> None:
        """Do what was played since the last time; look for devices now and then."""
        session.state.hears_knobs = True
        if now - self._looked >= LOOK_SECONDS:
            self._looked = now
            self._look(session)
        if session.state.learn_action is not None:
            action, value = session.state.learn_action
            session.state.learn_action = None
            self.learn(action, session, value)
        if not session.state.awaits_knob:  # given up
            self.learning = None
        session.state.awaits_knob = self.learning is not None
        if self.learning is not None and self._first:
            session.state.say("and once more: it is not clear yet whether it is a knob")
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

    def hear(self, message: Sequence[int], port: str = "") -> None:
        """Take one message of a port, in whatever thread it comes."""
        if message and message[0] in (TICK, START):
            heard = self._clock.hear(port, message[0], time.perf_counter())
            self._tempo = heard or self._tempo
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
        if (learning := self.learning) is not None:
            self._hear_learning(control, value, *learning)
            return
        before = self._heard.get(control)
        self._heard[control] = value
        binding = self.bindings.get(control)
        if binding is not None:
            self._act(binding, value, before)

    def _act(self, binding: Binding, value: int, before: int | None) -> None:
        """Do what a control is bound to; ``before`` is what it sent last."""
        parameter = NAMES[binding.action].parameter
        if binding.control.startswith("note"):
            self.inbox.put(binding.action, binding.value)
        elif binding.mode == "press" or parameter is None:
            # a knob rises past the middle once; some buttons send the same each time
            if value >= 64 and (before is None or before < 64 or before == value):
                self.inbox.put(binding.action, binding.value)
        elif binding.mode == "absolute" and not parameter.relative:
            place = parameter.low + (parameter.high - parameter.low) * value / 127
            self.inbox.put(binding.action, round(place) if parameter.whole else place)
        else:
            if binding.mode == "absolute":  # as far as it was turned
                unit = min(1.0, (parameter.high - parameter.low) / 127)
                turns = 0 if before is None else round(value * unit) - round(before * unit)
            else:
                turns = _turns(value, binding.mode)
            if turns:
                self.inbox.put(binding.action, min(max(turns, parameter.low), parameter.high))

    def _hear_learning(self, control: str, value: int, action: str, given: float | None) -> None:
        """Bind a control once it is clear what kind it is."""
        before = self._first.get(control)
        self._first[control] = value
        mode: Mode = "absolute"
        parameter = NAMES[action].parameter
        if control.startswith("note") or parameter is None:
            mode = "press"
        elif before is None and value in UNCLEAR:
            return
        elif before is not None and {before, value} <= {0, 127}:
            mode = "press"
        elif before == value:
            mode = "relative" if value == 1 else "offset"
        self.learning = None
        self._heard[control] = value
        if mode == "absolute":
            action = PLACES.get(action, action)
        elif mode != "press":
            action = RELATIVE.get(action, action)
            parameter = NAMES[action].parameter
            if parameter is None or not parameter.relative:
                self.inbox.refuse(f"{control} is an endless knob: bind {action} to a pad")
                return
        self._learned = self.bindings[control] = Binding(control, action, mode, given)

    def _look(self, session: Session) -> None:
        there = set(self._ports.names())
        for name in set(self._open) - there:
            self._open.pop(name)
            session.state.say(f"MIDI: {name} is gone")
        for name in sorted(there - set(self._open)):
            try:
                self._open[name] = self._ports.open(name, partial(self.hear, port=name))
            except (RuntimeError, OSError, ValueError):  # held, or just gone: tried again
                continue
            session.state.say(f"MIDI: {name}")


def _turns(value: int, mode: Mode) -> int:
    """Return how far an endless knob was turned."""
    if mode == "offset":
        return value - 64
    # down is 127, 126 … (two's complement) or 65, 66 … (a sign bit): no knob makes 32 turns at once
    return value if value <= 64 else value - 128 if value >= 96 else 64 - value
