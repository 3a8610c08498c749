"""Weights over a basis of prompts: every edit is a ``[K, T]`` array.

Let A be the sentence with the first term of each slot: A gives the layout. Each term j of a slot
stands for a whole sentence B_j, with that term in the slot's place and every other slot at its
first term. With the slot's coefficients c_j(t, u), the conditioning is ::

    E[r] = A[r] + Σ_slots ( Σ_j c_j(t, u) · B_j[map_j(r)] - A[r] )      for the rows r it edits

- Sums are raw: nothing is normalised.
- t runs piecewise linearly (or spherically) between equally spaced stations; the second axis is
  always added linearly, (1-u)·start + u·end.
- ``edit="word"`` edits the slot's own token rows in A, ``"tail"`` those and every row after them,
  EOS and padding included; ``runtime.mixing.slots.align`` is the rule for unequal token counts.
  ``"all"`` edits rows 1 to T-1 with map_j(r) = r, so that the end of a slot is exactly B_j.
- A whole-prompt expression is a slot over the entire prompt: rows 1 to T-1, map_j(r) = r.
- ``edit_row=N`` restricts the edit to row N, with map_j(r) = r.
- Row 0, BOS, has weight 1 on A and is never changed.
- A pooled vector (SDXL) follows the same coefficients, linearly; under ``edit_row=N`` it stays A's.
"""

from __future__ import annotations

import weakref
from dataclasses import dataclass, field
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from runtime.errors import RequestError
from runtime.language.expression import Expression, Morph, Sum
from runtime.mixing.slerp import Doubles, row_angles, slerp_weights
from runtime.mixing.slots import Indices, Sentence, align, edited_rows, fill, slot_rows
from runtime.mixing.tokens import Tokenizer, Tokens
from runtime.request import EditScope, Interp

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Edit:
    """Rows of the layout that one term of one slot edits, and where their values come from."""

    slot: int
    """index of the slot in the expression, 0 for a whole prompt"""
    phrase: str
    entry: int
    """index k of the basis entry"""
    rows: tuple[int, ...]
    """rows of A, ascending"""
    sources: tuple[int, ...]
    """the row of the entry's prompt that answers to each of ``rows``"""


@dataclass(frozen=True, slots=True)
class _Slot:
    """A morph as numbers: coefficients over the K entries."""

    rows: Indices
    stations: Doubles  # [n, K]
    start: Doubles  # [K], zero without a second axis
    end: Doubles  # [K]

    def segment(self, t: float) -> tuple[int, int, float]:
        """Return the two stations around t and the place between them in [0, 1]."""
        last = len(self.stations) - 1
        place = t * last
        index = min(int(place), max(last - 1, 0))
        return index, min(index + 1, last), place - index

    def across(self, u: float) -> Doubles:
        """Return what the second axis adds, [K]."""
        added: Doubles = (1.0 - u) * self.start + u * self.end
        return added

    def linear(self, t: float, u: float) -> Doubles:
        """Return the coefficients at a position, [K]."""
        here, there, place = self.segment(t)
        between: Doubles = (1.0 - place) * self.stations[here] + place * self.stations[there]
        return between + self.across(u)

    def spherical(self, t: float, u: float, angles: Doubles) -> Doubles:
        """Return the coefficients for each edited row, [K, R], from the segment's ``angles``."""
        here, there, place = self.segment(t)
        a, b = slerp_weights(angles, place)
        between: Doubles = np.outer(self.stations[here], a) + np.outer(self.stations[there], b)
        return between + self.across(u)[:, None]

    def angles(self, t: float, basis: Floats) -> Doubles:
        """Return the angle between the two stations around t for each edited row, [R]."""
        here, there, _ = self.segment(t)
        a, b = self.stations[here], self.stations[there]
        used = np.flatnonzero((a != 0) | (b != 0))
        rows = basis[np.ix_(used, self.rows)].astype(np.float64)
        return row_angles(np.tensordot(a[used], rows, 1), np.tensordot(b[used], rows, 1))


class _Angles:
    """The angles of one basis: they do not depend on the position, and are slow to take."""

    def __init__(self) -> None:
        self._basis: weakref.ref[Floats] | None = None
        self._known: dict[tuple[int, int], Doubles] = {}

    def of(self, slots: tuple[_Slot, ...], index: int, t: float, basis: Floats) -> Doubles:
        if self._basis is None or self._basis() is not basis:
            self._basis, self._known = weakref.ref(basis), {}
        key = (index, slots[index].segment(t)[0])
        if key not in self._known:
            self._known[key] = slots[index].angles(t, basis)
        return self._known[key]


