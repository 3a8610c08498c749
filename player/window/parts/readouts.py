"""The lines of text around the bar: what is shown, how, and how fast."""

from __future__ import annotations

from collections.abc import Iterable

import pygame
from pygame import Rect

from player.session.filling.scan import division
from player.session.text.strip import rows_words
from player.session.view import View
from player.window import theme
from runtime.language.line import DIVISIONS

SEPARATOR = "   "


def draw_title(surface: pygame.Surface, box: Rect, view: View) -> None:
    """Draw the expression on the left and the position on the right."""
    fonts = theme.fonts()
    figures = f"{view.axis} {view.place:.4f}" if view.moves else ""
    if view.pad:
        figures += f"  u {view.request.u:.4f}"
    at = theme.write(
        surface, fonts.figures, figures, theme.ACCENT, (box.right, box.top + theme.px(8)), "right"
    )
    words = view.request.expression.replace("->", "→")
    room = at.left - box.left - theme.px(16)
    for font, top in ((fonts.title, 3), (fonts.body, 6)):
        if font.size(words)[0] <= room:
            where = box.left, box.top + theme.px(top)
            theme.write(surface, font, words, theme.TEXT, where)
            return
    first, rest = theme.wrap(fonts.small, words, room)
    theme.write(surface, fonts.small, first, theme.TEXT, (box.left, box.top + theme.px(1)))
    rest = theme.fit(fonts.small, rest, room)
    theme.write(surface, fonts.small, rest, theme.TEXT, (box.left, box.centery))


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
        x = theme.write(surface, font, shown, colour, (x, y)).right + theme.px(18)


def settings_line(view: View) -> str:
    """Return seed, steps, edited rows, interpolation and the motion, of the picture on show."""
    asked = view.request
    shown = view.shown or asked
    parts = [
        _arriving(f"seed {shown.seed}", f"{asked.seed}", shown.seed == asked.seed),
        _arriving(_steps(shown.steps), _steps(asked.steps), shown.steps == asked.steps),
    ]
    if view.plan is not None:
        parts.append(rows_words(view.plan))
    if (shown.interp, asked.interp) != ("lerp", "lerp"):
        parts.append(_arriving(shown.interp, asked.interp, shown.interp == asked.interp))
    if view.playing:
        parts.append(f"playing ×{view.speed:g}")
    elif view.speed != 1.0:
        parts.append(f"speed ×{view.speed:g}")
    if view.loop != "bounce":
        parts.append({"wrap": "begins anew", "once": "stops at the end"}[view.loop])
    return SEPARATOR.join(parts)


def _arriving(shown: str, asked: str, same: bool) -> str:
    """Return what the picture on show has, and what it is about to have where that differs."""
    return shown if same else f"{shown} → {asked} …"


def _steps(count: int) -> str:
    return f"{count} step{'s' if count > 1 else ''}"


def speed_line(view: View) -> str:
    """Return render time and rate, the window's rate, the cache and the engine."""
    parts = []
    if view.milliseconds is not None:
        parts.append(f"render {pace(view.milliseconds)}")
    parts.append(f"window {view.hertz} fps")
    cached = sum(division(place) is not None for place in view.cached)
    kept, budget = (size / (1 << 20) for size in view.kept)
    memory = f"{kept:.0f} of {budget:.0f} MB"
    line = f"cached {cached}/{DIVISIONS + 1}  " if view.moves else ""
    parts.append(f"{line}{memory}  hits {view.hits}")
    parts.append(view.engine)
    return SEPARATOR.join(parts)


def pace(milliseconds: float) -> str:
    """Return how long a frame takes, and how many a second that makes."""
    if milliseconds >= 1000:
        return f"{milliseconds / 1e3:.1f} s a frame"
    rate = 1e3 / max(milliseconds, 0.01)
    return f"{milliseconds:.0f} ms  {rate:.{0 if rate >= 10 else 1}f} fps"


def _signals(view: View) -> Iterable[tuple[str, theme.Colour]]:
    if view.recording is not None:
        lost = f", {view.dropped} pictures dropped" if view.dropped else ""
        yield f"● recording {view.recording:.1f} s{lost}", theme.ALARM
    if view.difference:
        yield "difference of A and B", theme.ACCENT
    if view.quantum:
        yield _beats(view), theme.ACCENT
    if view.perceptual:
        yield "perceptual time", theme.ACCENT
    if view.plan is not None and view.plan.extrapolates(view.request.t, view.request.u):
        yield "extrapolating", theme.ACCENT
    if view.notice:
        yield view.notice, theme.TEXT
    elif view.recording is None:
        yield view.hint, theme.DIM


def _beats(view: View) -> str:
    """Return what jumps wait for, and whether one does."""
    until = "the beat" if view.quantum == 1 else "the bar"
    if not view.has_tempo:
        return f"jumps wait for {until}, once K taps the tempo"
    return f"a jump waits for {until} …" if view.waiting else f"jumps wait for {until}"
