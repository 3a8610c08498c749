"""The whole window: the picture, what stands below it, and what may lie on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pygame

from player.session.view import View
from player.window import theme
from player.window.layout import Layout
from player.window.parts import cuestrip, editline, pad, readouts, seekbar, stats, tokenstrip
from player.window.parts import help as keys_help
from player.window.parts import hover as tip
from player.window.parts.hover import Hover
from player.window.typist import Typing
from runtime.request import Frame


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """What is on the window."""

    view: View
    layout: Layout
    frame: Frame | None
    typing: Typing | None
    hover: Hover | None
    centre: tuple[float, float]
    """what of the picture is in the middle where it is enlarged, 0 to 1 on both axes"""
    help_page: int


def draw(surface: pygame.Surface, wanted: Drawn, picture: Callable[[], None] | None) -> None:
    """Draw everything; ``picture`` puts the picture into its place, None without one."""
    layout, view, typing, hover = wanted.layout, wanted.view, wanted.typing, wanted.hover
    surface.fill(theme.ROOM)
    if picture is None:
        pygame.draw.rect(surface, theme.TROUGH, layout.picture, border_radius=4)
        if not view.error:
            words = "loading …" if not view.engine else "drawing …"
            at = layout.picture.centerx, layout.picture.centery - theme.px(12)
            theme.write(surface, theme.fonts().title, words, theme.DIM, at, "centre")
    else:
        picture()
    if layout.panel:
        readouts.draw_title(surface, layout.title, view)
        if view.storms:
            seekbar.draw_strip(surface, layout.strip, view)
        seekbar.draw_bar(surface, layout.bar, view)
        readouts.draw(surface, layout.readouts, view)
        if layout.cues.height:
            cuestrip.draw(surface, layout.cues, view.cues)
    if layout.pad.width:
        pad.draw(surface, layout.pad, view)
    if view.tokens:
        tokenstrip.draw(surface, layout.picture, view)
    if view.error:
        _error(surface, layout, view.error)
    if hover is not None and layout.panel and typing is None:
        tip.draw(surface, layout, view, hover)
    if view.stats is not None:
        stats.draw(surface, view.stats)
    if view.help:
        keys_help.draw(surface, wanted.help_page)
    if typing is not None:
        editline.draw(surface, layout, typing)


def _error(surface: pygame.Surface, layout: Layout, message: str) -> None:
    font = theme.fonts().body
    bar = pygame.Rect(0, 0, surface.get_width(), font.get_height() + theme.px(16))
    bar.centery = layout.picture.centery
    theme.veil(surface, bar)
    words = theme.fit(font, message, bar.width - theme.px(32))
    theme.write(surface, font, words, theme.ALARM, (bar.centerx, bar.top + theme.px(8)), "centre")
