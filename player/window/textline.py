"""One line of text that is being typed: a cursor, a selection, and what keys do to them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

MOST = 2000
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")


@dataclass(frozen=True, slots=True)
class TextLine:
    """``text`` with the cursor before character ``cursor``; from ``anchor`` to it is selected."""

    text: str = ""
    cursor: int = 0
    anchor: int = 0

    @classmethod
    def of(cls, text: str) -> TextLine:
        """Return a line with the cursor at its end."""
        return cls(text, len(text), len(text))

    @property
    def selection(self) -> tuple[int, int]:
        """Where the selection starts and ends; equal where nothing is selected."""
        low, high = sorted((self.anchor, self.cursor))
        return low, high

    @property
    def selected(self) -> str:
        """The selected text."""
        low, high = self.selection
        return self.text[low:high]

    def insert(self, text: str) -> TextLine:
        """Put text in the place of the selection; breaks and tabs become a space."""
        clean = _CONTROL.sub(" ", text)
        low, high = self.selection
        clean = clean[: MOST - len(self.text) + (high - low)]
        return self.replaced(low, high, clean)

    def replaced(self, low: int, high: int, text: str) -> TextLine:
        """Put text in the place of characters ``low`` to ``high``, the cursor behind it."""
        after = low + len(text)
        return TextLine(self.text[:low] + text + self.text[high:], after, after)

    def move(self, to: int, *, select: bool = False) -> TextLine:
        """Put the cursor somewhere; ``select`` keeps the other end of the selection."""
        cursor = min(max(to, 0), len(self.text))
        return replace(self, cursor=cursor, anchor=self.anchor if select else cursor)

    def arrow(self, way: int, *, word: bool = False, select: bool = False) -> TextLine:
        """Move by a character or a word; without ``select``, a selection ends on that side."""
        if self.selected and not select and not word:
            return self.move(self.selection[0 if way < 0 else 1])
        return self.move(self._beyond(way, word), select=select)

    def erase(self, way: int, *, word: bool = False) -> TextLine:
        """Erase the selection, or else a character or word behind (-1) or before (+1) it."""
        low, high = self.selection
        if low == high:
            low, high = sorted((self.cursor, self._beyond(way, word)))
        return self.replaced(low, high, "")

    def select_all(self) -> TextLine:
        """Select everything."""
        return replace(self, anchor=0, cursor=len(self.text))

    def _beyond(self, way: int, word: bool) -> int:
        if not word:
            return min(max(self.cursor + way, 0), len(self.text))
        if way > 0:
            match = re.compile(r"\W*\w*").match(self.text, self.cursor)
            return max(match.end() if match else 0, min(self.cursor + 1, len(self.text)))
        before = re.search(r"\w*\W*$", self.text[: self.cursor])
        return before.start() if before and before[0] else max(self.cursor - 1, 0)
