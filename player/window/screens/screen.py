"""What the window asks of whatever puts its pixels on the display."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import pygame
from pygame import Rect

from runtime.errors import DisplayError
from runtime.request import Frame

INSTEAD = "use 'wordmorph render EXPRESSION -o film.mp4' to make a film instead"


class Screen(Protocol):
    """One window: a surface to draw on, and a picture that is scaled into a hole of it."""

    @property
    def name(self) -> str:
        """Who scales the picture, for the readouts."""

    @property
    def surface(self) -> pygame.Surface | None:
        """What is drawn on, of the window's size in pixels; None while it has no area."""

    @property
    def size(self) -> tuple[int, int]:
        """The window's (width, height)."""

    def entitle(self, title: str) -> None:
        """Give the window another title."""

    def resize(self, size: tuple[int, int], *, fullscreen: bool) -> None:
        """Fill the screen, or leave it for a window of (width, height) where it was.

        Raises:
            DisplayError: the display refuses.
        """

    def lay(self, frame: Frame, part: Rect, box: Rect) -> None:
        """Show ``part`` of a frame, in its own pixels, in ``box`` of the surface.

        The whole of it is scaled bilinearly or better; a part shows its pixels as squares.
        """

    def show(self, areas: Sequence[Rect]) -> None:
        """Bring what was drawn in these areas of the surface to the display."""

    def forget(self) -> None:
        """Drop what is kept from the last picture: the display has lost it."""

    def close(self) -> None:
        """Give the window back."""


def refused(error: pygame.error) -> DisplayError:
    """Return what to raise where the display opens no window."""
    return DisplayError(f"no window can be opened ({error}); {INSTEAD}")
