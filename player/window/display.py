"""Opening a window, or saying clearly why there is none."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pygame

from player.window import theme
from player.window.screens.drawn import DrawnScreen
from player.window.screens.screen import INSTEAD, Screen
from runtime.errors import DisplayError

_GPUS = ("/dev/dri/renderD128", "/dev/nvidia0", "/dev/dxg")


def open_display() -> tuple[int, int]:
    """Start pygame's display and type and return the desktop's size. No sound is touched.

    Raises:
        DisplayError: there is no display.
    """
    chosen = os.environ.get("SDL_VIDEODRIVER")
    if sys.platform.startswith("linux") and not chosen:
        # SDL would fall back to a driver that draws nowhere without saying so
        if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
            raise DisplayError(f"no display: neither DISPLAY nor WAYLAND_DISPLAY is set; {INSTEAD}")
    os.environ["SDL_VIDEO_X11_WMCLASS"] = "wordmorph"  # pygame has put the script's name there
    try:
        pygame.display.init()
        pygame.font.init()
        desktop = pygame.display.get_desktop_sizes()[0]
        pygame.display.set_icon(theme.icon())
    except pygame.error as error:
        raise DisplayError(f"no window can be opened ({error}); {INSTEAD}") from None
    if not chosen and pygame.display.get_driver() in ("dummy", "offscreen"):
        close_display()
        name = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
        what = f"the display {name} does not answer" if name else "no display was found"
        raise DisplayError(f"{what}; {INSTEAD}")
    return desktop


def open_screen(
    size: tuple[int, int], *, fullscreen: bool, smallest: tuple[int, int], title: str
) -> Screen:
    """Open the window, of (width, height) pixels where it is not full screen.

    A GPU scales the picture where there is one, else the CPU does. ``smallest`` is the size below
    which the person cannot make it. SDL's own SDL_RENDER_DRIVER=software rules out the GPU, another
    name there asks for that renderer.

    Raises:
        DisplayError: the display refuses.
    """
    asked = os.environ.get("SDL_RENDER_DRIVER")
    if asked != "software" and (asked or _may_have_gpu()):
        from player.window.screens.scaled import ScaledScreen

        try:
            screen = ScaledScreen(size, fullscreen=fullscreen, smallest=smallest, title=title)
        except DisplayError:
            if asked:
                raise
        else:
            if asked or screen.on_gpu:
                return screen
            screen.close()
    return DrawnScreen(size, fullscreen=fullscreen, smallest=smallest, title=title)


def _may_have_gpu() -> bool:
    """Tell whether it is worth while to open a window and ask."""
    if pygame.display.get_driver() in ("dummy", "offscreen"):
        return False
    return not sys.platform.startswith("linux") or any(Path(path).exists() for path in _GPUS)


def close_display() -> None:
    """Close the window and give back fonts and display."""
    pygame.font.quit()
    pygame.display.quit()
