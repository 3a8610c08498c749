"""The little language of morphs: text → ``Expression`` → canonical text.

::

    cat -> kitten -> tiger                        stations along t
    cat -> kitten | -3/7*tabby .. +3/7*tabby      a second axis u
    (cat + kitten)/2 - tabby/4                    sums are raw, not normalised
    a photo of a [cat -> kitten] on a sofa        a slot: only these words' rows change
    "rock + roll"    \\[                           quotes and backslashes take text literally
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from lark import Lark, Token, Transformer, v_args
from lark.exceptions import UnexpectedInput

from runtime.errors import ExpressionError
from runtime.language.foreign import refuse_foreign
from runtime.language.hints import QUOTED, check_text, explain, mask
from runtime.language.slashes import divided, refuse_percent, slash_in_text
from runtime.language.terms import Fault, Sum, Term, Value, escape, format_sum, quote, unescape

__all__ = ["AxisEnds", "Expression", "Morph", "Sum", "Term", "parse", "slot_expression"]

MAX_TEXT = 2000
"""Characters of an expression, as typed and as printed: several times what an encoder reads, and
parsed in tens of milliseconds whatever they are."""


@dataclass(frozen=True, slots=True)
class AxisEnds:
    """The second axis: u in [0, 1] adds ``(1-u)·start + u·end``."""

    start: Sum
    end: Sum


@dataclass(frozen=True, slots=True)
class Morph:
    """Stations equally spaced along t in [0, 1]; one station stands still."""

    stations: tuple[Sum, ...]
    axis: AxisEnds | None = None

    @property
    def first(self) -> Term:
        """The term that lays out the sentence: the first of the first station."""
        return self.stations[0][0]

    def sums(self) -> tuple[Sum, ...]:
        """Return every station, then the two ends of the axis where there is one."""
        return self.stations + (() if self.axis is None else (self.axis.start, self.axis.end))

    def weights_at(self, t: float, u: float) -> dict[str, float]:
        """Return phrase → weight of the sum that stands at (t, u), both in [0, 1]."""
        last = len(self.stations) - 1
        index = min(int(t * last), max(last - 1, 0))
        share = t * last - index
        parts = [(1 - share, self.stations[index])]
        if share > 0:
            parts.append((share, self.stations[index + 1]))
        if self.axis is not None:
            parts += [(1 - u, self.axis.start), (u, self.axis.end)]
        weights: dict[str, float] = {}
        for factor, terms in parts:
            for term in terms:
                weights[term.phrase] = weights.get(term.phrase, 0.0) + factor * term.weight
        return weights

    def __str__(self) -> str:
        """Return the canonical text, without brackets."""
        text = " -> ".join(format_sum(station) for station in self.stations)
        if self.axis is not None:
            text += f" | {format_sum(self.axis.start)} .. {format_sum(self.axis.end)}"
        return text


@dataclass(frozen=True, slots=True)
class Expression:
    """A parsed expression.

    ``whole``: ``morphs`` holds the one morph over entire prompts, and ``texts`` is empty.
    Otherwise a sentence: the n ``morphs`` stand between the n+1 pieces of literal ``texts``.
    """

    texts: tuple[str, ...]
    morphs: tuple[Morph, ...]
    whole: bool

    @property
    def moves(self) -> bool:
        """Whether t changes anything."""
        return any(len(morph.stations) > 1 for morph in self.morphs)

    @property
    def has_axis(self) -> bool:
        """Whether u changes anything."""
        return any(morph.axis is not None for morph in self.morphs)

    @property
    def is_still(self) -> bool:
        """Whether neither t nor u changes anything."""
        return not (self.moves or self.has_axis)

    @property
    def has_plane(self) -> bool:
        """Whether both do."""
        return self.moves and self.has_axis

    def __str__(self) -> str:
        """Return canonical text: parsing it gives an equal expression."""
        if self.whole:
            return str(self.morphs[0])
        pieces = [escape(self.texts[0])]
        for morph, text in zip(self.morphs, self.texts[1:], strict=True):
            # brackets around a lone word would read as another tool's notation
            bare = morph == Morph(((Term(1.0, morph.first.phrase),),))
            pieces += [f"[{'1*' if bare else ''}{morph}]", escape(text)]
        return "".join(pieces)


def parse(text: str) -> Expression:
    """Read an expression; a prompt without operators is a morph that stands still.

    Raises:
        ExpressionError: text outside the language, with the column of the place.
    """
    return _parse(text)


@lru_cache(maxsize=256)
def _parse(text: str) -> Expression:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        shown = text.encode(errors="replace").decode()
        raise ExpressionError("this character is not valid text", shown, error.start) from None
    if not text.strip():
        raise ExpressionError("nothing to draw: write e.g. cat -> kitten", "", 0)
    if len(text) > MAX_TEXT:
        raise ExpressionError(
            f"{len(text)} characters are too many: write at most {MAX_TEXT}", f"{text[:40]}…", 0
        )
    flat = re.sub(r"\s", " ", text)
    masked = mask(flat)
    refuse_foreign(flat, masked)
    try:
        start = "sentence" if "[" in masked or "]" in masked else "whole"
        parsed = _PARSER.parse(flat, start=start)
    except UnexpectedInput as error:
        raise explain(error, flat, masked) from None
    except Fault as fault:
        raise ExpressionError(fault.message, flat, fault.column) from None
    assert isinstance(parsed, Expression)
    length = len(str(parsed))
    if length > MAX_TEXT:  # 2*(cat + dog) is longer with its weights written out
        raise ExpressionError(
            f"written out, this has {length} characters: {MAX_TEXT} are the most",
            f"{text[:40]}…",
            0,
        )
    return parsed


def slot_expression(prompt: str, word: str, to: str) -> str:
    """Return the expression that turns ``word`` in a plain prompt into ``to``.

    ``slot_expression("a photo of a cat", "cat", "kitten")`` is ``a photo of a [cat -> kitten]``.
    The word is found whole and whatever its case; ``cat#2`` is its second occurrence. ``to`` is
    a phrase, a sum or a chain.

    Raises:
        ExpressionError: the word does not occur, or occurs more than once and no ``#n`` chooses;
            ``to`` cannot be read.
    """
    name, _, digits = word.rpartition("#")
    if not (name and digits.isdecimal()):
        name, digits = word, ""
    name = name.strip()
    if not name:
        raise ExpressionError("no word to change: write e.g. --word cat --to kitten", prompt, 0)
    found = list(re.finditer(rf"(?<!\w){re.escape(name)}(?!\w)", prompt, re.IGNORECASE))
    if not found:
        raise ExpressionError(f"the word {name!r} does not occur in the prompt", prompt, 0)
    if not digits and len(found) > 1:
        raise ExpressionError(
            f"the word {name!r} occurs {len(found)} times: "
            f"choose one, {name}#1 to {name}#{len(found)}",
            prompt,
            found[1].start(),
        )
    number = int(digits or 1)
    if not 1 <= number <= len(found):
        raise ExpressionError(
            f"there is no {name}#{number}: the word occurs {len(found)} times", prompt, 0
        )
    target = parse(to)
    if not target.whole or target.has_axis:
        raise ExpressionError("--to takes a phrase, a sum or a chain", to, 0)
    start, end = found[number - 1].span()
    slot = f"[{quote(prompt[start:end])} -> {target}]"
    return f"{escape(prompt[:start])}{slot}{escape(prompt[end:])}"


@v_args(inline=True)
class _Builder(Transformer[Token, Expression]):
    """Evaluate the arithmetic bottom-up, so parentheses distribute over sums."""

    def number(self, token: Token) -> Value:
        return Value.number(str(token), _column(token))

    def phrase(self, token: Token) -> Value:
        text, column = str(token), _column(token)
        if QUOTED.fullmatch(text):
            return Value.phrase(unescape(text[1:-1]), column, text)
        return Value.phrase(unescape(_checked(text, column, in_slot=True)), column, text)

    def group(self, _open: Token, value: Value, _close: Token) -> Value:
        return divided(value).plain()

    def negate(self, sign: Token, value: Value) -> Value:
        return _signed(sign, divided(value))

    def add(self, left: Value, sign: Token, right: Value) -> Value:
        for value in (left, right):
            refuse_percent(value)
        return divided(left).plus(_signed(sign, divided(right)))

    def multiply(self, left: Value, sign: Token, right: Value) -> Value:
        return divided(left).times(divided(right), _column(sign))

    def divide(self, left: Value, sign: Token, right: Value) -> Value:
        text = slash_in_text(left, _column(sign), right)
        return divided(left).over(divided(right)) if text is None else text

    def chain(self, *stations: Value) -> tuple[Value, ...]:
        return stations

    def axis(self, start: Value, end: Value) -> AxisEnds:
        return AxisEnds(start.as_sum(), end.as_sum())

    def morph(self, stations: tuple[Value, ...], axis: AxisEnds | None) -> tuple[Morph, bool]:
        plain = axis is None and len(stations) == 1 and stations[0].literal is not None
        return Morph(tuple(station.as_sum() for station in stations), axis), plain

    def whole(self, morph: tuple[Morph, bool]) -> Expression:
        return Expression((), (morph[0],), whole=True)

    def text(self, token: Token) -> str:
        return unescape(_checked(str(token), _column(token), in_slot=False))

    def slot(self, opening: Token, morph: tuple[Morph, bool], _close: Token) -> Morph:
        if morph[1]:
            phrase = morph[0].first.phrase
            word = quote(phrase)
            raise Fault(
                f"brackets hold a morph here: write [{word} -> kitten] to change the word, "
                f"[0.9*{word}] to weaken it as other tools do, or \\[{phrase}\\] for the text",
                _column(opening),
            )
        return morph[0]

    def sentence(self, *parts: str | Morph) -> Expression:
        texts, morphs = [""], []
        for part in parts:
            if isinstance(part, Morph):
                morphs.append(part)
                texts.append("")
            else:
                texts[-1] = re.sub(r"\s+", " ", part)
        texts[0], texts[-1] = texts[0].lstrip(), texts[-1].rstrip()
        return Expression(tuple(texts), tuple(morphs), whole=False)


def _signed(sign: Token, value: Value) -> Value:
    factor = -1.0 if sign == "-" else 1.0
    return value.scaled(lambda weights: weights * factor, value.column, value.tail)


def _checked(text: str, column: int, *, in_slot: bool) -> str:
    problem = check_text(mask(text), in_slot=in_slot)
    if problem is not None:
        raise Fault(problem[0], column + problem[1])
    return text


def _column(token: Token) -> int:
    assert token.start_pos is not None
    return token.start_pos


_PARSER = Lark.open(
    "expression.lark",
    rel_to=__file__,
    parser="lalr",
    start=["whole", "sentence"],
    maybe_placeholders=True,
    transformer=_Builder(),
)
