"""The help overlay: every key and what it does, on as many pages as the window needs."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import pygame
from pygame import Rect

from player.session.actions import HELP
from player.window import theme

LINE = 25
SMALL_LINE = 17
GAP = 18
PADDING = 24


@dataclass(frozen=True, slots=True)
class _Plan:
    """How the rows are laid out: in pixels, but for the two counts."""

    small: bool
    line: int
    padding: int
    keys: int
    words: int
    columns: int
    lines: int
    """rows in a column"""

    @property
    def pages(self) -> int:
        """How many pages that makes."""
        return ceil(len(HELP) / (self.columns * self.lines))


def pages(window: tuple[int, int]) -> int:
    """Return how many pages the help has in a window of (width, height) pixels."""
    return _plan(window).pages


def draw(surface: pygame.Surface, page: int = 0) -> None:
    """Draw a page of the keys over the whole window, in the largest type that needs only one."""
    window = surface.get_rect()
    plan = _plan(window.size)
    font = theme.fonts().small if plan.small else theme.fonts().body
    held = plan.columns * plan.lines
    page = min(page, plan.pages - 1)
    rows = list(HELP[page * held : (page + 1) * held])
    lines = min(ceil(len(HELP) / plan.columns), plan.lines)
    width = plan.columns * (plan.keys + plan.words) + 2 * plan.padding
    foot = plan.line if plan.pages > 1 else 0
    box = Rect(0, 0, width, lines * plan.line + foot + 2 * plan.padding)
    box.center = window.center
    theme.veil(surface, box)
    pygame.draw.rect(surface, theme.EDGE, box, width=1, border_radius=6)
    for index, (name, meaning) in enumerate(rows):
        x = box.left + plan.padding + (index // lines) * (plan.keys + plan.words)
        y = box.top + plan.padding + (index % lines) * plan.line
        shown = theme.fit(font, name, plan.keys)
        theme.write(surface, font, shown, theme.ACCENT, (x, y))
        shown = theme.fit(font, meaning, plan.words)
        theme.write(surface, font, shown, theme.TEXT, (x + plan.keys, y))
    if foot:
        more = "F1 for more" if page + 1 < plan.pages else "F1 closes it"
        at = box.right - plan.padding, box.bottom - plan.padding - plan.line
        theme.write(surface, font, f"{page + 1} of {plan.pages}   {more}", theme.DIM, at, "right")


def _plan(window: tuple[int, int]) -> _Plan:
    width, height = window
    fonts = theme.fonts()
    for small in (False, True):
        font = fonts.small if small else fonts.body
        line = theme.px(SMALL_LINE if small else LINE)
        padding = theme.px(8 if small else PADDING)
        keys = max(font.size(name)[0] for name, _ in HELP) + theme.px(GAP)
        words = max(font.size(meaning)[0] for _, meaning in HELP) + theme.px(GAP)
        lines = max((height - 2 * padding) // line, 1)
        columns = ceil(len(HELP) / lines)
        if columns * (keys + words) + 2 * padding <= width:
            return _Plan(small, line, padding, keys, words, columns, lines)
    # several pages, with a line for their number; in a narrow window words are cut
    columns = max((width - 2 * padding) // (keys + words), 1)
    words = (width - 2 * padding) // columns - keys
    return _Plan(True, line, padding, keys, words, columns, max(lines - 1, 1))
