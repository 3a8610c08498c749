"""A glide from one request to another, through positions or through the words themselves."""

from __future__ import annotations

from dataclasses import dataclass, replace

from runtime.language.expression import parse
from runtime.language.terms import Sum, Term, format_sum
from runtime.request import Request


@dataclass(frozen=True, slots=True)
class Glide:
    """A line between two requests that differ in t and u alone, and what stands at its end."""

    start: Request
    end: Request
    target: Request
    """what is asked for when the glide is over"""
    seconds: float

    def at(self, seconds: float) -> Request:
        """Return the request ``seconds`` after the start."""
        share = min(max(seconds / self.seconds, 0.0), 1.0) if self.seconds else 1.0
        return self.start.at(
            self.start.t + (self.end.t - self.start.t) * share,
            self.start.u + (self.end.u - self.start.u) * share,
        )


def glide_between(start: Request, target: Request, seconds: float) -> Glide | None:
    """Return the way from one request to another, or None where there is none.

    Within one expression it is the straight line of positions. Between two without slots it is
    a morph of its own, from the sum of words that ``start`` stands at to that of ``target``; seed
    and settings stay those of ``start`` until it has arrived.
    """
    if start.expression == target.expression:
        return Glide(start, start.at(target.t, target.u), target, seconds)
    sums = sum_at(start), sum_at(target)
    if sums[0] is None or sums[1] is None:
        return None
    words = f"{format_sum(sums[0])} -> {format_sum(sums[1])}"
    first = replace(start, expression=str(parse(words)), t=0.0, u=0.5)
    return Glide(first, first.at(1.0), target, seconds)


def sum_at(request: Request) -> Sum | None:
    """Return the sum of phrases that a request stands at; None for slots, or where it turns."""
    parsed = parse(request.expression)
    if not parsed.whole or len(parsed.morphs) != 1 or request.interp != "lerp":
        return None
    (morph,) = parsed.morphs
    weights = morph.weights_at(request.t, request.u)
    return tuple(Term(weight, phrase) for phrase, weight in weights.items() if weight) or None
