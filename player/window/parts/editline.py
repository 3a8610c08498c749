"""The field that is typed into, over the lower edge of the picture."""

from __future__ import annotations

from bisect import bisect_left

import pygame
from pygame import Rect

from player.window import theme
from player.window.layout import Layout
from player.window.typist import Typing

PADDING = 14
FIELD = 30


def box_of(layout: Layout) -> Rect:
    """Return the box of the whole field, the window's width wide."""
    height = theme.px(FIELD + 30 + 2 * PADDING)
    return Rect(0, max(layout.picture.bottom - height, 0), layout.window.width, height)


def place_at(layout: Layout, typing: Typing, x: int) -> int:
    """Return before which character of the text the cursor goes where the mouse is at ``x``."""
    font, text = theme.fonts().title, typing.line.text
    along = x - _text_left(_field(layout, typing), typing)

    def twice_the_middle(index: int) -> int:
        return font.size(text[:index])[0] + font.size(text[: index + 1])[0]

    return bisect_left(range(len(text)), 2 * along, key=twice_the_middle)


def _field(layout: Layout, typing: Typing) -> Rect:
    """Return the box that the text is seen in, right of the prompt."""
    box, padding = box_of(layout), theme.px(PADDING)
    left = 2 * padding + theme.fonts().body.size(typing.prompt)[0]
    return Rect(left, box.top + padding, max(box.right - padding - left, 1), theme.px(FIELD))


def _text_left(field: Rect, typing: Typing) -> int:
    """Return the x at which the text begins, left of the field where the text is longer."""
    before = typing.line.text[: typing.line.cursor] + typing.composed
    cursor = theme.fonts().title.size(before)[0]
    # what is left of the field stays there until the cursor comes near the right edge
    return field.left - max(cursor - field.width + theme.px(24), 0)


def draw(surface: pygame.Surface, layout: Layout, typing: Typing) -> None:
    """Draw the text with cursor and selection, and below it what is wrong or what Tab offers."""
    box = box_of(layout)
    surface.fill(theme.ROOM, box)
    pygame.draw.line(surface, theme.ACCENT, box.topleft, box.topright, theme.px(2))
    font, padding = theme.fonts().title, theme.px(PADDING)
    field = _field(layout, typing)
    prompt_at = padding, field.top + theme.px(4)
    theme.write(surface, theme.fonts().body, typing.prompt, theme.DIM, prompt_at)
    line = typing.line
    before, after = line.text[: line.cursor], line.text[line.cursor :]
    shown = before + typing.composed + after
    left = _text_left(field, typing)
    cursor = font.size(before + typing.composed)[0]
    surface.set_clip(field)
    low, high = line.selection
    if low != high:
        start, end = font.size(line.text[:low])[0], font.size(line.text[:high])[0]
        surface.fill(theme.CACHED, (left + start, field.top, end - start, field.height))
    if shown:
        surface.blit(font.render(shown, True, theme.TEXT), (left, field.top + theme.px(2)))
    if typing.composed:
        start = left + font.size(before)[0]
        end = start + font.size(typing.composed)[0]
        pygame.draw.line(
            surface, theme.ACCENT, (start, field.bottom - 2), (end, field.bottom - 2), theme.px(2)
        )
    surface.fill(theme.ACCENT, (left + cursor, field.top, theme.px(2), field.height))
    surface.set_clip(None)
    under = field.bottom + theme.px(6)
    small = theme.fonts().body
    if typing.error:
        if typing.column is not None:
            _caret(surface, field, left + font.size(line.text[: typing.column])[0])
        first, rest = typing.error, ""
        if small.size(first)[0] > field.width:  # in two lines of smaller type
            small = theme.fonts().small
            first, rest = theme.wrap(small, first, field.width)
            under -= theme.px(3)
        theme.write(surface, small, first, theme.ALARM, (field.left, under))
        rest = theme.fit(small, rest, field.width)
        below = under + small.get_height()
        theme.write(surface, small, rest, theme.ALARM, (field.left, below))
    elif typing.offers:
        x = theme.write(surface, small, "Tab", theme.DIM, (padding, under)).right + padding
        x = max(x, field.left)
        for index, offer in enumerate(typing.offers):
            room = box.right - padding - x
            if room < theme.px(60):
                break
            colour = theme.ACCENT if index == typing.offered else theme.TEXT
            words = theme.fit(small, offer, room)
            x = theme.write(surface, small, words, colour, (x, under)).right + theme.px(18)
    else:
        words = "Enter plays it   Esc gives up   ↑ ↓ what was typed before"
        theme.write(
            surface, small, theme.fit(small, words, field.width), theme.DIM, (field.left, under)
        )


def _caret(surface: pygame.Surface, field: Rect, x: int) -> None:
    """Draw a caret under the place of an error."""
    x = min(max(x, field.left), field.right)
    size, y = theme.px(6), field.bottom
    pygame.draw.polygon(
        surface,
        theme.ALARM,
        [(x, y - size), (x - size // 2 - 1, y + 2), (x + size // 2 + 1, y + 2)],
    )
