"""The window: events in, picture out, at 60 turns a second whatever the model costs."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean

import pygame

from player.session.actions import NAMES, find
from player.session.rendering.models import Models
from player.session.rendering.renderer import Renderer
from player.session.reproduce import Invocation
from player.session.saving.firstpicture import FirstPicture
from player.session.session import LONGEST_TURN, Controller, Session
from player.window import theme
from player.window.canvas import Canvas
from player.window.controls import Controls
from player.window.display import close_display, open_display, open_screen
from player.window.keys import CTRL, SHIFT, key_of, name_of
from player.window.layout import display_scale, first_window, fraction, smallest_window
from player.window.parts import cuestrip, editline, pad
from player.window.parts import help as keys_help
from player.window.parts.hover import Hover
from player.window.typist import Typist, copy
from runtime.language.line import DIVISIONS
from runtime.request import Request

HERTZ = 75
"""Turns a second that the loop aims at: beside a busy engine the system wakes it up to 3 ms late,
so that 60 are what hold."""
TITLE = "wordmorph"
CLICK = 6
"""Pixels that the mouse may move in a click."""
DOUBLE_SECONDS = 0.35


class Window:
    """A player for one expression. Only ``run`` touches pygame; call it in the main thread."""

    def __init__(
        self,
        open_renderer: Callable[[], Renderer],
        request: Request,
        *,
        picture: tuple[int, int],
        invocation: Invocation | None = None,
        folder: Path | None = None,
        zoom: float | None = None,
        ui_scale: float | None = None,
        fullscreen: bool = False,
        check: Callable[[Request], None] = lambda request: None,
        remark: Callable[[Request], str | None] = lambda request: None,
        models: Models | None = None,
        controllers: Sequence[Callable[[], Controller]] = (),
        budget: int | None = None,
        first: FirstPicture | None = None,
        threads: bool = True,
        now: Callable[[], float] = time.perf_counter,
    ) -> None:
        """Play ``request``'s expression from its position.

        ``picture`` is the model's (width, height); ``zoom`` window pixels for each of them, None
        for a good size; ``ui_scale`` times as large type and panel, None for what the display
        asks for; ``controllers`` are opened with the window; the others are those of ``Session``.
        For tests: ``threads=False`` renders between two turns of the loop and waits for nothing;
        ``now``, called once a turn, gives the time in seconds.
        """
        self.session = Session(
            open_renderer,
            request,
            picture=picture,
            invocation=invocation,
            folder=folder,
            check=check,
            models=models,
            remark=remark,
            budget=budget,
            first=first,
            threads=threads,
        )
        self.state = self.session.state
        self.intervals: deque[float] = deque(maxlen=3600)
        """seconds between turns of the loop"""
        self._picture = picture
        self._zoom = zoom
        self._ui_scale = ui_scale
        self.state.panels.fullscreen = self._fullscreen = fullscreen
        self._threads = threads
        self._now = now
        self._controls = Controls()
        self._typist = Typist()
        self._hover: Hover | None = None
        self._pulled = 0
        self._clicked_at = float("-inf")
        self._clicked_from = self.state.playhead
        self._controllers = controllers
        self._drag: str | None = None
        self._hertz = 0
        self._size = (0, 0)
        self._title = TITLE
        self.canvas = Canvas(picture)

    def run(self, max_seconds: float | None = None) -> Request:
        """Show the window until it is closed, or for ``max_seconds``; return the last position.

        Raises:
            DisplayError: no window can be opened.
            MorphError: the model cannot be opened, or cannot serve the expression.
        """
        desktop = open_display()
        try:
            self.session.start()  # the model opens while the window does
            self._open(desktop)
            self.session.controllers += [opened() for opened in self._controllers]
            self._loop(max_seconds)
        finally:
            self.session.finish()
            self._print()
            theme.forget()
            if self.canvas.screen is not None:
                self.canvas.screen.close()
            close_display()
            self.session.close()
        return self.state.request

    def _open(self, desktop: tuple[int, int]) -> None:
        scale = display_scale(desktop) if self._ui_scale is None else self._ui_scale
        theme.use_scale(scale)
        self._size = first_window(
            self._picture, desktop, pad=self.state.has_pad, zoom=self._zoom, scale=scale
        )
        self.canvas.screen = open_screen(
            self._size,
            fullscreen=self._fullscreen,
            smallest=smallest_window(desktop, scale),
            title=TITLE,
        )
        self.session.stats.scaled_by = self.canvas.screen.name
        self.session.stats.reach("window")

    def _loop(self, max_seconds: float | None) -> None:
        clock = pygame.time.Clock()
        started = counted = last = self._now()
        while not self.state.closing and (max_seconds is None or last - started < max_seconds):
            now = self._now()
            dt = now - last
            last = now
            self.intervals.append(dt)
            if now - counted >= 0.5:
                self._hertz = round(1 / fmean(list(self.intervals)[-HERTZ:]))
                counted = now
            self.session.beats.now = now  # taps are heard before the session turns
            for event in pygame.event.get():
                self._handle(event, now)
            self._turn(min(dt, LONGEST_TURN), now)
            clock.tick(HERTZ if self._threads else 0)

    def _turn(self, dt: float, now: float) -> None:
        if self._drag in ("bar", "pad"):
            self.session.turn(0.0, now)
        else:
            self.session.turn(dt, now, self._controls.velocity(now))
        if self.state.panels.fullscreen != self._fullscreen:
            self._toggle_fullscreen()
        self._print()
        self._typist.tend(self.session)
        self._entitle()
        if self.state.copied:
            if not copy(self.state.copied):
                self.state.printed.append(self.state.copied)
            self.state.copied = ""
        self._look_at_bar()
        frame = self.session.picture()
        view = self.session.view(self._hertz)
        self.canvas.draw(view, frame, now, self._typist.typing, self._hover)
        if frame is self.state.frame:
            self.session.stats.show(frame)
        else:
            self.session.stats.conceal()
        if self._typist.typing is not None and self.canvas.layout is not None:
            self._typist.place(editline.box_of(self.canvas.layout))

    def _handle(self, event: pygame.event.Event, now: float) -> None:
        if self._typist.handle(event, self.session):
            return
        if event.type == pygame.QUIT:
            self.state.quit()
        elif event.type == pygame.DROPFILE:
            self.session.open_file(Path(event.file))
        elif event.type == pygame.KEYDOWN:
            self._press(key_of(event), event.mod, now)
            self._typist.tend(self.session, getattr(event, "unicode", ""))
        elif event.type == pygame.KEYUP:
            if self._controls.release(self._along(event.key), event.mod):
                self.state.rest()
        elif event.type == pygame.TEXTEDITING and event.text:
            # an input method took a key that was meant for us; where none does, text input stays
            # on, for without it SDL names keys as on a keyboard of the United States
            pygame.key.stop_text_input()
        elif event.type == pygame.WINDOWFOCUSLOST:
            self._controls.drop()
        elif event.type == pygame.WINDOWEXPOSED:
            self.canvas.forget()
        elif event.type == pygame.MOUSEBUTTONDOWN and event.button == 1:
            self._grab(event.pos, now)
        elif event.type == pygame.MOUSEWHEEL:
            self._roll(event)
        elif event.type == pygame.MOUSEMOTION and self._drag is not None:
            self._pull(event.pos, event.rel)
        elif event.type == pygame.MOUSEBUTTONUP and event.button == 1:
            self._let_go(now)

    def _press(self, key: int, mods: int, now: float) -> None:
        learning = self.state.learning
        arrow = self._along(key)
        scale = None if learning else self._controls.press(arrow, mods, now)
        if scale is not None and (bound := find(name_of(arrow))) is not None:
            bound[0].perform(self.session, scale * (bound[1].value or 0.0))
            return
        bound = find(name_of(key), shift=bool(mods & SHIFT), ctrl=bool(mods & CTRL))
        if bound is not None and learning and bound[0].learnable:
            self.state.learning, self.state.learn_action = False, (bound[0].name, bound[1].value)
        elif bound is not None and not bound[0].held:
            action, pressed = bound
            if action.name == "help" and self._turn_page():
                return
            action.perform(self.session, pressed.value)

    def _turn_page(self) -> bool:
        """Show the help's next page, if it is open and has one."""
        layout = self.canvas.layout
        if not self.state.panels.help or layout is None:
            return False
        if self.canvas.help_page + 1 >= keys_help.pages(layout.window.size):
            return False
        self.canvas.help_page += 1
        return True

    def _along(self, key: int) -> int:
        """Return the arrow that a key stands for: where only u moves, ↑ and ↓ move along it."""
        if self.state.axis == "u" and not self.state.has_pad:
            return {pygame.K_UP: pygame.K_RIGHT, pygame.K_DOWN: pygame.K_LEFT}.get(key, key)
        return key

    def _grab(self, position: tuple[int, int], now: float) -> None:
        layout = self.canvas.layout
        if layout is None:
            return
        typing = self._typist.typing
        if typing is not None and editline.box_of(layout).collidepoint(position):
            self._drag = "field"
            place = editline.place_at(layout, typing, position[0])
            select = bool(pygame.key.get_mods() & SHIFT)
            self._typist.point(place, self.session, select=select)
        elif layout.bar.union(layout.strip).inflate(8, 12).collidepoint(position):
            self._drag = "bar"
        elif layout.pad.collidepoint(position):
            self._drag = "pad"
        elif layout.cues.collidepoint(position):
            number = cuestrip.number_at(layout.cues, len(self.session.cues.kept), position)
            if number is not None:
                shift = bool(pygame.key.get_mods() & SHIFT)
                NAMES["glide_cue" if shift else "cue"].perform(self.session, number)
        elif layout.picture.collidepoint(position):
            self._drag, self._pulled = "picture", 0
        if self._drag in ("bar", "pad"):
            self._pull(position)

    def _let_go(self, now: float) -> None:
        """End a drag; on the picture, a click plays and a double click shows the whole of it."""
        dragged, self._drag = self._drag, None
        if dragged != "picture" or self._pulled > CLICK:
            return
        if now - self._clicked_at < DOUBLE_SECONDS and self.state.panels.zoom > 1:
            self.state.panels.zoom = 1
            self.state.playhead = self._clicked_from  # where the first click began to play
            return
        self._clicked_at, self._clicked_from = now, self.state.playhead
        self.state.play()

    def _pull(self, position: tuple[int, int], by: tuple[int, int] = (0, 0)) -> None:
        layout = self.canvas.layout
        if layout is None:
            return
        if self._drag == "bar":
            self.state.seek(fraction(layout.bar, position[0]))
        elif self._drag == "pad":
            t, u = pad.place(layout.pad, position)
            self.state.seek(t)
            self.state.seek_u(u)
        elif self._drag == "field" and self._typist.typing is not None:
            place = editline.place_at(layout, self._typist.typing, position[0])
            self._typist.point(place, self.session, select=True)
        elif self._drag == "picture":
            self._pulled += abs(by[0]) + abs(by[1])
            self.canvas.pan(*by, self.state.panels.zoom)

    def _look_at_bar(self) -> None:
        """Know what the mouse is over, where that is the bar and it is not being dragged."""
        layout = self.canvas.layout
        position = pygame.mouse.get_pos()
        over = (
            layout is not None
            and layout.panel
            and self._drag is None
            and self.state.moves
            and pygame.mouse.get_focused()
            and layout.bar.union(layout.strip).inflate(0, 12).collidepoint(position)
        )
        if layout is None or not over:
            self._hover = None
            return
        place = round(fraction(layout.bar, position[0]) * DIVISIONS) / DIVISIONS
        frame, last = self.session.peek(place), self._hover
        if last is None or last.place != place or last.frame is not frame:
            self._hover = Hover(place, frame)

    def _roll(self, event: pygame.event.Event) -> None:
        """Let the wheel move along the morph; over the pad, along the second axis."""
        layout = self.canvas.layout
        if layout is not None and layout.pad.collidepoint(pygame.mouse.get_pos()):
            self.state.move_across(event.y)
            self.state.move_along(event.x)
        else:
            self.state.move_along(event.y + event.x)

    def _entitle(self) -> None:
        """Let the window bear the words that are played."""
        title = f"{TITLE}  {self.state.base.expression}"
        if title != self._title and self.canvas.screen is not None:
            self._title = title
            self.canvas.screen.entitle(title)

    def _toggle_fullscreen(self) -> None:
        self._fullscreen = not self._fullscreen
        screen = self.canvas.screen
        assert screen is not None, "the window is open"
        if self._fullscreen:
            self._size = screen.size
        screen.resize(self._size, fullscreen=self._fullscreen)
        self.canvas.forget()

    def _print(self) -> None:
        while self.state.printed:
            print(self.state.printed.pop(0), flush=True)
