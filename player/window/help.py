"""The help overlay: every key and what it does, in as many columns as the window has room for."""

from __future__ import annotations

from math import ceil

import pygame
from pygame import Rect

from player.session.actions import HELP
from player.window import theme

LINE = 25
GAP = 18
PADDING = 24


def draw(surface: pygame.Surface) -> None:
    """Draw the keys over the whole window, in the largest type that fits."""
    window = surface.get_rect()
    fonts = theme.fonts()
    for font, height in ((fonts.body, LINE), (fonts.small, 17)):
        line = theme.px(height)
        padding = theme.px(PADDING if font is fonts.body else 8)
        keys = max(font.size(name)[0] for name, _ in HELP) + theme.px(GAP)
        words = max(font.size(meaning)[0] for _, meaning in HELP) + theme.px(GAP)
        lines = max((window.height - 2 * padding) // line, 1)
        columns = ceil(len(HELP) / lines)
        if columns * (keys + words) + 2 * padding <= window.width:
            break
    else:  # too small for all: words are cut, and what does not fit is left out
        columns = max((window.width - 2 * padding) // (keys + words), 1)
        words = (window.width - 2 * padding) // columns - keys
    lines = min(ceil(len(HELP) / columns), lines)
    box = Rect(0, 0, columns * (keys + words) + 2 * padding, lines * line + 2 * padding)
    box.center = window.center
    theme.veil(surface, box)
    pygame.draw.rect(surface, theme.EDGE, box, width=1, border_radius=6)
    for index, (name, meaning) in enumerate(HELP[: lines * columns]):
        x = box.left + padding + (index // lines) * (keys + words)
        y = box.top + padding + (index % lines) * line
        theme.write(surface, font, theme.fit(font, name, keys), theme.ACCENT, (x, y))
        theme.write(surface, font, theme.fit(font, meaning, words), theme.TEXT, (x + keys, y))