@dataclass(frozen=True, eq=False)
class Plan:
    """An expression resolved to K basis entries and their weights."""

    expression: Expression
    interp: Interp
    tokens: tuple[Tokens, ...]
    """each entry's tokens; entry 0 is A, the layout"""
    row_map: Indices
    """[K, T]: basis row r of entry k is row ``row_map[k, r]`` of that prompt's embedding"""
    edited: tuple[Edit, ...]
    pooled_follows: bool
    """whether the pooled vector is edited (not under ``edit_row=N``)"""
    _slots: tuple[_Slot, ...] = field(repr=False)
    _angles: _Angles = field(default_factory=_Angles, repr=False)

    @property
    def prompts(self) -> tuple[str, ...]:
        """The K prompts to encode; one may stand twice, with different rows."""
        return tuple(tokens.prompt for tokens in self.tokens)

    def weights(self, t: float, u: float, basis: Floats | None = None) -> Floats:
        """Return float32 [K, T] for t, u in [0, 1].

        ``basis`` float32 [K, T, D], gathered by ``row_map``, is read by slerp only; it must not
        be changed in place between calls.
        """
        weights = np.zeros(self.row_map.shape)
        weights[0] = 1.0
        for index, slot in enumerate(self._slots):
            weights[0, slot.rows] -= 1.0
            if self.interp == "lerp":
                weights[:, slot.rows] += slot.linear(t, u)[:, None]
            elif basis is None:
                raise ValueError("slerp needs the basis")
            else:
                angles = self._angles.of(self._slots, index, t, basis)
                weights[:, slot.rows] += slot.spherical(t, u, angles)
        return weights.astype(np.float32)

    def pooled_weights(self, t: float, u: float) -> Floats:
        """Return float32 [K] for the pooled vectors: linear under slerp too."""
        weights = np.zeros(len(self.tokens))
        weights[0] = 1.0
        if self.pooled_follows:
            for slot in self._slots:
                weights[0] -= 1.0
                weights += slot.linear(t, u)
        return weights.astype(np.float32)

    def coefficients(self, t: float, u: float) -> tuple[Floats, ...]:
        """Return each slot's c_j as float32 [K] over the entries, by lerp."""
        return tuple(slot.linear(t, u).astype(np.float32) for slot in self._slots)

    def extrapolates(self, t: float, u: float) -> bool:
        """Whether some coefficient leaves [0, 1]: allowed, and worth showing."""
        return any(
            bool(((slot.linear(t, u) < 0.0) | (slot.linear(t, u) > 1.0)).any())
            for slot in self._slots
        )


def plan(
    expression: Expression,
    tokenizer: Tokenizer,
    *,
    edit: EditScope = "word",
    edit_row: int | None = None,
    interp: Interp = "lerp",
) -> Plan:
    """Find the prompts, token rows and coefficients of an expression.

    Raises:
        RequestError: a prompt with too many tokens, a slot without tokens of its own, a row that
            does not exist, an unknown ``edit`` or ``interp``.
    """
    length = tokenizer.length
    if edit not in get_args(EditScope) or interp not in get_args(Interp):
        raise RequestError("use --edit word, tail or all, and --interp lerp or slerp")
    if edit_row is not None and not 1 <= edit_row < length:
        raise RequestError(
            f"row {edit_row} cannot be edited: use 1 to {length - 1}"
            + (" (row 0 is BOS)" if edit_row == 0 else "")
        )
    basis = _Basis(
        expression, tokenizer, "all" if expression.whole or edit_row is not None else edit
    )
    indices = [
        {phrase: basis.add(slot, phrase) for phrase in _phrases(morph)}
        for slot, morph in enumerate(expression.morphs)
    ]
    slots, edits = [], []
    for slot, (index, morph) in enumerate(zip(indices, expression.morphs, strict=True)):
        edited = basis.rows(slot) if edit_row is None else np.array([edit_row])
        slots.append(_compile(morph, index, edited, len(basis.entries)))
        where = tuple(edited.tolist())
        for phrase, entry in index.items():
            sources = tuple(basis.entries[entry][1][r] for r in where)
            edits.append(Edit(slot, phrase, entry, where, sources))
    return Plan(
        expression,
        interp,
        tuple(tokenizer.tokens(prompt) for prompt, _ in basis.entries),
        np.array([sources for _, sources in basis.entries], dtype=np.intp),
        tuple(edits),
        edit_row is None,
        tuple(slots),
    )


class _Basis:
    """The distinct (prompt, row map) entries; 0 is the layout A with its own rows."""

    def __init__(self, expression: Expression, tokenizer: Tokenizer, edit: EditScope) -> None:
        self._expression = expression
        self._tokenizer = tokenizer
        self._edit = edit
        self._first = [morph.first.phrase for morph in expression.morphs]
        self._layout = fill(expression, self._first)
        self._same = tuple(range(tokenizer.length))
        self.entries = [(self._layout.prompt, self._same)]

    def rows(self, slot: int) -> Indices:
        """Return the rows of the layout that a slot edits."""
        return edited_rows(self._edit, self._own(self._layout, slot), self._tokenizer.length)

    def add(self, slot: int, phrase: str) -> int:
        """Return the entry of the sentence with ``phrase`` in one slot."""
        phrases = list(self._first)
        phrases[slot] = phrase
        sentence = fill(self._expression, phrases)
        mapped = np.array(self._same)
        if self._edit != "all":
            rows = self.rows(slot)
            other = self._own(sentence, slot)
            mapped[rows] = align(self._own(self._layout, slot), other, len(mapped))[rows]
        entry = (sentence.prompt, tuple(mapped.tolist()))
        if entry not in self.entries:
            self.entries.append(entry)
        return self.entries.index(entry)

    def _own(self, sentence: Sentence, slot: int) -> range:
        if self._edit == "all":
            return range(0)
        return slot_rows(self._tokenizer, sentence, slot)


def _phrases(morph: Morph) -> tuple[str, ...]:
    """Return the distinct phrases of a morph in order."""
    return tuple(dict.fromkeys(term.phrase for terms in morph.sums() for term in terms))


def _compile(morph: Morph, index: dict[str, int], rows: Indices, entries: int) -> _Slot:
    def vector(terms: Sum) -> Doubles:
        coefficients = np.zeros(entries)
        for term in terms:
            coefficients[index[term.phrase]] += term.weight
        return coefficients

    axis = morph.axis
    return _Slot(
        rows,
        np.stack([vector(station) for station in morph.stations]),
        vector(() if axis is None else axis.start),
        vector(() if axis is None else axis.end),
    )
