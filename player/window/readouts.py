"""The lines of text around the bar: what is shown, how, and how fast."""

from __future__ import annotations

from collections.abc import Iterable

import pygame
from pygame import Rect

from player.session.playhead import DIVISIONS
from player.session.scan import division
from player.session.view import View
from player.window import theme
from runtime.mixing.mix import Plan
from runtime.mixing.ranges import ranges

SEPARATOR = "   "


def draw_title(surface: pygame.Surface, box: Rect, view: View) -> None:
    """Draw the expression on the left and the position on the right."""
    fonts = theme.fonts()
    figures = f"{view.axis} {view.place:.4f}"
    if view.pad:
        figures += f"  u {view.request.u:.4f}"
    at = theme.write(
        surface, fonts.figures, figures, theme.ACCENT, (box.right, box.top + 8), "right"
    )
    words = view.request.expression.replace("->", "→")
    room = at.left - box.left - 16
    if fonts.title.size(words)[0] <= room:
        theme.write(surface, fonts.title, words, theme.TEXT, (box.left, box.top + 3))
        return
    first = len(theme.fit(fonts.body, words, room).removesuffix("…"))
    if first < len(words) and " " in words[:first]:
        first = words[:first].rindex(" ")
    theme.write(surface, fonts.body, words[:first], theme.TEXT, (box.left, box.top))
    rest = theme.fit(fonts.body, words[first:].strip(), room)
    theme.write(surface, fonts.body, rest, theme.TEXT, (box.left, box.top + box.height // 2))


def draw(surface: pygame.Surface, box: Rect, view: View) -> None:
    """Draw three lines: the settings, the speeds, and a notice or a hint."""
    height = box.height // 3
    font = theme.fonts().body
    lines = (settings_line(view), speed_line(view))
    for row, words in enumerate(lines):
        line = theme.fit(font, words, box.width)
        theme.write(surface, font, line, theme.DIM, (box.left, box.top + row * height))
    y = box.top + 2 * height
    x = box.left
    for words, colour in _signals(view):
        shown = theme.fit(font, words, box.right - x)
        x = theme.write(surface, font, shown, colour, (x, y)).right + 18


def settings_line(view: View) -> str:
    """Return seed, steps, edited rows, interpolation and the motion."""
    request = view.request
    parts = [f"seed {request.seed}", f"{request.steps} step{'s' if request.steps > 1 else ''}"]
    if view.plan is not None:
        parts.append(rows_words(view.plan))
    if request.interp != "lerp":
        parts.append(request.interp)
    if view.playing:
        parts.append(f"playing ×{view.speed:g}")
    elif view.speed != 1.0:
        parts.append(f"speed ×{view.speed:g}")
    return SEPARATOR.join(parts)


def speed_line(view: View) -> str:
    """Return render time and rate, the window's rate, the cache and the engine."""
    parts = []
    if view.milliseconds is not None:
        parts.append(f"render {view.milliseconds:.0f} ms  {1e3 / view.milliseconds:.0f} fps")
    parts.append(f"window {view.hertz} fps")
    cached = sum(division(place) is not None for place in view.cached)
    parts.append(f"cached {cached}/{DIVISIONS + 1}  hits {view.hits}")
    parts.append(view.engine)
    return SEPARATOR.join(parts)


def rows_words(plan: Plan) -> str:
    """Return which rows of the embedding are edited, e.g. ``row 5`` or ``rows 1–76``."""
    rows = sorted({row for edit in plan.edited for row in edit.rows})
    words = ranges(rows, ", ")
    return f"row {words}" if len(rows) == 1 else f"rows {words}" if rows else "no rows edited"


def _signals(view: View) -> Iterable[tuple[str, theme.Colour]]:
    if view.recording is not None:
        yield f"● recording {view.recording:.1f} s", theme.ALARM
    if view.perceptual:
        yield "perceptual time", theme.ACCENT
    if view.plan is not None and view.plan.extrapolates(view.request.t, view.request.u):
        yield "extrapolating", theme.ACCENT
    if view.notice:
        yield view.notice, theme.TEXT
    elif view.recording is None:
        yield "F1 for the keys", theme.DIM
