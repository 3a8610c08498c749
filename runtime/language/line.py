"""The line that a film runs along: a request and the axis it moves on."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal, Self

from runtime.errors import RequestError
from runtime.language.expression import Morph, parse
from runtime.language.terms import Sum, format_sum
from runtime.request import Request

Axis = Literal["t", "u"]

DIVISIONS = 400
"""of a line: the note's film, in which one keypress is 1/400 of the way"""
TICKS = 4000
"""of a line: the finest moves along it"""

_FROM_TO = re.compile(
    r"(?:from )?(?P<first>[\w' -]+?)(?: (?:to|into|turns into|turning into|becomes|vs)|[,;:/=&~]) ?"
    r"(?P<last>[\w' -]+)"
)


@dataclass(frozen=True, slots=True)
class Line:
    """All requests that differ from ``request`` at most in their place on ``axis``."""

    request: Request
    axis: Axis

    @classmethod
    def through(cls, request: Request) -> Self:
        """Return the line to travel: on t for ``a -> b``, on u for ``a | from .. to`` alone.

        Raises:
            ExpressionError: the expression cannot be read.
            RequestError: nothing in it moves.
        """
        expression = parse(request.expression)
        if expression.moves:
            return cls(request, "t")
        if expression.has_axis:
            return cls(request, "u")
        raise RequestError(stands_still(request.expression))

    @property
    def place(self) -> float:
        """Where on the axis the request stands, 0 to 1."""
        return self.request.t if self.axis == "t" else self.request.u

    @property
    def start(self) -> Line:
        """The same line from its beginning: equal for all requests of one line."""
        return replace(self, request=self.at(0.0))

    def at(self, place: float) -> Request:
        """Return the request at ``place`` in [0, 1] on the axis, the other axis as it was."""
        if self.axis == "t":
            return self.request.at(place)
        return self.request.at(self.request.t, place)

    @property
    def stations(self) -> tuple[tuple[float, str], ...]:
        """The places strictly between the ends where a chain's way turns, and what stands there."""
        if self.axis == "u":
            return ()
        morphs = parse(self.request.expression).morphs
        turns = {k / (len(m.stations) - 1) for m in morphs for k in range(1, len(m.stations) - 1)}
        return tuple((place, self.label(place)) for place in sorted(turns))

    def label(self, place: float) -> str:
        """Return what stands at ``place`` in [0, 1], in the expression's own words.

        On t: a station's words, or the fraction of the way between two. On u: the weight and the
        phrase (``−2/7 tabby``, ``0``); between different phrases, the fraction of the way.
        """
        parsed = parse(self.request.expression)
        if self.axis == "t":
            texts = [_on_t(m, place) for m in parsed.morphs if len(m.stations) > 1]
        else:
            texts = [_on_u(m.axis.start, m.axis.end, place) for m in parsed.morphs if m.axis]
        return ", ".join(dict.fromkeys(texts))


def stands_still(expression: str) -> str:
    """Return what to say of an expression in which nothing moves, with the morph it may have meant.

    Raises:
        ExpressionError: it cannot be read.
    """
    parsed = parse(expression)
    words = _FROM_TO.fullmatch(str(parsed).strip('"')) if parsed.whole else None
    meant = f"{words['first']} -> {words['last']}" if words else "cat -> kitten"
    return f"nothing moves in {expression!r}: write a morph such as {meant!r}"


def _on_t(morph: Morph, place: float) -> str:
    along = place * (len(morph.stations) - 1)
    nearest = round(along)
    if abs(along - nearest) < 1e-9:
        return format_sum(morph.stations[nearest])
    return _number(along - int(along))


def _on_u(start: Sum, end: Sum, place: float) -> str:
    if len(start) == len(end) == 1 and start[0].phrase == end[0].phrase:
        weight = (1 - place) * start[0].weight + place * end[0].weight
        if abs(weight) < 1e-9:
            return "0"
        size = "" if abs(abs(weight) - 1) < 1e-9 else f"{_number(abs(weight))} "
        return f"{'−' if weight < 0 else '+'}{size}{start[0].phrase}"
    if place in (0.0, 1.0):
        return format_sum(start if place == 0.0 else end)
    return _number(place)


def _number(value: float) -> str:
    fraction = Fraction(value).limit_denominator(64)
    return str(fraction) if abs(float(fraction) - value) < 1e-9 else f"{value:.3g}"
