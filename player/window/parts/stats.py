"""The statistics, over the picture."""

from __future__ import annotations

import pygame
from pygame import Rect

from player.window import theme

LINE = 24
PADDING = 20


def draw(surface: pygame.Surface, rows: tuple[tuple[str, str], ...]) -> None:
    """Draw (what, figure) rows in the middle of the window, smaller where it is small."""
    window = surface.get_rect()
    fonts = theme.fonts()
    for font in (fonts.body, fonts.small):
        line = max(font.get_height() + theme.px(4), theme.px(LINE if font is fonts.body else 16))
        padding = theme.px(PADDING if font is fonts.body else 8)
        first = max(font.size(what)[0] for what, _ in rows) + theme.px(24)
        second = max(font.size(figure)[0] for _, figure in rows)
        box = Rect(0, 0, first + second + 2 * padding, len(rows) * line + 2 * padding)
        if box.width <= window.width and box.height <= window.height:
            break
    box.width = min(box.width, window.width)
    box.center = window.center
    theme.veil(surface, box)
    pygame.draw.rect(surface, theme.EDGE, box, width=1, border_radius=6)
    for index, (what, figure) in enumerate(rows):
        y = box.top + padding + index * line
        theme.write(surface, font, what, theme.DIM, (box.left + padding, y))
        x = box.left + padding + first
        shown = theme.fit(font, figure, box.right - padding - x)
        theme.write(surface, font, shown, theme.TEXT, (x, y))
