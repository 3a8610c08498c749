"""Opening a window, or saying clearly why there is none."""

from __future__ import annotations

import os
import sys
import warnings

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
        name = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
        what = f"the display {name} does not answer" if name else "no display was found"
        raise DisplayError(f"{what}; {_INSTEAD}")
    return desktop


def open_window(
    size: tuple[int, int], *, fullscreen: bool, smallest: tuple[int, int] | None = None
) -> pygame.Surface:
    """Open or change the window; ``size`` in pixels is for when it is not full screen.

    ``smallest`` is the (width, height) below which the person cannot make it.

    Raises:
        DisplayError: the display refuses.
    """
    try:
        if fullscreen:
            surface = pygame.display.set_mode((0, 0), pygame.FULLSCREEN)
        else:
            surface = pygame.display.set_mode(size, pygame.RESIZABLE)
        if smallest is not None:
            # the display module cannot say it, and a Window of its own cannot be drawn in parts
            with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
                pygame.Window.from_display_module().minimum_size = smallest
        return surface
    except pygame.error as error:
        raise DisplayError(f"no window can be opened ({error}); {_INSTEAD}") from None


def move_window(corner: tuple[int, int]) -> None:
    """Put the window where ``get_window_position`` once said it was.

    Some window managers count their frame in one of the two and not in the other, so that each
    round moves it by the frame; the second try takes that off.
    """
    pygame.display.set_window_position(corner)
    pygame.event.pump()
    x, y = pygame.display.get_window_position()
    if (x, y) != corner:
        pygame.display.set_window_position((2 * corner[0] - x, 2 * corner[1] - y))


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
