"""A window whose picture SDL's renderer scales: right where a GPU draws it.

The picture goes to the GPU at its own size, a few hundred kilobytes instead of the 19 megabytes
that it covers at 3840×2160. What is drawn over and beside it lies in a texture of the window's
size, of which only what changed is sent. Without a GPU this takes OpenGL on the CPU 16 ms a picture
there, four times as long as ``player.window.screens.drawn``.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence

import pygame
from pygame import Rect
from pygame._sdl2 import video

from player.window import theme
from player.window.screens.screen import refused
from runtime.request import Frame

HOLE = (0, 0, 0, 0)
"""what the surface holds where the picture shines through"""
ON_CPU = (
    "llvmpipe",
    "softpipe",
    "swrast",
    "swiftshader",
    "software",
    "gdi generic",
    "basic render",
)
"""in the names of OpenGL renderers that are no GPU"""
_RENDERER = 0x1F01  # GL_RENDERER


class ScaledScreen:
    """A window with SDL's renderer."""

    def __init__(
        self,
        size: tuple[int, int],
        *,
        fullscreen: bool,
        smallest: tuple[int, int],
        title: str,
        accelerated: bool = True,
    ) -> None:
        """Open a window of (width, height) that nobody can make smaller than ``smallest``.

        Without ``accelerated``, the renderer that needs no GPU is taken: for tests.

        Raises:
            DisplayError: the display refuses.
        """
        try:
            self._window = pygame.Window(title, size, resizable=True, hidden=True)
            self._window.set_icon(theme.icon())
            self._renderer = video.Renderer(self._window, accelerated=int(accelerated))
        except pygame.error as error:
            raise refused(error) from None
        self._window.minimum_size = smallest
        self._surface = pygame.Surface((0, 0))
        self._over: video.Texture | None = None
        self._picture: video.Texture | None = None
        self._held: tuple[Frame, tuple[int, int], bool] | None = None
        self._laid: tuple[Frame, Rect, Rect] | None = None
        drawn_by = _opengl() or ""
        self.name = f"SDL's renderer{f', {drawn_by}' if drawn_by else ''}"
        self.on_gpu = not any(name in drawn_by.lower() for name in ON_CPU)
        if fullscreen:
            self._window.set_fullscreen(desktop=True)
        self._window.show()

    @property
    def surface(self) -> pygame.Surface | None:
        """What is drawn on, of the window's size in pixels; None while it has no area."""
        size = self.size
        if not all(size):
            return None
        if self._surface.get_size() != size:
            self._surface = pygame.Surface(size, pygame.SRCALPHA)
            self._over = None
        return self._surface

    @property
    def size(self) -> tuple[int, int]:
        """The window's (width, height)."""
        return self._window.size

    def entitle(self, title: str) -> None:
        """Give the window another title."""
        self._window.title = title

    def resize(self, size: tuple[int, int], *, fullscreen: bool) -> None:
        """Fill the screen, or leave it for a window of (width, height) where it was.

        Raises:
            DisplayError: the display refuses.
        """
        try:
            if fullscreen:
                self._window.set_fullscreen(desktop=True)
            else:
                self._window.set_windowed()
                self._window.size = size
        except pygame.error as error:
            raise refused(error) from None
        self.forget()

    def lay(self, frame: Frame, part: Rect, box: Rect) -> None:
        """Leave a hole in the surface, through which ``part`` of a frame is seen."""
        self._surface.fill(HOLE, box)
        self._laid = frame, part.copy(), box.copy()

    def show(self, areas: Sequence[Rect]) -> None:
        """Send what was drawn in these areas, and have the whole window composed anew."""
        renderer, whole = self._renderer, self._surface.get_rect()
        if self._over is None:
            self._over = video.Texture(renderer, whole.size, static=True)
            self._over.blend_mode = pygame.BLENDMODE_BLEND
            areas = [whole]
        for area in areas:
            area = area.clip(whole)
            if all(area.size):
                # pygame-ce 2.5.8 forgets where a Rect lies
                self._over.update(self._surface.subsurface(area), tuple(area))
        renderer.draw_color = theme.ROOM
        renderer.clear()
        if self._laid is not None:
            self._draw(*self._laid)
        self._over.draw()
        renderer.present()

    def forget(self) -> None:
        """Drop what is kept from the last picture: the display has lost it."""
        self._over = self._picture = self._held = self._laid = None

    def close(self) -> None:
        """Give the window back."""
        self.forget()
        del self._renderer
        self._window.destroy()

    def _draw(self, frame: Frame, part: Rect, box: Rect) -> None:
        """Draw the picture, made smaller by the CPU where a texture would leave pixels out."""
        height, width = frame.pixels.shape[:2]
        enlarged = part.size != (width, height)
        smaller = not enlarged and box.width < width
        size = box.size if smaller else (width, height)
        if self._held is None or self._held[0] is not frame or self._held[1:] != (size, enlarged):
            before = None if self._held is None else self._held[1:]
            if self._picture is None or before != (size, enlarged):
                quality = video.SCALEQUALITY_NEAREST if enlarged else video.SCALEQUALITY_LINEAR
                self._picture = video.Texture(
                    self._renderer, size, streaming=True, scale_quality=quality
                )
            pixels = pygame.image.frombuffer(frame.pixels.data, (width, height), "RGB")
            self._picture.update(pygame.transform.smoothscale(pixels, size) if smaller else pixels)
            self._held = frame, size, enlarged
        assert self._picture is not None
        self._picture.draw(part if enlarged else None, box)


def _opengl() -> str | None:
    """Return who draws for the OpenGL context that is current, None where that cannot be told."""
    for library in ("libGL.so.1", "libGLESv2.so.2"):
        try:
            query = ctypes.CDLL(library).glGetString
        except (OSError, AttributeError):
            continue
        query.restype, query.argtypes = ctypes.c_char_p, [ctypes.c_uint]
        name = query(_RENDERER)
        if name:
            return str(name.decode(errors="replace"))
    return None
