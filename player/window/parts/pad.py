"""The 2-D pad: t across, u up, following the mouse."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pygame
from pygame import Rect

from player.session.view import View
from player.window import theme
from player.window.layout import fraction, share_x, share_y
from runtime.language.line import Line
from runtime.perception.charting.sketch import Sketch
from runtime.perception.storms.storms import grades
from runtime.request import Request

INSET = 10


def field(box: Rect) -> Rect:
    """Return the part of the pad that stands for the square [0, 1]²."""
    return box.inflate(-2 * theme.px(INSET), -2 * theme.px(INSET))


def place(box: Rect, position: tuple[int, int]) -> tuple[float, float]:
    """Return (t, u) under the mouse, clamped to the pad."""
    inner = field(box)
    u = 1 - min(max((position[1] - inner.top) / max(inner.height - 1, 1), 0.0), 1.0)
    return fraction(inner, position[0]), u


def draw(surface: pygame.Surface, box: Rect, view: View) -> None:
    """Draw the pad with the ends of both axes written at its edges."""
    inner = field(box)
    pygame.draw.rect(surface, theme.TROUGH, box, border_radius=6)
    if view.sketch is not None and all(inner.size):
        surface.blit(_sea(view.sketch, inner.size), inner)
    pygame.draw.line(surface, theme.EDGE, inner.midleft, inner.midright)
    pygame.draw.line(surface, theme.EDGE, inner.midtop, inner.midbottom)
    _label(surface, inner, view.request)
    row = share_y(inner, view.request.u)
    for t in view.cached:
        surface.set_at((share_x(inner, t), row), theme.DIM)
    for name, t, u in view.marks:
        at = share_x(inner, t), share_y(inner, u) - theme.px(7)
        theme.write(surface, theme.fonts().small, name, theme.TEXT, at, "centre")
    if view.ghost is not None and view.shown is not None:
        ghost = share_x(inner, view.shown.t), share_y(inner, view.shown.u)
        pygame.draw.circle(surface, theme.DIM, ghost, theme.px(6), width=theme.px(2))
    here = share_x(inner, view.request.t), row
    pygame.draw.circle(surface, theme.ROOM, here, theme.px(9))
    pygame.draw.circle(surface, theme.ACCENT, here, theme.px(7))


@lru_cache(maxsize=2)
def _sea(sketch: Sketch, size: tuple[int, int]) -> pygame.Surface:
    """Paint the known squares: dark is calm, bright a storm, as on the strip."""
    speed = sketch.speed[::-1]
    known = ~np.isnan(speed)
    pixels = np.empty((*speed.shape, 3), np.uint8)
    pixels[:] = theme.TROUGH
    if known.any():
        storm = grades(speed)[known][:, None]
        pixels[known] = np.array(theme.EDGE) * (1 - storm) + 0.6 * np.array(theme.ACCENT) * storm
    small = pygame.image.frombuffer(pixels.tobytes(), speed.shape[::-1], "RGB").convert(32)
    return pygame.transform.scale(small, size)


def _label(surface: pygame.Surface, inner: Rect, request: Request) -> None:
    font = theme.fonts().small
    along, across = Line(request, "t"), Line(request, "u")
    half = inner.width // 2 - theme.px(8)
    middle = inner.centery + theme.px(3)
    first = theme.fit(font, along.label(0.0), half)
    theme.write(surface, font, first, theme.DIM, (inner.left, middle))
    last = theme.fit(font, along.label(1.0), half)
    theme.write(surface, font, last, theme.DIM, (inner.right, middle), "right")
    high = theme.fit(font, across.label(1.0), inner.width - theme.px(8))
    theme.write(surface, font, high, theme.DIM, (inner.centerx, inner.top - theme.px(4)), "centre")
    low = theme.fit(font, across.label(0.0), inner.width - theme.px(8))
    at = inner.centerx, inner.bottom - font.get_height() + theme.px(4)
    theme.write(surface, font, low, theme.DIM, at, "centre")
