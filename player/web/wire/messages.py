"""What a client may say, read with bounds: whatever is not one of these ends the connection."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from runtime.errors import MorphError
from runtime.language.expression import MAX_TEXT
from runtime.request import Request

MAX_BYTES = 16_384
"""of one message; an expression has at most ``MAX_TEXT`` characters"""
MAX_FORGOTTEN = 512
"""pictures named in one ``forget`` or ``have``"""
_WHOLE = 2**53 - 1
_FIELDS = frozenset(Request.__dataclass_fields__)


class WireError(MorphError):
    """A message that no client of ours sends."""


@dataclass(frozen=True, slots=True)
class Ack:
    """Message ``seq`` was received; a picture, once it is decoded."""

    seq: int


@dataclass(frozen=True, slots=True)
class Move:
    """Stand at tick (x, y): x along the bar, y across it; on the way to tick ``ahead``, where the
    client will be when a picture asked for now is there. ``by_itself``: playing led there, no hand.
    """

    n: int
    x: int
    y: int
    ahead: tuple[int, int] | None = None
    by_itself: bool = False


@dataclass(frozen=True, slots=True)
class Act:
    """Do an action of the table."""

    n: int
    name: str
    value: float | None


@dataclass(frozen=True, slots=True)
class ChangeRequest:
    """Play another request; ``fields`` are those of ``Request`` that are to change."""

    n: int
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Ask:
    """Send one picture, whatever is played."""

    n: int
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class AskTokens:
    """Check a request, and send the tokens that its plan is made from."""

    n: int
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Forget:
    """These pictures were dropped from the client's cache."""

    seqs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Have:
    """These pictures are in the client's cache since an earlier connection."""

    fields: Mapping[str, Any]
    """of their request, but for the position"""
    places: tuple[tuple[int, float, float], ...]
    """of each the message it came in, t and u"""


@dataclass(frozen=True, slots=True)
class Control:
    """Ask to perform, or no longer; ``to`` hands over to another viewer."""

    want: bool
    to: int | None = None


Message = Ack | Move | Act | ChangeRequest | Ask | AskTokens | Forget | Have | Control


def read(text: str) -> Message:
    """Read a message.

    Raises:
        WireError: it is none. What ``Request`` itself refuses passes here.
    """
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        raise WireError("no JSON") from None
    if not isinstance(data, dict):
        raise WireError("no object")
    kind = data.get("do")
    if kind == "ack":
        return Ack(_whole(data, "seq"))
    if kind == "move":
        n, x, y, ahead = _whole(data, "n"), _whole(data, "x"), _whole(data, "y"), data.get("ahead")
        if ahead is None:
            return Move(n, x, y, by_itself=data.get("by_itself") is True)
        if not isinstance(ahead, list) or len(ahead) != 2:
            raise WireError("no place")
        return Move(n, x, y, (_checked(ahead[0]), _checked(ahead[1])))
    if kind == "act":
        name, value = data.get("name"), data.get("value")
        if not isinstance(name, str) or len(name) > 64:
            raise WireError("no name")
        return Act(_whole(data, "n"), name, None if value is None else _number(value))
    if kind == "change":
        return ChangeRequest(_whole(data, "n"), _fields(data.get("request")))
    if kind in ("ask", "tokens"):
        n, fields = _whole(data, "n"), _fields(data.get("request"))
        if "expression" not in fields:
            raise WireError("no expression")
        return Ask(n, fields) if kind == "ask" else AskTokens(n, fields)
    if kind == "forget":
        seqs = data.get("seqs")
        if not isinstance(seqs, list) or len(seqs) > MAX_FORGOTTEN:
            raise WireError("no list of pictures")
        return Forget(tuple(_checked(seq) for seq in seqs))
    if kind == "have":
        fields, places = _fields(data.get("request")), data.get("places")
        if "expression" not in fields or not fields.keys().isdisjoint(("t", "u")):
            raise WireError("no request without a position")
        if len(fields["expression"]) > MAX_TEXT:  # it would be kept, and nobody parses it
            raise WireError("no expression")
        if not isinstance(places, list) or len(places) > MAX_FORGOTTEN:
            raise WireError("no list of pictures")
        return Have(fields, tuple(_place(place) for place in places))
    if kind == "control":
        want, to = data.get("want"), data.get("to")
        if not isinstance(want, bool):
            raise WireError("no wish")
        return Control(want, None if to is None else _checked(to))
    raise WireError("no message")


def _whole(data: Mapping[str, Any], name: str) -> int:
    return _checked(data.get(name))


def _checked(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _WHOLE:
        raise WireError("no whole number")
    return value


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > _WHOLE:
        raise WireError("no number")
    if not math.isfinite(value):
        raise WireError("no finite number")
    return float(value)


def _place(given: object) -> tuple[int, float, float]:
    if not isinstance(given, list) or len(given) != 3:
        raise WireError("no place")
    return _checked(given[0]), _number(given[1]), _number(given[2])


def _fields(given: object) -> dict[str, Any]:
    """Return fields of ``Request`` of the right types; their ranges are ``Request``'s to check."""
    if not isinstance(given, dict) or not given or not set(given) <= _FIELDS:
        raise WireError("no request")
    fields: dict[str, Any] = {}
    for name, value in given.items():
        if name == "expression":
            if not isinstance(value, str) or re.search("[\ud800-\udfff]", value):
                raise WireError("no expression")
            fields[name] = value
        elif name in ("t", "u"):
            fields[name] = _number(value)
        elif name == "edit_row" and value is None:
            fields[name] = None
        elif name in ("seed", "steps", "edit_row"):
            fields[name] = _checked(value)
        elif isinstance(value, str) and len(value) <= 16:
            fields[name] = value
        else:
            raise WireError("no setting")
    return fields
