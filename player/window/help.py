"""The help overlay: every key and what it does."""

from __future__ import annotations

import pygame
from pygame import Rect

from player.session.actions import HELP
from player.window import theme

LINE = 25
KEYS = 130
PADDING = 28


def draw(surface: pygame.Surface, picture: Rect) -> None:
    """Draw the keys over the picture."""
    fonts = theme.fonts()
    words = max(fonts.body.size(meaning)[0] for _, meaning in HELP)
    line = min(LINE, (surface.get_height() - 8) // len(HELP))
    padding = PADDING if line == LINE else 4
    box = Rect(0, 0, KEYS + words + 2 * padding, len(HELP) * line + 2 * padding)
    box.center = picture.center
    box.clamp_ip(surface.get_rect())
    theme.veil(surface, box)
    pygame.draw.rect(surface, theme.EDGE, box, width=1, border_radius=6)
    y = box.top + padding
    for keys, meaning in HELP:
        theme.write(surface, fonts.body, keys, theme.ACCENT, (box.left + padding, y))
        theme.write(surface, fonts.body, meaning, theme.TEXT, (box.left + padding + KEYS, y))
        y += line
