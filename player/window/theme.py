"""Colours and type: a calm dark room, one accent."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import pygame

Colour = tuple[int, int, int]

ROOM: Colour = (17, 18, 21)
TROUGH: Colour = (34, 36, 42)
CACHED: Colour = (70, 75, 87)
EDGE: Colour = (58, 62, 72)
DIM: Colour = (146, 151, 163)
TEXT: Colour = (232, 232, 228)
ACCENT: Colour = (255, 178, 84)
ALARM: Colour = (255, 120, 108)
VEIL = (13, 14, 17, 225)
"""behind overlays that lie on the picture"""


_scale = [1.0]


def use_scale(scale: float) -> None:
    """Draw type and panel ``scale`` times as large from now on."""
    _scale[0] = scale
    forget()


def px(size: float) -> int:
    """Return a size of a display at scale 1 in pixels of this one."""
    return round(size * _scale[0])


@dataclass(frozen=True, eq=False)
class Fonts:
    """The sizes of type in use; open only after ``pygame.font.init``."""

    title: pygame.font.Font
    body: pygame.font.Font
    small: pygame.font.Font
    figures: pygame.font.Font
    """fixed width, for numbers that change in place"""


@lru_cache(maxsize=1)
def fonts() -> Fonts:
    """Load DejaVu, which matplotlib brings and which has arrows; else pygame's own font."""

    def font(name: str, size: int) -> pygame.font.Font:
        path = _type_folder() / f"{name}.ttf"
        return pygame.font.Font(str(path) if path.is_file() else None, px(size))

    return Fonts(
        title=font("DejaVuSans", 19),
        body=font("DejaVuSans", 14),
        small=font("DejaVuSans", 12),
        figures=font("DejaVuSansMono", 14),
    )


@lru_cache(maxsize=512)
def text(font: pygame.font.Font, words: str, colour: Colour) -> pygame.Surface:
    """Return rendered words; the same words are rendered once."""
    return font.render(words, True, colour)


def write(
    surface: pygame.Surface,
    font: pygame.font.Font,
    words: str,
    colour: Colour,
    where: tuple[int, int],
    align: str = "left",
) -> pygame.Rect:
    """Draw words with their top ``left``, ``centre`` or ``right`` at ``where``; return the box."""
    drawn = text(font, words, colour)
    x, y = where
    if align == "right":
        x -= drawn.get_width()
    elif align == "centre":
        x -= drawn.get_width() // 2
    return surface.blit(drawn, (x, y))


def fit(font: pygame.font.Font, words: str, width: int) -> str:
    """Return the words, cut with an ellipsis where they are wider than ``width`` pixels."""
    if font.size(words)[0] <= width:
        return words
    low, high = 0, len(words)
    while low < high:
        middle = (low + high + 1) // 2
        if font.size(words[:middle].rstrip() + "…")[0] <= width:
            low = middle
        else:
            high = middle - 1
    return words[:low].rstrip() + "…"


def wrap(font: pygame.font.Font, words: str, width: int) -> tuple[str, str]:
    """Return the words that fit into ``width`` pixels, and the rest; cut at a space if there is
    one."""
    fitting = len(fit(font, words, width).removesuffix("…"))
    space = words.rfind(" ", 0, fitting + 1)
    cut = space if space > 0 else fitting
    return words[:cut].rstrip(), words[cut:].lstrip()


def blend(first: Colour, second: Colour, share: float) -> Colour:
    """Return a colour ``share`` of the way from the first to the second."""
    r, g, b = (round(a + (z - a) * share) for a, z in zip(first, second, strict=True))
    return r, g, b


def veil(surface: pygame.Surface, rect: pygame.Rect) -> None:
    """Darken a part of the picture, so that an overlay on it can be read."""
    rect = rect.clip(surface.get_rect())
    if not all(rect.size):
        return
    cover = pygame.Surface(rect.size, pygame.SRCALPHA)
    cover.fill(VEIL)
    surface.blit(cover, rect)


def icon() -> pygame.Surface:
    """Draw two pictures with a third where they meet."""
    drawn = pygame.Surface((64, 64), pygame.SRCALPHA)
    halves = (CACHED, (18, 32)), (ACCENT, (46, 32))
    for colour, place in halves:
        half = pygame.Surface((64, 64), pygame.SRCALPHA)
        pygame.draw.circle(half, (*colour, 190), place, 18)
        drawn.blit(half, (0, 0))
    return drawn


def forget() -> None:
    """Drop fonts and rendered words; they die with ``pygame.font.quit``."""
    fonts.cache_clear()
    text.cache_clear()


@lru_cache(maxsize=1)
def _type_folder() -> Path:
    spec = importlib.util.find_spec("matplotlib")  # found, not imported: that takes a second
    if spec is None or spec.origin is None:
        return Path()
    return Path(spec.origin).parent / "mpl-data" / "fonts" / "ttf"
