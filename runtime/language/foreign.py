"""The notations of other tools, and signs that only look like ours: each with what to write here.

Every pattern takes time linear in the text: repeats that may meet each other are possessive.
"""

from __future__ import annotations

import re

from runtime.errors import ExpressionError
from runtime.language.hints import HOLE

DASHES = "‒–—―−"
"""Characters that look like the sign ``-`` and are none."""
ARROWS = "⇒⟶⟹➔➙➜➝➞➡↦↣⇢⇨↔⇔←⇐"
"""Arrows other than ``→``, which reads as ``->``."""
CURLY = "“”„‟«»‘‚‹›"
"""Quotes that are not the straight double quote."""

_NUMBER = r"[-+]?(?:[0-9]++(?:\.[0-9]*+)?|\.[0-9]++)"
_FOREIGN: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), fix)
    for pattern, fix in (
        (
            r"\.(?:blend|and|swap)\s*+\(",
            "blends are written as sums here: 0.7*cat + 0.3*kitten, or cat -> kitten, "
            "or a [cat -> kitten] in a sentence",
        ),
        (
            r"<lora:[^<>]*+>",
            "a LoRA is fused when the model is built (wordmorph build --lora FILE)",
        ),
        (
            r"<-(?!>)",
            "a morph is written from left to right: cat -> kitten; \\< is the character",
        ),
        (
            r"<[^<>]*[^<>\-]>",
            "angle brackets are not used here: write the sum in a slot, as in "
            "a photo of a [cat + 3/7*tabby], or \\< for the character",
        ),
        (
            r"\[(?P<a>[^\[\]|:]*+)::\s*+" + _NUMBER + r"\s*+\]",
            "prompt editing by step is not used here: write [{a} -> 0*{a}] and move along t",
        ),
        (
            r"\[(?P<a>[^\[\]|:]*+):(?P<b>[^\[\]|:]*+):\s*+" + _NUMBER + r"[^\[\]]*+\]",
            "prompt editing by step is not used here: write [{a} -> {b}] and move along t",
        ),
        (
            r"\[(?P<a>[^\[\]|:]*+):\s*+" + _NUMBER + r"\s*+\]",
            "prompt editing by step is not used here: write [0*{a} -> {a}] and move along t",
        ),
        (
            r"\[(?P<a>[^\[\]|]*+)\|(?P<b>(?:(?!\.\.)[^\[\]|])*+)(?:\|[^\[\]]*+)?\]",
            "alternation by step is not used here: write [{a} -> {b}], or [({a} + {b})/2] "
            "for the mean; a second axis is written from .. to",
        ),
        (
            r"\{(?P<a>[^{}|>→]*)(?:->|→|\|)(?P<b>(?:-(?!>)|[^{}|>→-])*+)[^{}]*+\}",
            "braces are not used here: write [{a} -> {b}] in a sentence, without brackets where "
            "the whole prompt morphs, or \\{{ for the character",
        ),
        (
            r"[{}]",
            "braces are not used here: a morph in a sentence is written [cat -> kitten]; "
            "\\{{ and \\}} are the characters",
        ),
        (
            r"\((?P<a>[^()\[\]:]*+):\s*+(?P<w>" + _NUMBER + r")\s*+\)",
            "a weight is written before its phrase: {w}*{a}, or [{w}*{a}] in a sentence",
        ),
        (
            r"\((?P<a>[^()\[\]*/]*+)\)(?P<w>[0-9]++(?:\.[0-9]++)?)",
            "a weight is written before its phrase: {w}*{a}, or [{w}*{a}] in a sentence",
        ),
        (
            r"(?<=[\w)])(?:\+{2,}+|-{2,}+)(?=[\s,.;)\]]|$)",
            "++ and -- are not used here: write a weight, as in 1.21*cat or 0.81*cat, "
            "inside [ ] in a sentence; or quote the phrase",
        ),
        (
            r"[^\W\d]\s?:\s?-?(?:[0-9]++(?:\.[0-9]++)?|\.[0-9]++)(?=[\s,]|$)",
            "a weight is written before its phrase, and phrases are added: 0.7*cat + 0.3*kitten; "
            "write \\: for a plain colon",
        ),
        (
            r"(?:^|(?<=\s))--\w",
            "options go after the closing quote of the expression; to subtract, write cat - dog",
        ),
        (
            r"(?<![\w.,])(?P<w>[0-9]++),(?P<f>[0-9]++)\s*+\*",
            "decimals take a point: write {w}.{f}*",
        ),
        (
            r"[*/]\s*+(?P<w>[0-9]++),(?P<f>[0-9]++)(?![\w,.])",
            "decimals take a point: write {w}.{f}",
        ),
        (
            r"-\s++>|-{2,}+>|=++>|~++>",
            "a morph is written with the arrow ->, as in cat -> kitten; \\> is the character",
        ),
        (
            HOLE.pattern,
            "this range is yet to be found: wordmorph range finds it; or write 3/7*tabby",
        ),
        (
            rf"[{ARROWS}]",
            "a morph is written with the arrow -> (or →), as in cat -> kitten; "
            "a backslash before this one takes it as text",
        ),
        (
            r"(?<![-\0])>",
            "> alone is no arrow: write cat -> kitten to morph, or \\> for the character",
        ),
        (
            rf"(?<!\S)(?P<sign>[{DASHES}])|(?P<same>[{DASHES}])(?!\S)",
            "this dash is not the sign -: write cat - dog to subtract, cat -> dog to morph; "
            "a backslash before it takes it as text",
        ),
        (
            rf"[{CURLY}]",
            'quotes are straight here: write "rock + roll"; '
            "a backslash before this one takes it as text",
        ),
    )
)
_RANGE = re.compile(r"(?<!\.)\.\.(?!\.)")
_NOT_RANGE = re.compile(r"\.{3,}|…|(?<=\s)(?:to|until)(?=\s)|->|→|(?<=\s)[,;:](?=\s)")


def refuse_foreign(text: str, masked: str) -> None:
    """Stop what other tools would take for an operator, with the equivalent in this language.

    ``masked`` is ``text`` with escapes and quoted stretches blanked out.

    Raises:
        ExpressionError: at the first such notation outside quotes.
    """
    found = [(match, fix) for pattern, fix in _FOREIGN if (match := pattern.search(masked))]
    if not found:
        _refuse_ranges(text, masked)
        return
    match, fix = min(found, key=lambda pair: pair[0].start())
    words = {
        name: (text[slice(*match.span(name))].strip() if match[name] is not None else "")
        for name in match.groupdict()
    }
    words = {name: word or "cat" for name, word in words.items()}
    raise ExpressionError(fix.format(**words), text, match.start())


def _refuse_ranges(text: str, masked: str) -> None:
    """Stop a second axis whose range is written with another sign than ``..``."""
    start = masked.find("|")
    while start >= 0:
        end = min(
            (at for sign in "|]" if (at := masked.find(sign, start + 1)) >= 0),
            default=len(masked),
        )
        if not _RANGE.search(masked, start, end):
            wrong = _NOT_RANGE.search(masked, start, end)
            if wrong:
                raise ExpressionError(
                    "the range of the second axis is written with two dots: "
                    "cat -> kitten | -tabby .. +tabby",
                    text,
                    wrong.start(),
                )
        start = masked.find("|", end)
