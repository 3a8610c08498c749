"""Sentences with their slots filled in, and which rows answer to which between two of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from runtime.errors import RequestError
from runtime.language.expression import Expression
from runtime.mixing.tokens import Tokenizer, Tokens
from runtime.request import EditScope

Indices = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Sentence:
    """A prompt and the characters [start, end) of each slot's phrase in it."""

    prompt: str
    spans: tuple[tuple[int, int], ...]


def fill(expression: Expression, phrases: Sequence[str]) -> Sentence:
    """Put one phrase into each slot; a whole-prompt expression is one slot and no text."""
    if expression.whole:
        return Sentence(phrases[0], ((0, len(phrases[0])),))
    prompt, spans = expression.texts[0], []
    for phrase, text in zip(phrases, expression.texts[1:], strict=True):
        spans.append((len(prompt), len(prompt) + len(phrase)))
        prompt += phrase + text
    return Sentence(prompt, tuple(spans))


def slot_rows(tokenizer: Tokenizer, sentence: Sentence, slot: int) -> range:
    """Return the token rows of a slot's phrase.

    Raises:
        RequestError: the phrase has no token of its own: it is empty, or the tokenizer joins it
            with a neighbour.
    """
    tokens = tokenizer.tokens(sentence.prompt)
    start, end = sentence.spans[slot]
    rows = tokens.rows(start, end)
    if not rows:
        raise RequestError(
            f"the phrase {sentence.prompt[start:end]!r} makes no token, so no row can be edited: "
            "write a word in the slot, or use --edit all"
        )
    joined = [row for row in (rows[0], rows[-1]) if not _within(tokens, row, start, end)]
    if joined:
        raise RequestError(
            f"{sentence.prompt[start:end]!r} shares the token {tokens.texts[joined[0]]!r} with its "
            f"neighbour in {sentence.prompt!r}: put a space beside the bracket, put the whole word "
            "inside it, or use --edit all"
        )
    return rows


def _within(tokens: Tokens, row: int, start: int, end: int) -> bool:
    return start <= tokens.offsets[row][0] and tokens.offsets[row][1] <= end


def edited_rows(edit: EditScope, slot: range, length: int) -> Indices:
    """Return the rows of the layout that a slot edits, ascending; BOS (row 0) never."""
    if edit == "word":
        return np.arange(slot.start, slot.stop)
    return np.arange(slot.start if edit == "tail" else 1, length)


def align(layout: range, other: range, length: int) -> Indices:
    """Return for each row of the layout the row of the other prompt that answers to it, int [T].

    The written rule: CLIP is causal and only the last token of a word has seen all of it, so the
    slots are aligned at their ends. The layout's slot row i from the end takes the other's slot
    row i from the end; where the other has fewer its first row repeats, where it has more its
    leading rows are dropped. Rows after the slot follow shifted by the same amount, at most T-1.
    Rows before the slot stay.
    """
    row = np.arange(length)
    shifted = np.minimum(row + (other.stop - layout.stop), length - 1)
    mapped = np.where(row >= layout.stop, shifted, np.maximum(shifted, other.start))
    return np.where(row < layout.start, row, mapped)
