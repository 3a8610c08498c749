"""The token strip: what the encoder read, row by row, which rows are edited and how much."""

from __future__ import annotations

import pygame
from pygame import Rect

from player.session.text.strip import TokenCell, prompts
from player.session.view import View
from player.window import theme

LINE = 40
PADDING = 16
WEIGHT = 66
GAP = 14


def draw(surface: pygame.Surface, picture: Rect, view: View) -> None:
    """Draw the strip over the lower edge of the picture, and the whole width of the window."""
    if view.plan is None:
        return
    line_, padding_, weight_, gap_ = (theme.px(size) for size in (LINE, PADDING, WEIGHT, GAP))
    box = Rect(0, picture.top, surface.get_width(), picture.height)
    shown = prompts(view.plan, view.request.t, view.request.u)
    placed: list[tuple[int, int, TokenCell]] = []
    coefficients: list[tuple[int, tuple[float, ...]]] = []
    fonts = theme.fonts()
    left = box.left + padding_ + weight_ * max(1, *(len(line.coefficients) for line in shown))
    y = padding_
    for line in shown:
        coefficients.append((y, line.coefficients))
        x = left
        for cell in line.cells:
            width = fonts.body.size(cell.text)[0] + gap_
            if x + width > box.right - padding_ and x > left:
                x, y = left, y + line_
            placed.append((x, y, cell))
            x += width
        y += line_
    height = min(y + padding_ // 2, box.height)
    area = Rect(box.left, box.bottom - height, box.width, height)
    theme.veil(surface, area)
    surface.set_clip(area)
    for top, of_slots in coefficients:
        place = area.left + padding_, area.top + top
        if not of_slots:
            theme.write(surface, fonts.figures, "layout", theme.DIM, place)
        for slot, coefficient in enumerate(of_slots):
            colour = theme.blend(theme.DIM, theme.ACCENT, min(abs(coefficient), 1.0))
            at = place[0] + slot * weight_, place[1]
            theme.write(surface, fonts.figures, f"{coefficient:+.3f}", colour, at)
    for x, top, cell in placed:
        colour = theme.TEXT if cell.used else theme.DIM
        theme.write(surface, fonts.body, cell.text, colour, (x, area.top + top))
        number = theme.ACCENT if cell.used else theme.DIM
        theme.write(surface, fonts.small, str(cell.row), number, (x, area.top + top + theme.px(18)))
    surface.set_clip(None)
