"""The line that a film runs along, and the words that stand along it."""

from __future__ import annotations

from fractions import Fraction
from typing import Literal

from runtime.errors import RequestError
from runtime.language.expression import Morph, parse
from runtime.language.terms import Sum, format_sum
from runtime.request import Request

Axis = Literal["t", "u"]


def axis_of(request: Request) -> Axis:
    """Return the axis to travel: ``t`` for ``a -> b``, ``u`` for ``a | from .. to`` alone.

    Raises:
        ExpressionError: the expression cannot be read.
        RequestError: nothing in it moves.
    """
    expression = parse(request.expression)
    if expression.moves:
        return "t"
    if expression.has_axis:
        return "u"
    raise RequestError(
        f"nothing moves in {request.expression!r}: write a morph such as 'cat -> kitten'"
    )


def at(request: Request, axis: Axis, place: float) -> Request:
    """Return the request at ``place`` in [0, 1] on ``axis``, the other axis as it was."""
    return request.at(place) if axis == "t" else request.at(request.t, place)


def label(expression: str, axis: Axis, place: float) -> str:
    """Return what stands at ``place`` in [0, 1] on ``axis``, in the expression's own words.

    On t: a station's words, or the fraction of the way between two. On u: the weight and the
    phrase (``−2/7 tabby``, ``0``); between different phrases, the fraction of the way.
    """
    parsed = parse(expression)
    if axis == "t":
        texts = [_on_t(m, place) for m in parsed.morphs if len(m.stations) > 1]
    else:
        texts = [_on_u(m.axis.start, m.axis.end, place) for m in parsed.morphs if m.axis]
    return ", ".join(dict.fromkeys(texts))


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
