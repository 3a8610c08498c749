"""``| -?*tabby .. +?*tabby``: a second axis whose two ends are yet to be found."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from runtime.errors import ExpressionError
from runtime.language.expression import AxisEnds, Expression, Morph, parse
from runtime.language.hints import HOLE, mask
from runtime.language.terms import Sum, Term, format_sum, format_weight, quote

_MARK = "\ue000"
WRITTEN = "a range that is to be found is written -?*tabby .. +?*tabby"


@dataclass(frozen=True, slots=True)
class OpenAxis:
    """An expression with two holes where the weights of a second axis will stand."""

    text: str
    holes: tuple[int, int]
    """columns of the two question marks"""
    direction: Sum
    """what a weight of 1 adds"""
    falling: bool
    """whether the ``+`` end was written first"""

    def close(self, low: float, high: float) -> str:
        """Return the expression with the axis running from weight ``low`` to ``high``.

        ``low`` <= 0 <= ``high``; both are written to five digits.
        """
        first, second = (high, -low) if self.falling else (-low, high)
        a, b = self.holes
        return (
            f"{self.text[:a]}{_digits(first)}{self.text[a + 1 : b]}"
            f"{_digits(second)}{self.text[b + 1 :]}"
        )

    @property
    def name(self) -> str:
        """The words of the axis, e.g. ``tabby``."""
        return format_sum(self.direction)


def open_axis(text: str) -> OpenAxis | None:
    """Return the open axis of an expression; None if it has no hole.

    Raises:
        ExpressionError: a hole that is no end of such an axis, or text outside the language.
    """
    flat = re.sub(r"\s", " ", text)
    found = [match.start() for match in HOLE.finditer(mask(flat))]
    if not found:
        return None
    fault = ExpressionError(WRITTEN, flat, found[0])
    if len(found) != 2:
        raise fault
    try:
        once, twice = (parse(_filled(flat, found, digit)) for digit in "12")
    except ExpressionError as error:  # shown as it was typed, with the holes in it
        raise ExpressionError(str(error), flat, error.column) from None
    changed = [(a, b) for a, b in zip(once.morphs, twice.morphs, strict=True) if a.axis != b.axis]
    if len(changed) != 1 or any(
        a.stations != b.stations for a, b in zip(once.morphs, twice.morphs, strict=True)
    ):
        raise fault
    one, two = changed[0][0].axis, changed[0][1].axis
    assert one is not None
    assert two is not None
    ends = (one.start, one.end)
    if two != AxisEnds(*(_times(end, 2.0) for end in ends)) or _times(one.start, -1.0) != one.end:
        raise fault
    falling = flat[: found[0]].rstrip()[-1:] != "-"
    return OpenAxis(flat, (found[0], found[1]), one.start if falling else one.end, falling)


def with_axis(text: str, axis: str) -> str:
    """Return ``text`` with the open axis ``-?*axis .. +?*axis`` in its one slot, or at its end.

    Raises:
        ExpressionError: either cannot be read, ``text`` has an axis or several slots already, or
            ``axis`` is no phrase or sum.
    """
    base, along = parse(text), parse(axis)
    if not (along.whole and along.is_still):
        raise ExpressionError("an axis is a phrase or a sum, such as tabby", axis, 0)
    if base.has_axis:
        raise ExpressionError(f"there is an axis already: {WRITTEN}", text, text.find("|"))
    added = f" | -?*{_factor(along)} .. +?*{_factor(along)}"
    if base.whole:
        return text + added
    if len(base.morphs) > 1:
        raise ExpressionError(
            "several slots: write the axis into the one it is for, as in "
            "[cat | -?*tabby .. +?*tabby]",
            text,
            text.find("["),
        )
    masked = mask(text)
    close = masked.rindex("]")
    return text[:close] + added + text[close:]


def reopened(text: str) -> str:
    """Return an expression whose second axis has numbers with holes in their place.

    Raises:
        ExpressionError: no axis, several, or one whose ends do not lie on one line through 0.
    """
    expression = parse(text)
    axes = [morph.axis for morph in expression.morphs if morph.axis is not None]
    if len(axes) != 1:
        raise ExpressionError(f"one second axis is needed here: {WRITTEN}", text, 0)
    start, end = axes[0].start, axes[0].end
    whole = end if any(term.weight for term in end) else _times(start, -1.0)
    largest = max(abs(term.weight) for term in whole)
    if largest == 0 or not _opposite(start, whole):
        raise ExpressionError(
            "the ends of this axis are different things: a range needs one, as in "
            "-1/2*tabby .. +tabby",
            text,
            text.find("|"),
        )
    unit = _times(whole, 1 / largest)
    mark = (Term(1.0, _MARK),)
    marked = tuple(
        morph if morph.axis is None else Morph(morph.stations, AxisEnds(_times(mark, -1.0), mark))
        for morph in expression.morphs
    )
    shown = str(Expression(expression.texts, marked, expression.whole))
    name = quote(_MARK)
    return shown.replace(f"-{name} .. {name}", f"-?*{_product(unit)} .. +?*{_product(unit)}")


def _opposite(start: Sum, end: Sum) -> bool:
    """Whether ``start`` is ``end`` times a number that is not positive."""
    if [term.phrase for term in start] != [term.phrase for term in end]:
        return not any(term.weight for term in start)
    ratios = {round(a.weight / b.weight, 9) for a, b in zip(start, end, strict=True) if b.weight}
    return len(ratios) == 1 and max(ratios) <= 0


def _factor(along: Expression) -> str:
    return _product(along.morphs[0].stations[0])


def _product(terms: Sum) -> str:
    if len(terms) == 1 and terms[0].weight == 1:
        return quote(terms[0].phrase)
    return f"({format_sum(terms)})"


def _filled(text: str, holes: list[int], digit: str) -> str:
    return "".join(digit if i in holes else letter for i, letter in enumerate(text))


def _times(terms: Sum, factor: float) -> Sum:
    return tuple(Term(term.weight * factor + 0.0, term.phrase) for term in terms)


def _digits(weight: float) -> str:
    if not (math.isfinite(weight) and weight >= 0):
        raise ValueError(f"an axis runs from a weight <= 0 to one >= 0, not {weight}")
    return format_weight(round(weight, 5))
