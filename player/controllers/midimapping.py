"""What MIDI controls are bound to, and the file that keeps it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, get_args

from player.session.actions import NAMES
from runtime.durable import write_aside
from runtime.errors import MorphError
from runtime.output.target import writing

FORMAT = 1
LARGEST = 1 << 20
"""Bytes of a mapping file that are read at all."""

Mode = Literal["absolute", "relative", "offset", "press"]
"""What a control sends: the place of a knob with two ends, 0 to 127; an endless knob's turns, as
1, 2 … up and 127 or 65 … down; or as 65 … up and 63 … down; a button's 127 and 0."""


@dataclass(frozen=True, slots=True)
class Binding:
    """What one knob or key does; ``control`` is ``cc 1/21`` (channel/number) or ``note 1/60``."""

    control: str
    action: str
    mode: Mode = "absolute"
    value: float | None = None
    """what a key or button gives the action; None is the action's default"""


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
    entries = raw.get("bindings")
    if not isinstance(entries, list):
        raise MorphError(f"{path} is damaged: remove it, and learn again")
    return tuple(_binding(entry, path) for entry in entries)


def _binding(entry: object, path: Path) -> Binding:
    try:
        one = Binding(**entry) if isinstance(entry, dict) else None
    except TypeError:
        one = None
    if one is None or not all(isinstance(text, str) for text in (one.control, one.action)):
        raise MorphError(f"{path} is damaged: remove it, and learn again")
    action = NAMES.get(one.action)
    if action is None or one.mode not in get_args(Mode):
        raise MorphError(f"{path} binds {one.control!r} to {one.action!r}, which is no action")
    if one.value is not None and not (
        isinstance(one.value, int | float)
        and action.parameter is not None
        and action.parameter.holds(one.value)
    ):
        raise MorphError(f"{path} gives {one.action!r} a value that it does not take")
    return one


def write_mapping(path: Path, bindings: Sequence[Binding]) -> None:
    """Keep a mapping, whole or not at all.

    Raises:
        TargetError: it cannot be written.
    """
    text = json.dumps({"format": FORMAT, "bindings": [asdict(one) for one in bindings]}, indent=1)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with write_aside(path) as partial:
            partial.write_text(text + "\n", encoding="utf-8")
