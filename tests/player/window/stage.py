"""Plays a window from a script in virtual time: one turn of its loop is 1/60 s."""

from __future__ import annotations

from collections.abc import Callable, Generator

import numpy as np
import pygame
from numpy.typing import NDArray

from player.window.layout import Layout
from player.window.window import Window
from runtime.request import Request
from tests.player.fakes import SIZE, FakeRenderer

Script = Generator[int | Callable[[], bool], None, None]
"""Yields how many turns to wait, or a condition to wait for; the window is closed at its end."""

PAD = "cat -> kitten | -tabby .. tabby"
MOST_TURNS = 4000
HERTZ = 60
"""turns in a second of virtual time"""


class Conductor:
    """The window's clock, which runs the script as it is asked for the time."""

    def __init__(self) -> None:
        self.script: Script | None = None
        self.turn = 0
        """how many turns have begun: the time, times HERTZ"""
        self.ended = False
        """whether the script came to its end"""
        self._until: Callable[[], bool] = lambda: True

    def __call__(self) -> float:
        self.turn += 1
        assert self.turn < MOST_TURNS, "what the script waits for does not happen"
        if self.script is not None and self.turn > 2 and self._until():
            self._advance(self.script)
        return self.turn / HERTZ

    def _advance(self, script: Script) -> None:
        try:
            wait = next(script)
        except StopIteration:
            self.ended = True
            pygame.event.post(pygame.event.Event(pygame.QUIT))
            self._until = lambda: False
            return
        if isinstance(wait, int):
            due = self.turn + wait
            self._until = lambda: self.turn >= due
        else:
            self._until = wait


def stage(
    fake: FakeRenderer, expression: str = "cat -> kitten", **options: object
) -> tuple[Window, Conductor]:
    """Return a window without threads and the clock that conducts it."""
    conductor = Conductor()
    settings = {"picture": (SIZE, SIZE), "threads": False, "now": conductor, **options}
    request = Request(expression, steps=4)
    return Window(lambda: fake, request, **settings), conductor  # type: ignore[arg-type]


def play(
    script: Callable[[Window], Script],
    fake: FakeRenderer | None = None,
    expression: str = "cat -> kitten",
    **options: object,
) -> Window:
    """Open a ``stage``, let a script play its window to the end, and return the window."""
    player, conductor = stage(fake or FakeRenderer(), expression, **options)
    conductor.script = script(player)
    player.run()
    assert conductor.ended, "the window closed before the end of the script"
    return player


def exact(player: Window) -> Callable[[], bool]:
    """Return the condition that the picture asked for is the one on show."""
    return lambda: (
        player.state.frame is not None and player.state.frame.request == player.state.request
    )


def press(code: int, mod: int = 0) -> None:
    pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=code, mod=mod, unicode=""))


def release(code: int, mod: int = 0) -> None:
    pygame.event.post(pygame.event.Event(pygame.KEYUP, key=code, mod=mod))


def tap(code: int, mod: int = 0) -> None:
    press(code, mod)
    release(code, mod)


def mouse(kind: int, position: tuple[int, int]) -> None:
    event = {"pos": position, "button": 1, "buttons": (1, 0, 0), "rel": (0, 0)}
    pygame.event.post(pygame.event.Event(kind, event))


def click(position: tuple[int, int]) -> None:
    mouse(pygame.MOUSEBUTTONDOWN, position)
    mouse(pygame.MOUSEBUTTONUP, position)


def layout_of(player: Window) -> Layout:
    """Return where things stand in a window that was drawn."""
    assert player.canvas.layout is not None
    return player.canvas.layout


def pixels() -> NDArray[np.uint8]:
    """Return what the window shows, [H, W, 3]."""
    surface = pygame.display.get_surface()
    assert surface is not None
    return pygame.surfarray.array3d(surface).transpose(1, 0, 2)


def box(rect: pygame.Rect) -> tuple[slice, slice]:
    """Return the rows and columns of ``pixels`` that a rectangle covers."""
    return slice(rect.top, rect.bottom), slice(rect.left, rect.right)
