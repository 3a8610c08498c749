"""What is on the window now: only what changed is drawn again."""

from __future__ import annotations

import pygame

from player.session.view import View
from player.window import overlay, theme
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
        self._native: pygame.Surface | None = None
        self._target: pygame.Surface | None = None

    def forget(self) -> None:
        """Draw everything the next time: the window's content was lost."""
        self._drawn = None
        self._native = self._target = self._scaled = None

    def draw(self, view: View, frame: Frame | None, now: float) -> None:
        """Show a view and a frame at ``now`` seconds, if that differs from what is there."""
        surface = pygame.display.get_surface()
        if surface is None or not all(surface.get_size()):
            return
        size = self._picture if frame is None else (frame.pixels.shape[1], frame.pixels.shape[0])
        self.layout = layout = arrange(
            surface.get_size(),
            size,
            pad=view.pad,
            strip=view.storms,
            clean=view.clean,
            scale=theme.px(1000) / 1000,
        )
        areas = [surface.get_rect()]
        if self._drawn is not None and self._drawn[1] == layout:
            last, _, before = self._drawn
            waited = now - self._drawn_at >= BACKGROUND_SECONDS
            if before is frame and (
                last == view or (last.foreground == view.foreground and not waited)
            ):
                return
            # the picture can change alone, as can what lies below it
            if last.engine == view.engine and not (last.covers or view.covers):
                areas = [layout.below] if layout.panel else []
                if before is not frame:
                    areas.append(layout.picture)
        self._drawn = view, layout, frame
        self._drawn_at = now
        picture = None if frame is None else self._scale_to(frame, layout.picture.size)
        for area in areas:
            surface.set_clip(area)
            overlay.draw(surface, layout, view, picture)
        surface.set_clip(None)
        pygame.display.update(areas)

    def _scale_to(self, frame: Frame, size: tuple[int, int]) -> pygame.Surface:
        """Return the picture at the size it is shown; each frame is scaled once, into one surface
        that is used again: at 3840×2160 a new one for every frame costs as much as the scaling.
        """
        if self._scaled is None or self._scaled[0] is not frame or self._scaled[1] != size:
            height, width = frame.pixels.shape[:2]
            self._native = native = _surface_of((width, height), self._native)
            self._target = target = _surface_of(size, self._target)
            native.blit(pygame.image.frombuffer(frame.pixels.data, (width, height), "RGB"), (0, 0))
            pygame.transform.smoothscale(native, size, target)
            self._scaled = frame, size, target
        return self._scaled[2]


def _surface_of(size: tuple[int, int], kept: pygame.Surface | None) -> pygame.Surface:
    """Return the surface that was kept, or else a new one of the window's own format."""
    if kept is not None and kept.get_size() == size:
        return kept
    return pygame.Surface(size).convert()
