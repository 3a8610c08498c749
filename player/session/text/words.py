"""What a person who types words is offered: what was typed before, taught words, presets."""

from __future__ import annotations

import re
from collections.abc import Sequence

STARTER = "cat -> kitten"
TRY = ("fox", "owl", "rabbit", "tiger", "robot cat")
"""words to try, shown where the player opens for the first time"""
PRESETS = (
    "cat -> kitten",
    "cat -> kitten | -3/7*tabby .. +3/7*tabby",
    "a photo of a [cat -> kitten] on a sofa",
    "cat -> fox -> tiger",
    "(cat + kitten)/2 -> kitten",
)
"""the language by example"""
MOST = 200
OFFERED = 8
_WORD = re.compile(r"[^\W\d_][\w'’-]*$")


class History:
    """The expressions that were played, newest last, each once."""

    def __init__(self) -> None:
        """Begin with none."""
        self.words: tuple[str, ...] = ()

    def add(self, expression: str) -> None:
        """Note an expression that is played."""
        rest = tuple(one for one in self.words if one != expression)
        self.words = (*rest[-MOST + 1 :], expression)


def complete(text: str, cursor: int, taught: Sequence[str]) -> tuple[int, tuple[str, ...]]:
    """Return where the word before ``cursor`` begins, and the taught words that begin like it.

    ``taught`` is in the order of preference. In an empty text the presets are offered.
    """
    if not text.strip():
        return 0, PRESETS
    match = _WORD.search(text[:cursor])
    if match is None:
        return cursor, ()
    begun = match[0].lower()
    found = [word for word in taught if word.lower().startswith(begun) and word.lower() != begun]
    return match.start(), tuple(found[:OFFERED])
