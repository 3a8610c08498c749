"""What to answer to text outside the language: the place, and the likely fix."""

from __future__ import annotations

import re

from lark.exceptions import UnexpectedInput, UnexpectedToken

from runtime.errors import ExpressionError

QUOTED = re.compile(r'"(?:\\[\s\S]|[^"\\])*"')
"""A phrase in double quotes, from end to end."""
HOLE = re.compile(r"(?<![\w?])\?(?=\s*+\*)")
"""The ``?`` of ``-?*tabby .. +?*tabby``, in masked text."""
JOINED = re.compile(r"(?<=\s)(?:AND|BREAK)(?=\s)")
"""Another tool's words between prompts, in capitals."""


def mask(text: str) -> str:
    """Blank out escapes and quoted stretches with NULs of the same length."""
    return re.sub(
        r'\\[^\w\s]|(?<![^\s(*|\[>→.+-])"(?:\\[\s\S]|[^"\\])*"',
        lambda found: "\0" * len(found[0]),
        text,
    )


def check_text(masked: str, *, in_slot: bool) -> tuple[str, int] | None:
    """Return (message, column) of an operator that has slipped into literal text.

    ``in_slot``: the text is a bare phrase; otherwise it is the sentence around slots, where no
    operator has a meaning.
    """
    if in_slot:
        for pattern, message in (
            (r"(?<=\s)[+-](?=\S)", "put a space after {0} to use it, or quote the phrase"),
            (
                r"^[0-9]*\.[0-9]+(?=\s)",
                "a weight needs *, as in {0}*tabby; or quote the phrase",
            ),
            (r"\+", "put spaces around + to add, as in cat + kitten, or quote the phrase"),
            (
                r"^'(?=[\s\S]*'$)",
                'quotes are double here: write "cat", or \\\' for the character',
            ),
        ):
            if found := re.search(pattern, masked):
                return message.format(found[0]), found.start()
        if (found := JOINED.search(masked)) and any(letter.islower() for letter in masked):
            return (
                f"{found[0]} joins nothing here: write cat + dog to add, or quote the phrase",
                found.start(),
            )
        return None
    for pattern in (r"->", r"→", r"\|", r"\*", r"(?:^|(?<=\s))[+-]|\+"):
        if found := re.search(pattern, masked):
            return (
                f"{found[0]} works only inside [ ] when a sentence has slots: move it in, "
                f"or write \\{found[0]} for the character",
                found.start(),
            )
    return None


def explain(error: UnexpectedInput, text: str, masked: str) -> ExpressionError:
    """Turn a parser's complaint into a message with the likely fix."""
    expected = set(getattr(error, "expected", None) or getattr(error, "allowed", None) or ())
    if isinstance(error, UnexpectedToken) and error.token.type == "$END":
        return _at_end(text, masked, expected)
    column = error.pos_in_stream or 0
    return ExpressionError(_unexpected(masked, column, expected), text, column)


_SECOND_AXIS = "the second axis is written from .. to, as in cat -> kitten | -tabby .. +tabby"
_OPERATORS = ("->", "→", "..", "|", "(", ")", "[", "]", "*", "/", "+", "-", '"')


def _at_end(text: str, masked: str, expected: set[str]) -> ExpressionError:
    end = len(text.rstrip())
    if "PHRASE" in expected:
        return ExpressionError(f"a word is missing after {_before(masked, end)}", text, end)
    for kind, opening, closing in (("RPAR", "(", ")"), ("RSQB", "[", "]")):
        if kind in expected:
            column = _unclosed(masked, opening, closing)
            return ExpressionError(f"this {opening} is never closed: add a {closing}", text, column)
    return ExpressionError(_SECOND_AXIS, text, end)


def _unexpected(masked: str, column: int, expected: set[str]) -> str:
    rest = masked[column:]
    found = next((operator for operator in _OPERATORS if rest.startswith(operator)), None)
    before = _before(masked, column)
    fixes = {
        '"': 'this quote is never closed: add the other ", or write \\" for the character',
        "[": "a slot cannot hold another slot: use ( ) to group",
    }
    if found in fixes:
        return fixes[found]
    if "PHRASE" in expected or "TEXT" in expected:
        if found == "]" and "TEXT" in expected:
            return "this ] closes nothing: write \\] for the character"
        if found and before:
            return f"a word is missing between {before} and {found}"
        if found:
            return f"nothing stands before {found}: start with a word, as in cat -> kitten"
        return f"{rest[:1]!r} is not expected here: quote the phrase that contains it"
    if found is None:
        return f"an operator is missing before {rest.split()[0]}: write + or *, or quote the phrase"
    if found == "(":
        return "( groups a sum, so an operator must stand before it; or quote the phrase"
    if "RPAR" in expected and found == "]":
        return "a ( in this slot is never closed: add a )"
    if "RPAR" in expected:
        return f"{found} cannot stand inside ( ), which groups a sum: close the ) before it"
    fixes = {
        ")": "this ) closes nothing: drop it, or quote the phrase",
        "]": "this ] closes nothing: write \\] for the character",
        "->": "-> cannot follow the second axis: write the chain before the |",
        "→": "→ cannot follow the second axis: write the chain before the |",
        "|": "only one | is possible: u is one axis",
        "..": f"this .. belongs to no second axis: {_SECOND_AXIS}; or quote the phrase",
    }
    if "_DOTS" in expected:
        return _SECOND_AXIS
    return fixes.get(found, f"{found} is not expected here: quote the phrase that contains it")


def _before(masked: str, column: int) -> str:
    """Return the operator that ends before ``column``, or an empty string at the start."""
    left = masked[:column].rstrip()
    return left[-2:] if left.endswith(("->", "..")) else left[-1:]


def _unclosed(masked: str, opening: str, closing: str) -> int:
    stack = []
    for column, character in enumerate(masked):
        if character == opening:
            stack.append(column)
        elif character == closing and stack:
            stack.pop()
    return stack[-1] if stack else 0
