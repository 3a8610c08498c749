"""What the bar says of the place under the mouse: its t, its words, and the picture if known."""

from __future__ import annotations

from dataclasses import dataclass

import pygame
from pygame import Rect

from player.session.view import View
from player.window import theme
from player.window.layout import Layout, share_x
from player.window.parts.cuestrip import fitted
from runtime.language.line import Line
from runtime.request import Frame

SIDE = 96
PADDING = 6


@dataclass(frozen=True, slots=True, eq=False)
class Hover:
    """A place on the bar, 0 to 1, and the picture that is known there."""

    place: float
    frame: Frame | None


def draw(surface: pygame.Surface, layout: Layout, view: View, hover: Hover) -> None:
    """Draw the tip above the bar."""
    font, padding = theme.fonts().small, theme.px(PADDING)
    label = Line(view.request, view.axis).label(hover.place)
    words = f"{view.axis} {hover.place:.4f}"
    if label and not label.replace(".", "").replace("/", "").isdigit():
        words += f"  {theme.fit(font, label, theme.px(160))}"
    side = theme.px(SIDE) if hover.frame is not None else 0
    width = max(font.size(words)[0], side) + 2 * padding
    box = Rect(0, 0, width, font.get_height() + side + (3 if side else 2) * padding)
    box.midbottom = share_x(layout.bar, hover.place), layout.bar.top - theme.px(8)
    box.clamp_ip(surface.get_rect())
    pygame.draw.rect(surface, theme.ROOM, box, border_radius=4)
    pygame.draw.rect(surface, theme.EDGE, box, width=1, border_radius=4)
    if hover.frame is not None:
        picture = fitted(hover.frame.pixels, (side, side))
        surface.blit(picture, picture.get_rect(midtop=(box.centerx, box.top + padding)))
    y = box.bottom - padding - font.get_height()
    theme.write(surface, font, words, theme.TEXT, (box.centerx, y), "centre")
