"""A window whose pixels the CPU draws: right wherever no GPU is at hand.

Scaling a picture from 256 to 2160 pixels takes the CPU 2 ms and the way to the X server as long.
What made large windows slow is SDL's own short cut: where it finds OpenGL it takes the whole window
through a texture, and without a GPU that texture is drawn on all cores, at 3840×2160 for 35 ms.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence

import pygame
from pygame import Rect

from player.window.screens.screen import refused
from runtime.request import Frame


class DrawnScreen:
    """The display module's window."""

    name = "the CPU"

    def __init__(
        self, size: tuple[int, int], *, fullscreen: bool, smallest: tuple[int, int], title: str
    ) -> None:
        """Open a window of (width, height) that nobody can make smaller than ``smallest``.

        Raises:
            DisplayError: the display refuses.
        """
        if pygame.display.get_driver() == "x11":  # others know no other way, or need none
            os.environ.setdefault("SDL_FRAMEBUFFER_ACCELERATION", "0")
        self._native: pygame.Surface | None = None
        self._corner: tuple[int, int] | None = None
        self._smallest = smallest
        pygame.display.set_caption(title)
        self._open(size, fullscreen=fullscreen)

    @property
    def surface(self) -> pygame.Surface | None:
        """What is drawn on, of the window's size in pixels; None while it has no area."""
        surface = pygame.display.get_surface()
        return surface if surface is not None and all(surface.get_size()) else None

    @property
    def size(self) -> tuple[int, int]:
        """The window's (width, height)."""
        return pygame.display.get_window_size()

    def entitle(self, title: str) -> None:
        """Give the window another title."""
        pygame.display.set_caption(title)

    def resize(self, size: tuple[int, int], *, fullscreen: bool) -> None:
        """Fill the screen, or leave it for a window of (width, height) where it was.

        Raises:
            DisplayError: the display refuses.
        """
        if fullscreen:
            self._corner = pygame.display.get_window_position()
        self._open(size, fullscreen=fullscreen)
        if not fullscreen and self._corner is not None:
            _move(self._corner)
        self.forget()

    def lay(self, frame: Frame, part: Rect, box: Rect) -> None:
        """Scale ``part`` of a frame straight into ``box`` of the window."""
        surface = self.surface
        if surface is None or not all(box.size) or not surface.get_rect().contains(box):
            return
        height, width = frame.pixels.shape[:2]
        if self._native is None or self._native.get_size() != (width, height):
            self._native = pygame.Surface((width, height)).convert()
        self._native.blit(
            pygame.image.frombuffer(frame.pixels.data, (width, height), "RGB"), (0, 0)
        )
        into = surface.subsurface(box)
        if part.size == (width, height):
            pygame.transform.smoothscale(self._native, box.size, into)
        else:
            pygame.transform.scale(self._native.subsurface(part), box.size, into)

    def show(self, areas: Sequence[Rect]) -> None:
        """Bring what was drawn in these areas of the surface to the display."""
        pygame.display.update(list(areas))

    def forget(self) -> None:
        """Drop what is kept from the last picture: the display has lost it."""
        self._native = None

    def close(self) -> None:
        """Leave the window to the display module, which closes it."""

    def _open(self, size: tuple[int, int], *, fullscreen: bool) -> None:
        try:
            # a window manager, or none, may give another size than was asked for: it is drawn in
            with warnings.catch_warnings(action="ignore", category=RuntimeWarning):
                if fullscreen:
                    pygame.display.set_mode((0, 0), pygame.FULLSCREEN)
                else:
                    pygame.display.set_mode(size, pygame.RESIZABLE)
            # the display module cannot say these, and a Window of its own has no surface of parts
            with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
                window = pygame.Window.from_display_module()
            window.minimum_size = self._smallest
            if not fullscreen and window.size != size:  # SDL left the full screen with its size
                window.size = size
        except pygame.error as error:
            raise refused(error) from None


def _move(corner: tuple[int, int]) -> None:
    """Put the window where ``get_window_position`` once said it was.

    Some window managers count their frame in one of the two and not in the other, so that each
    round moves it by the frame; the second try takes that off.
    """
    pygame.display.set_window_position(corner)
    pygame.event.pump()
    x, y = pygame.display.get_window_position()
    if (x, y) != corner:
        pygame.display.set_window_position((2 * corner[0] - x, 2 * corner[1] - y))
