"""The strip of kept cues under the bar: a thumbnail and a number each."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pygame
from numpy.typing import NDArray
from pygame import Rect

from player.session.saving.cues import Cue
from player.window import theme

GAP = 6


def places(box: Rect, count: int) -> tuple[Rect, ...]:
    """Return the boxes of as many of ``count`` thumbnails as fit, from the left."""
    side, gap = box.height, theme.px(GAP)
    fitting = max((box.width + gap) // (side + gap), 0) if side else 0
    return tuple(
        Rect(box.left + i * (side + gap), box.top, side, side) for i in range(min(count, fitting))
    )


def number_at(box: Rect, count: int, position: tuple[int, int]) -> int | None:
    """Return the number, from 1, of the cue under the mouse."""
    for number, place in enumerate(places(box, count), 1):
        if place.collidepoint(position):
            return number
    return None


def draw(surface: pygame.Surface, box: Rect, cues: tuple[Cue, ...]) -> None:
    """Draw the cues; one whose picture is not known yet is a dark tile."""
    font = theme.fonts().small
    boxes = places(box, len(cues))
    for number, (cue, place) in enumerate(zip(cues, boxes, strict=False), 1):
        pygame.draw.rect(surface, theme.TROUGH, place, border_radius=3)
        if cue.thumbnail is not None:
            surface.blit(_scaled(cue, place.size), place)
        label = font.size(str(number))
        plate = Rect(place.left, place.bottom - label[1], label[0] + theme.px(6), label[1])
        surface.fill(theme.ROOM, plate)
        at = plate.left + theme.px(3), plate.top
        theme.write(surface, font, str(number), theme.TEXT, at)
    if len(cues) > len(boxes) > 0:
        more = f"+{len(cues) - len(boxes)}"
        theme.write(surface, font, more, theme.DIM, (box.right, box.top), "right")


@lru_cache(maxsize=128)
def _scaled(cue: Cue, size: tuple[int, int]) -> pygame.Surface:
    assert cue.thumbnail is not None
    return fitted(cue.thumbnail, size)


def fitted(pixels: NDArray[np.uint8], size: tuple[int, int]) -> pygame.Surface:
    """Return uint8 [h, w, 3] scaled to fit into (width, height), centred on the room's colour."""
    height, width = pixels.shape[:2]
    raw = pygame.image.frombuffer(pixels.tobytes(), (width, height), "RGB")
    target = pygame.Surface(size)
    target.fill(theme.TROUGH)
    inside = Rect(0, 0, width, height).fit(Rect(0, 0, *size))
    target.blit(pygame.transform.smoothscale(raw, inside.size), inside)
    return target
