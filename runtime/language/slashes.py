"""What ``/`` and ``%`` mean after words: a division, or text such as f/1.8, 24/7 and 50 %."""

from __future__ import annotations

import re

from runtime.language.terms import Fault, Value

_SLASHED = re.compile(r"[^\"][\s\S]*/[0-9.]")
_PERCENT = re.compile(r"(?P<number>[0-9]+(?:\.[0-9]+)?)\s*%\s*(?=\S)")


def slash_in_text(left: Value, column: int, right: Value) -> Value | None:
    """Return the phrase that ``left/right`` is, or None where it is a division.

    A slash between spaces, or after a number, a group or quotes, divides, and so it does after one
    word: ``tabby/4``. After a single letter or a word with digits in it (``f/1.8``, ``open 24/7``)
    it is text.

    Raises:
        Fault: after several words without spaces it could be either, as in ``new york/2``.
    """
    words, end = left.tail
    if not words or end != column or right.column != column + 1:
        return None
    last = words.split()[-1]
    odd = len(last) == 1 or any(character.isdigit() for character in last)
    if odd and left.literal is not None and right.literal is not None and right.phrases is None:
        text = f"{left.phrases[0]}/{right.literal}" if left.phrases else ""
        return Value.phrase(text, left.column, f"{words}/{right.literal}")
    if odd or last != words:
        raise Fault(
            "this / could divide or be text: put spaces around it to divide, "
            f'or quote the text, as in "{words}/4"',
            column,
        )
    return None


def divided(value: Value) -> Value:
    """Return an operand of arithmetic.

    Raises:
        Fault: its text ends in a slash and a number, which might have been meant to divide.
    """
    if value.phrases is not None and value.literal and _SLASHED.match(value.literal):
        raise Fault(
            f'this / was read as text: quote it, as in "{value.phrases[0]}", '
            "or put spaces around / to divide",
            value.column + value.literal.rindex("/"),
        )
    return value


def refuse_percent(value: Value) -> None:
    """Stop ``50% cat`` in a sum.

    Raises:
        Fault: at the number.
    """
    found = _PERCENT.match(value.literal) if value.phrases is not None and value.literal else None
    if found:
        weight = float(found["number"]) / 100
        raise Fault(
            f"weights are numbers before *: write {weight:g}*cat, or quote the phrase",
            value.column,
        )
