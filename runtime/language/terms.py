"""Weighted phrases: sums, the arithmetic that makes them, and their text."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from runtime.language.foreign import ARROWS, CURLY, DASHES

MAX_WEIGHT = 1e30
"""Beyond this a float32 mix overflows."""


@dataclass(frozen=True, slots=True)
class Term:
    """A finite ``weight`` times a ``phrase``, which is plain text for the encoder."""

    weight: float
    phrase: str

    def __str__(self) -> str:
        """Return ``phrase``, ``-phrase`` or ``weight*phrase``."""
        sign = "-" if self.weight < 0 else ""
        return f"{sign}{_magnitude(self)}"


Sum = tuple[Term, ...]
"""A linear combination of phrases, at least one term, in the order they were typed."""


def format_sum(terms: Sum) -> str:
    """Return the canonical text of a sum, e.g. ``cat - 3/7*tabby``."""
    text = str(terms[0])
    for term in terms[1:]:
        text += f" {'-' if term.weight < 0 else '+'} {_magnitude(term)}"
    return text


def format_weight(weight: float) -> str:
    """Return the shortest of decimal and small fraction that reads back as the same float."""
    decimal = repr(weight).removesuffix(".0")
    fraction = Fraction(weight).limit_denominator(999)
    p, q = fraction.numerator, fraction.denominator
    if len(decimal) > 6 and q > 1 and p / q == weight:
        return f"{p}/{q}"
    return decimal


def quote(phrase: str) -> str:
    """Return a phrase as the language reads it back: bare where it can be, else quoted."""
    if _BARE.fullmatch(phrase):
        return phrase
    return '"' + phrase.replace("\\", "\\\\").replace('"', '\\"') + '"'


def escape(text: str) -> str:
    """Return literal text with a backslash before everything that would be an operator."""
    return _OPERATOR.sub(r"\\\g<0>", text)


def unescape(text: str) -> str:
    """Drop the backslash before punctuation; before anything else it is a backslash."""
    return re.sub(r"\\([^\w\s])", r"\1", text)


_BARE = re.compile(
    r"(?![\s\S]* (?:AND|BREAK) )"
    r"[^\W\d](?:\w|[ ](?=[\w'])|[,;!?%&'](?!\w*\()|-(?=\w)|\.(?!\.))*"
)
_OPERATOR = re.compile(
    rf"[\\\[\]|*\"+<>({{}}=~→{ARROWS}{DASHES}{CURLY}]|(?<!\w)-|-(?!\w)|:(?=\s?-?\.?[0-9])"
)


def _magnitude(term: Term) -> str:
    weight = format_weight(abs(term.weight))
    return quote(term.phrase) if weight == "1" else f"{weight}*{quote(term.phrase)}"


class Fault(Exception):
    """A place that could be read but makes no sense."""

    def __init__(self, message: str, column: int) -> None:
        """Say what to do about the 0-based ``column``."""
        super().__init__(message)
        self.message = message
        self.column = column


@dataclass(frozen=True, slots=True)
class Value:
    """What a piece of arithmetic came to: a number, or a sum of phrases. Raises Fault."""

    column: int
    numbers: NDArray[np.float64]
    """the one number, or the weight of each phrase: an array, so that a thousand signs before a
    sum of hundreds of phrases are a thousand operations"""
    phrases: tuple[str, ...] | None = None
    """None for a number"""
    literal: str | None = None
    """the text of a lone number or phrase: no operator was applied yet"""
    tail: tuple[str, int] = ("", 0)
    """the bare words that the text of this value ends with, and the column after them"""

    @classmethod
    def number(cls, text: str, column: int) -> Value:
        """Read a number such as ``0.43`` or ``1e-3``."""
        return cls(column, _finite(np.array([float(text)]), column), literal=text)

    @classmethod
    def phrase(cls, phrase: str, column: int, literal: str) -> Value:
        """Take one phrase with weight 1."""
        tail = "" if literal.endswith('"') else literal
        phrases = (" ".join(phrase.split()),)
        return cls(column, np.ones(1), phrases, literal, (tail, column + len(literal)))

    def plain(self) -> Value:
        """Return the same value as arithmetic: its literal text no longer counts."""
        return Value(self.column, self.numbers, self.phrases)

    def plus(self, other: Value) -> Value:
        """Add two numbers, or two sums."""
        for number, phrase in ((self, other), (other, self)):
            if number.phrases is None and phrase.phrases is not None:
                raise Fault(
                    "a number cannot be added to a phrase: multiply it, as in 0.5*tabby, "
                    'or quote it, as in "2"',
                    number.column,
                )
        if self.phrases is None or other.phrases is None:
            return Value(self.column, _finite(self.numbers + other.numbers, self.column))
        weights = np.concatenate([self.numbers, other.numbers])
        return Value(self.column, weights, self.phrases + other.phrases)

    def times(self, other: Value, column: int) -> Value:
        """Multiply; one of the two is a number."""
        if self.phrases is not None and other.phrases is not None:
            raise Fault(
                "* needs a number on one side, as in 0.43*tabby or 3/7*tabby; "
                "quote a phrase that contains *",
                column,
            )
        if self.phrases is None:
            return other.scaled(lambda weights: weights * self.numbers, self.column, other.tail)
        return self.scaled(lambda weights: weights * other.numbers, self.column)

    def over(self, other: Value) -> Value:
        """Divide by a number."""
        if other.phrases is not None:
            raise Fault(
                "/ needs a number after it: write 3/7*tabby or tabby/4, or quote the phrase",
                other.column,
            )
        if other.numbers[0] == 0:
            raise Fault("division by zero: the weight is not finite", other.column)
        return self.scaled(lambda weights: weights / other.numbers, self.column)

    def scaled(
        self,
        scale: Callable[[NDArray[np.float64]], NDArray[np.float64]],
        column: int,
        tail: tuple[str, int] = ("", 0),
    ) -> Value:
        """Apply ``scale`` to the number, or to the weight of each phrase."""
        with np.errstate(over="ignore"):
            numbers = _finite(scale(self.numbers), column)
        return Value(column, numbers, self.phrases, tail=tail)

    def as_sum(self) -> Sum:
        """Return the terms; a lone number was a phrase after all, as in ``1 -> 2``."""
        if self.phrases is not None:
            weights = self.numbers.tolist()
            return tuple(Term(w, phrase) for w, phrase in zip(weights, self.phrases, strict=True))
        if self.literal is not None:
            return (Term(1.0, self.literal),)
        raise Fault("a weight without a phrase: write e.g. 3/7*tabby, or quote it", self.column)


def _finite(weights: NDArray[np.float64], column: int) -> NDArray[np.float64]:
    if not np.abs(weights).max() <= MAX_WEIGHT:
        raise Fault(
            f"this weight is not finite (over {MAX_WEIGHT:g}): use a number like 0.43 or 3/7",
            column,
        )
    return weights + 0.0  # -0.0 becomes 0.0
