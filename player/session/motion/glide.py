"""A glide from one request to another, through positions or through the words themselves."""

from __future__ import annotations

from dataclasses import dataclass, replace

from runtime.language.expression import Expression, Morph, parse
from runtime.language.terms import Term
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

    Within one expression it is the straight line of positions. Between two whole prompts, or two
    sentences that differ within their slots alone, it is a morph of its own, from the sums of words
    that ``start`` stands at to those of ``target``; seed and settings stay those of ``start`` until
    it has arrived, and so do the rows of a sentence outside its slots, which have heard its words.
    """
    if start.expression == target.expression:
        return Glide(start, start.at(target.t, target.u), target, seconds)
    here, there = _standing(start), _standing(target)
    if here is None or there is None:
        return None
    if (here.texts, len(here.morphs)) != (there.texts, len(there.morphs)):
        return None
    morphs = tuple(
        Morph(tuple(dict.fromkeys(a.stations + b.stations)))
        for a, b in zip(here.morphs, there.morphs, strict=True)
    )
    words = str(Expression(here.texts, morphs, here.whole))
    first = replace(start, expression=str(parse(words)), t=0.0, u=0.5)
    return Glide(first, first.at(1.0), target, seconds)


def _standing(request: Request) -> Expression | None:
    """Return the expression of the sums that a request stands at; None where it turns, or a sum is
    nothing."""
    if request.interp != "lerp":
        return None
    parsed = parse(request.expression)
    morphs = []
    for morph in parsed.morphs:
        weights = morph.weights_at(request.t, request.u)
        layout = morph.first.phrase
        terms = [Term(weight, phrase) for phrase, weight in weights.items() if weight]
        if not terms:
            return None
        if not parsed.whole and terms[0].phrase != layout:  # it lays out the sentence
            terms = [
                Term(weights.get(layout, 0.0), layout),
                *(t for t in terms if t.phrase != layout),
            ]
        morphs.append(Morph((tuple(terms),)))
    return Expression(parsed.texts, tuple(morphs), parsed.whole)
