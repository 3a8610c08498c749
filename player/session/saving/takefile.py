"""A take: what was performed, when; a film of it is rendered again exactly, at any rate."""

from __future__ import annotations

import json
import math
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from player.session.motion.moment import Moment
from player.session.saving.keptfile import (
    FORMAT,
    MOST_BYTES,
    KeptFileError,
    check_fields,
    load,
    request_of,
    request_to_json,
)
from runtime.durable import write_aside

KIND = "take"
SUFFIX = ".take.json"
MOST_EVENTS = 1_000_000
MOST_SECONDS = 24 * 3600.0
_BETWEEN = ",\n  "
_FRAME_BYTES = 200
"""what a take has besides its events, at most"""
_SOON = 1e-6
"""seconds by which rounding may put an event after the frame it belongs to"""


@dataclass(frozen=True, slots=True)
class Take:
    """``events``: (seconds from the start, moment), ascending, the first at 0; and its length."""

    events: tuple[tuple[float, Moment], ...]
    seconds: float

    def at(self, seconds: float) -> Moment:
        """Return what was asked for at a time."""
        index = bisect_right(self.events, seconds + _SOON, key=lambda event: event[0])
        return self.events[max(index - 1, 0)][1]

    def moments(self, fps: float) -> list[Moment]:
        """Return what each frame of a film shows; frame i stands at i / fps seconds."""
        count = max(math.floor((self.seconds + _SOON) * fps), 1)
        return [self.at(i / fps) for i in range(count)]


def event_bytes(at: float, moment: Moment, before: Moment | None) -> int:
    """Return what an event takes in the file; ``before`` is the moment of the event before it."""
    return len((_line(at, moment, before) + _BETWEEN).encode())


def has_room(events: int, size: int, seconds: float) -> bool:
    """Tell whether a take of so many events of ``size`` bytes together can be read again."""
    return events <= MOST_EVENTS and size <= MOST_BYTES - _FRAME_BYTES and seconds <= MOST_SECONDS


def _line(at: float, moment: Moment, before: Moment | None) -> str:
    """Return the line of an event: when it is, and what it changes."""
    changed: dict[str, Any] = {"at": round(at, 9)}
    if before is None or (moment.model, moment.digest) != (before.model, before.digest):
        changed |= {"model": moment.model, "digest": moment.digest}
    fields = request_to_json(moment.request)
    known: dict[str, Any] = {} if before is None else request_to_json(before.request)
    changed |= {n: v for n, v in fields.items() if n not in known or known[n] != v}
    return json.dumps(changed, ensure_ascii=False)


def write_take(path: Path, take: Take) -> None:
    """Write a take, a line for each change with what changed; it appears whole.

    Raises:
        OSError: it cannot be written.
    """
    befores = [None, *(moment for _, moment in take.events)]
    lines = [_line(*event, before) for event, before in zip(take.events, befores, strict=False)]
    text = (
        f'{{"kind": "wordmorph {KIND}", "format": {FORMAT}, "seconds": {round(take.seconds, 9)},\n'
        ' "events": [\n  ' + _BETWEEN.join(lines) + "\n ]}\n"
    )
    with write_aside(path.resolve()) as partial:
        partial.write_text(text, encoding="utf-8")


def read_take(path: Path, left_out: Callable[[str], None] | None = None) -> Take:
    """Read what ``write_take`` wrote.

    ``left_out`` is told in one line of an event that cannot be read: the take ends before it, as
    those after it say only what changed.

    Raises:
        KeptFileError: no such file, damaged from its first event, or of a newer format; without
            ``left_out``, damaged anywhere; one line.
    """
    fields = load(path, KIND, {"seconds": (int, float), "events": (list,)})
    listed, seconds = fields.get("events", []), float(fields.get("seconds", 0.0))
    if not 1 <= len(listed) <= MOST_EVENTS:
        raise KeptFileError(f"{path} has {len(listed)} events: a take has 1 to {MOST_EVENTS}")
    if not 0 <= seconds <= MOST_SECONDS:
        raise KeptFileError(f"{path}: seconds is not between 0 and {MOST_SECONDS:.0f}")
    events: list[tuple[float, Moment]] = []
    for number, given in enumerate(listed, 1):
        try:
            event = _event(given, f"{path}, event {number}", events[-1] if events else None)
        except KeptFileError as error:
            if left_out is None or not events:
                raise
            seconds = min(seconds, events[-1][0])
            left_out(f"{error}; the take ends before it, at {seconds:.1f} s")
            break
        events.append(event)
    return Take(tuple(events), seconds)


def _event(given: object, where: str, before: tuple[float, Moment] | None) -> tuple[float, Moment]:
    if not isinstance(given, dict):
        raise KeptFileError(f"{where} is no object")
    rest = {name: value for name, value in given.items() if name not in ("at", "model", "digest")}
    at = given.get("at")
    last = 0.0 if before is None else before[0]
    if isinstance(at, bool) or not isinstance(at, int | float) or not last <= at <= MOST_SECONDS:
        raise KeptFileError(f"{where}: at is no time after the event before")
    model, digest = given.get("model", before and before[1].model), given.get("digest", "")
    if not isinstance(model, str) or not model or not isinstance(digest, str):
        raise KeptFileError(f"{where} has no model")
    check_fields({"model": model, "digest": digest}, {"model": (str,), "digest": (str,)}, where)
    if "model" not in given and before is not None:
        digest = before[1].digest
    request = request_of(rest, where, None if before is None else before[1].request)
    return float(at), Moment(request, model, digest)
