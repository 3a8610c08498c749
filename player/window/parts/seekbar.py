"""The seek bar with cached spans, marks and ghost, and the storm strip that stands on it."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pygame
from pygame import Rect

from player.session.filling.scan import Speeds, spans
from player.session.view import View
from player.window import theme
from player.window.layout import share_x
from runtime.language.line import DIVISIONS


def draw_bar(surface: pygame.Surface, box: Rect, view: View) -> None:
    """Draw the bar: dark where nothing is rendered yet, lighter where frames are at hand.

    A chain's stations are notches with their words. Where nothing moves there is no handle.
    """
    pygame.draw.rect(surface, theme.TROUGH, box, border_radius=4)
    if not view.moves:
        return
    for start, end in spans(view.cached, 1.001 / DIVISIONS):
        left, right = share_x(box, start), share_x(box, end)
        span = Rect(left, box.top, max(right - left, 2), box.height)
        pygame.draw.rect(surface, theme.CACHED, span, border_radius=4)
    if view.between and len(view.marks) == 2:
        ends = sorted(share_x(box, place) for _, place, _ in view.marks)
        looped = Rect(ends[0], box.bottom - theme.px(3), ends[1] - ends[0], theme.px(3))
        surface.fill(theme.ACCENT, looped)
    _stations(surface, box, view)
    for name, place, _ in view.marks:
        x = share_x(box, place)
        top, bottom = box.top - theme.px(3), box.bottom + theme.px(2)
        pygame.draw.line(surface, theme.TEXT, (x, top), (x, bottom), theme.px(2))
        below = x, box.bottom + theme.px(3)
        theme.write(surface, theme.fonts().small, name, theme.TEXT, below, "centre")
    if view.ghost is not None:
        ghost = Rect(0, 0, theme.px(7), box.height + theme.px(6))
        ghost.center = share_x(box, view.ghost), box.centery
        pygame.draw.rect(surface, theme.DIM, ghost, width=theme.px(2), border_radius=3)
    handle = Rect(0, 0, theme.px(7), box.height + theme.px(10))
    handle.center = share_x(box, view.place), box.centery
    pygame.draw.rect(surface, theme.ROOM, handle.inflate(theme.px(4), theme.px(4)), border_radius=4)
    pygame.draw.rect(surface, theme.ACCENT, handle, border_radius=3)


def draw_strip(surface: pygame.Surface, box: Rect, view: View) -> None:
    """Draw how fast the picture changes: low and grey is calm, tall and bright a storm."""
    if view.speeds is None or not all(box.size) or view.speeds.line != view.line:
        return
    surface.blit(_curve(view.speeds, box.size), box)


def _stations(surface: pygame.Surface, box: Rect, view: View) -> None:
    """Draw the stations between the ends, and the words of all where the marks leave room."""
    stations = view.line.stations
    font = theme.fonts().small
    room = box.width // (len(stations) + 1) - 8
    letters = [share_x(box, place) for _, place, _ in view.marks]
    for place, words in stations:
        x = share_x(box, place)
        pygame.draw.line(surface, theme.ROOM, (x, box.top), (x, box.bottom - 1), 4)
        pygame.draw.line(surface, theme.DIM, (x, box.top - 2), (x, box.bottom + 1), 1)
        shown = theme.fit(font, words, room)
        half = font.size(shown)[0] // 2 + 8
        if not any(abs(letter - x) < half for letter in letters):
            theme.write(surface, font, shown, theme.DIM, (x, box.bottom + 3), "centre")
    for place, edge, align in ((0.0, box.left, "left"), (1.0, box.right, "right")):
        shown = theme.fit(font, view.line.label(place), room // 2)
        if not any(abs(letter - edge) < font.size(shown)[0] + 8 for letter in letters):
            theme.write(surface, font, shown, theme.DIM, (edge, box.bottom + 3), align)


@lru_cache(maxsize=2)
def _curve(speeds: Speeds, size: tuple[int, int]) -> pygame.Surface:
    width, height = size
    pixels = np.empty((height, width, 3), np.uint8)
    pixels[:] = theme.ROOM
    columns = np.linspace(0, len(speeds.values), width, endpoint=False).astype(int)
    heights, storms = (drawn[columns] for drawn in speeds.curve())
    storm = storms[:, None]
    colours = np.array(theme.CACHED) * (1 - storm) + np.array(theme.ACCENT) * storm
    tall = np.maximum((height - 6) * heights, 1.5)
    up = height - 2 - np.arange(height)[:, None]
    inside = (up > 0) & (up <= tall)
    pixels[inside] = np.broadcast_to(np.nan_to_num(colours), pixels.shape)[inside]
    return pygame.image.frombuffer(pixels.tobytes(), size, "RGB").convert(32)
