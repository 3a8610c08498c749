"""What is on the window now: only what changed is drawn again."""

from __future__ import annotations

import pygame

from player.session.view import View
from player.window import overlay
from player.window.layout import Layout, arrange
from runtime.request import Frame

BACKGROUND_SECONDS = 0.1
"""How long a change may wait that nobody looks at, such as another cached frame."""


class Canvas:
    """Draws views and frames on the window's surface."""

    def __init__(self, picture: tuple[int, int]) -> None:
        """Leave room for a picture of (width, height) until there is a frame."""
        self.layout: Layout | None = None
        """where everything is, once something was drawn"""
        self._picture = picture
        self._drawn: tuple[View, Layout, Frame | None] | None = None
        self._drawn_at = 0.0
        self._scaled: tuple[Frame, tuple[int, int], pygame.Surface] | None = None

    def forget(self) -> None:
        """Draw everything the next time: the window's content was lost."""
        self._drawn = None

    def draw(self, view: View, frame: Frame | None, now: float) -> None:
        """Show a view and a frame at ``now`` seconds, if that differs from what is there."""
        surface = pygame.display.get_surface()
        if surface is None:
            return
        size = self._picture if frame is None else (frame.pixels.shape[1], frame.pixels.shape[0])
        self.layout = layout = arrange(surface.get_size(), size, pad=view.pad, strip=view.storms)
        area = surface.get_rect()
        if self._drawn is not None and self._drawn[1] == layout and self._drawn[2] is frame:
            last = self._drawn[0]
            waited = now - self._drawn_at >= BACKGROUND_SECONDS
            if last == view or (last.foreground == view.foreground and not waited):
                return
            # what lies below the picture can change alone, and then the picture is left in place
            if last.engine == view.engine and not (last.covers or view.covers):
                area = layout.below
        self._drawn = view, layout, frame
        self._drawn_at = now
        picture = None if frame is None else self._scale_to(frame, layout.picture.size)
        surface.set_clip(area)
        overlay.draw(surface, layout, view, picture)
        surface.set_clip(None)
        pygame.display.update(area)

    def _scale_to(self, frame: Frame, size: tuple[int, int]) -> pygame.Surface:
        """Return the picture at the size it is shown; each frame is scaled once."""
        if self._scaled is None or self._scaled[0] is not frame or self._scaled[1] != size:
            height, width = frame.pixels.shape[:2]
            raw = pygame.image.frombuffer(frame.pixels.tobytes(), (width, height), "RGB")
            self._scaled = frame, size, pygame.transform.smoothscale(raw.convert(), size)
        return self._scaled[2]
