"""What is on the window now: only what changed is drawn again."""

from __future__ import annotations

from functools import partial

from pygame import Rect

from player.session.view import View
from player.window import theme
from player.window.layout import Layout, arrange
from player.window.parts import overlay
from player.window.parts.hover import Hover
from player.window.parts.overlay import Drawn
from player.window.screens.screen import Screen
from player.window.typist import Typing
from runtime.request import Frame

BACKGROUND_SECONDS = 0.1
"""How long a change may wait that nobody looks at, such as another cached frame."""


class Canvas:
    """Draws views and frames on the window's surface."""

    def __init__(self, picture: tuple[int, int]) -> None:
        """Leave room for a picture of (width, height) until there is a frame."""
        self.screen: Screen | None = None
        """what is drawn on, once the window is open"""
        self.layout: Layout | None = None
        """where everything is, once something was drawn"""
        self.centre = (0.5, 0.5)
        """what of the picture is in the middle where it is enlarged, 0 to 1 on both axes"""
        self.help_page = 0
        self._picture = picture
        self._drawn: Drawn | None = None
        self._drawn_at = 0.0

    def forget(self) -> None:
        """Draw everything the next time: the window's content was lost."""
        self._drawn = None
        if self.screen is not None:
            self.screen.forget()

    def pan(self, dx: int, dy: int, zoom: int) -> None:
        """Move the enlarged picture by window pixels, as far as its edges allow."""
        if self.layout is None or zoom < 2:
            return
        width, height = self.layout.picture.size
        room = 0.5 / zoom
        x = self.centre[0] - dx / max(width * zoom, 1)
        y = self.centre[1] - dy / max(height * zoom, 1)
        self.centre = min(max(x, room), 1 - room), min(max(y, room), 1 - room)

    def draw(
        self,
        view: View,
        frame: Frame | None,
        now: float,
        typing: Typing | None = None,
        hover: Hover | None = None,
    ) -> None:
        """Show a view and a frame at ``now`` seconds, if that differs from what is there."""
        screen = self.screen
        surface = None if screen is None else screen.surface
        if screen is None or surface is None:
            return
        size = self._picture if frame is None else (frame.pixels.shape[1], frame.pixels.shape[0])
        self.layout = layout = arrange(
            surface.get_size(),
            size,
            pad=view.pad,
            strip=view.storms,
            clean=view.clean,
            cues=bool(view.cues),
            scale=theme.px(1000) / 1000,
        )
        if not view.help:
            self.help_page = 0
        if view.zoom < 2:
            self.centre = (0.5, 0.5)
        wanted = Drawn(view, layout, frame, typing, hover, self.centre, self.help_page)
        areas = self._areas(wanted, surface.get_rect(), now - self._drawn_at)
        if not areas:
            return
        self._drawn, self._drawn_at = wanted, now
        for area in areas:
            surface.set_clip(area)
            picture = None
            if frame is not None and area.colliderect(layout.picture):
                picture = partial(screen.lay, frame, self._part(frame, view.zoom), layout.picture)
            overlay.draw(surface, wanted, picture)
        surface.set_clip(None)
        screen.show(areas)

    def _areas(self, wanted: Drawn, whole: Rect, waited: float) -> list[Rect]:
        """Return what has to be drawn again."""
        last = self._drawn
        if last is None or last.layout != wanted.layout:
            return [whole]
        view, before = wanted.view, last.view
        over = last.typing == wanted.typing and last.hover is wanted.hover
        over = over and (last.centre, last.help_page) == (wanted.centre, wanted.help_page)
        if over and last.frame is wanted.frame:
            if before == view:
                return []
            if before.foreground == view.foreground and waited < BACKGROUND_SECONDS:
                return []
        covered = wanted.typing is not None or wanted.hover is not None
        # the picture can change alone, as can what lies below it
        if not over or covered or before.covers or view.covers or before.engine != view.engine:
            return [whole]
        areas = [wanted.layout.below] if wanted.layout.panel else []
        if last.frame is not wanted.frame or before.zoom != view.zoom:
            areas.append(wanted.layout.picture)
        return areas

    def _part(self, frame: Frame, zoom: int) -> Rect:
        """Return what of the picture is seen, in its own pixels: the whole unless enlarged."""
        height, width = frame.pixels.shape[:2]
        part = Rect(0, 0, max(width // zoom, 1), max(height // zoom, 1))
        part.center = round(self.centre[0] * width), round(self.centre[1] * height)
        return part.clamp(Rect(0, 0, width, height))
