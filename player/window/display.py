"""Opening a window, or saying clearly why there is none."""

from __future__ import annotations

import os
import sys

import pygame

from player.window import theme
from runtime.errors import DisplayError

_INSTEAD = "use 'wordmorph render EXPRESSION -o film.mp4' to make a film instead"


def open_display() -> tuple[int, int]:
    """Start pygame's display and type and return the desktop's size. No sound is touched.

    Raises:
        DisplayError: there is no display.
    """
    chosen = os.environ.get("SDL_VIDEODRIVER")
    if sys.platform.startswith("linux") and not chosen:
        # SDL would fall back to a driver that draws nowhere without saying so
        if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
            raise DisplayError(
                f"no display: neither DISPLAY nor WAYLAND_DISPLAY is set; {_INSTEAD}"
            )
    os.environ["SDL_VIDEO_X11_WMCLASS"] = "wordmorph"  # pygame has put the script's name there
    try:
        pygame.display.init()
        pygame.font.init()
        desktop = pygame.display.get_desktop_sizes()[0]
        pygame.display.set_icon(_icon())
    except pygame.error as error:
        raise DisplayError(f"no window can be opened ({error}); {_INSTEAD}") from None
    if not chosen and pygame.display.get_driver() in ("dummy", "offscreen"):
        close_display()
        raise DisplayError(f"no display was found; {_INSTEAD}")
    return desktop


def open_window(size: tuple[int, int], *, fullscreen: bool) -> pygame.Surface:
    """Open or change the window; ``size`` in pixels is for when it is not full screen.

    Raises:
        DisplayError: the display refuses.
    """
    try:
        if fullscreen:
            return pygame.display.set_mode((0, 0), pygame.FULLSCREEN)
        return pygame.display.set_mode(size, pygame.RESIZABLE)
    except pygame.error as error:
        raise DisplayError(f"no window can be opened ({error}); {_INSTEAD}") from None


def _icon() -> pygame.Surface:
    """Draw two pictures with a third where they meet."""
    icon = pygame.Surface((64, 64), pygame.SRCALPHA)
    halves = (theme.CACHED, (18, 32)), (theme.ACCENT, (46, 32))
    for colour, place in halves:
        half = pygame.Surface((64, 64), pygame.SRCALPHA)
        pygame.draw.circle(half, (*colour, 190), place, 18)
        icon.blit(half, (0, 0))
    return icon


def close_display() -> None:
    """Close the window and give back fonts and display."""
    pygame.font.quit()
    pygame.display.quit()
