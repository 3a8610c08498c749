"""The window: events in, picture out, at 60 turns a second whatever the model costs."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from statistics import fmean

import pygame

from player.session.gridshot import GridShot
from player.session.reproduce import Invocation
from player.session.state import PlayerState
from player.session.view import View
from player.session.worker import PendingRequest, Renderer, Worker
from player.window import pad, theme
from player.window.canvas import Canvas
from player.window.controls import Controls
from player.window.display import close_display, open_display, open_window
from player.window.keys import DIGITS, SHIFT, action_for, key_of
from player.window.layout import first_window, fraction
from runtime.request import Request

HERTZ = 60
LONGEST_TURN = 0.1
"""Seconds that one turn may stand for: after a stall the picture does not leap."""


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
        scale: float | None = None,
        fullscreen: bool = False,
        threads: bool = True,
        now: Callable[[], float] = time.perf_counter,
    ) -> None:
        """Play ``request``'s expression from its position.

        ``picture`` is the model's (width, height); ``scale`` window pixels for each of them, None
        for a good size. For tests: ``threads=False`` renders between two turns of the loop and
        waits for nothing; ``now``, called once a turn, gives the time in seconds.
        """
        self.state = PlayerState(request, invocation or Invocation(), folder or Path.cwd(), picture)
        self.worker = Worker(
            open_renderer, self.state.cache, self.state.axis if self.state.moves else None
        )
        self.intervals: deque[float] = deque(maxlen=3600)
        """seconds between turns of the loop"""
        self._picture = picture
        self._scale = scale
        self._fullscreen = fullscreen
        self._threads = threads
        self._now = now
        self._controls = Controls()
        self._running = True
        self._drag: str | None = None
        self._asked: Request | None = None
        self._sent: GridShot | None = None
        self.shown_error = ""
        self._hertz = 0
        self._size = (0, 0)
        self.canvas = Canvas(picture)

    def run(self, max_seconds: float | None = None) -> Request:
        """Show the window until it is closed, or for ``max_seconds``; return the last position.

        Raises:
            DisplayError: no window can be opened.
            MorphError: the model cannot be opened, or cannot serve the expression.
        """
        desktop = open_display()
        try:
            self._open(desktop)
            self._ask()
            if self._threads:
                self.worker.start()
            self._loop(max_seconds)
        finally:
            self.state.finish_recording()
            self.state.finish_grid()
            self._print()
            theme.forget()
            close_display()
            self.worker.stop(lambda: print("ending as soon as the model is open", flush=True))
        return self.state.request

    def _open(self, desktop: tuple[int, int]) -> None:
        size = first_window(self._picture, desktop, pad=self.state.has_pad, scale=self._scale)
        self._size = size
        pygame.display.set_caption(f"wordmorph  {self.state.base.expression}")
        open_window(size, fullscreen=self._fullscreen)

    def _loop(self, max_seconds: float | None) -> None:
        clock = pygame.time.Clock()
        started = counted = last = self._now()
        while self._running and (max_seconds is None or last - started < max_seconds):
            now = self._now()
            dt = now - last
            last = now
            self.intervals.append(dt)
            if now - counted >= 0.5:
                self._hertz = round(1 / fmean(list(self.intervals)[-HERTZ:]))
                counted = now
            for event in pygame.event.get():
                self._handle(event, now)
            self._turn(min(dt, LONGEST_TURN), now)
            clock.tick(HERTZ if self._threads else 0)

    def _turn(self, dt: float, now: float) -> None:
        velocity = self._controls.velocity(now)
        if self._drag is None:
            self.state.advance(dt, *velocity)
        else:
            self.state.advance(0.0)
        self._ask()
        if not self._threads:
            if self.worker.info is None:
                self.worker.open()
            self.worker.turn()
        self._receive()
        self.state.advance_recording(now)
        self._tend_grid()
        self._print()
        self.canvas.draw(self._view(), self.state.frame, now)

    def _tend_grid(self) -> None:
        shot = self.state.grid_shot
        if shot is None:
            return
        if shot is not self._sent:
            self._sent = shot
            self.worker.priority_error = None
            self.worker.priority = shot.requests
            self.worker.requests.put(
                PendingRequest(self.state.request, self.state.playhead.direction)
            )
        self.state.advance_grid(self.worker.priority_error)
        if self.state.grid_shot is None:
            self.worker.priority = ()

    def _ask(self) -> None:
        """Leave the request for the render thread if it is a new one, and show what is known."""
        request = self.state.request
        if request == self._asked:
            return
        self._asked = request
        self.shown_error = ""
        self.worker.requests.put(PendingRequest(request, self.state.playhead.direction))
        self.state.show(self.state.cache.get(request) or self.state.cache.nearest(request))

    def _receive(self) -> None:
        if self.worker.failure is not None:
            raise self.worker.failure
        self.state.learn(self.worker.info, self.worker.speeds)
        result = self.worker.results.take()
        if result is None:
            return
        if result.request != self._asked:
            assert self._asked is not None
            self.state.show(self.state.cache.nearest(self._asked))
        elif result.error is not None:
            self.shown_error = result.error
        else:
            self.state.show(result.frame)

    def _handle(self, event: pygame.event.Event, now: float) -> None:
        if event.type == pygame.QUIT:
            self._running = False
        elif event.type == pygame.KEYDOWN:
            self._press(key_of(event), event.mod, now)
        elif event.type == pygame.KEYUP:
            if self._controls.release(event.key, event.mod):
                self.state.rest()
        elif event.type == pygame.WINDOWFOCUSLOST:
            self._controls.drop()
        elif event.type == pygame.WINDOWEXPOSED:
            self.canvas.forget()
        elif event.type == pygame.MOUSEBUTTONDOWN and event.button == 1:
            self._grab(event.pos)
        elif event.type == pygame.MOUSEMOTION and self._drag is not None:
            self._pull(event.pos)
        elif event.type == pygame.MOUSEBUTTONUP and event.button == 1:
            self._drag = None

    def _press(self, key: int, mods: int, now: float) -> None:
        ticks = self._controls.press(key, mods, now)
        if ticks is not None:
            self.state.move(*ticks)
        elif key in DIGITS:
            self.state.seek(DIGITS[key])
        else:
            action = action_for(key, bool(mods & SHIFT))
            if action == "quit":
                self._running = False
            elif action == "fullscreen":
                self._toggle_fullscreen()
            elif action is not None:
                getattr(self.state, action)()

    def _grab(self, position: tuple[int, int]) -> None:
        layout = self.canvas.layout
        if layout is None:
            return
        if layout.bar.union(layout.strip).inflate(8, 12).collidepoint(position):
            self._drag = "bar"
        elif layout.pad.collidepoint(position):
            self._drag = "pad"
        self._pull(position)

    def _pull(self, position: tuple[int, int]) -> None:
        layout = self.canvas.layout
        if layout is None:
            return
        if self._drag == "bar":
            self.state.seek(fraction(layout.bar, position[0]))
        elif self._drag == "pad":
            self.state.seek(*pad.place(layout.pad, position))

    def _toggle_fullscreen(self) -> None:
        if not self._fullscreen:
            self._size = pygame.display.get_window_size()
        self._fullscreen = not self._fullscreen
        open_window(self._size, fullscreen=self._fullscreen)
        self.canvas.forget()

    def _view(self) -> View:
        state = self.state
        head = state.playhead
        times = self.worker.milliseconds
        recorder = state.recorder
        return View(
            request=state.request,
            axis=state.axis,
            shown=None if state.frame is None else state.frame.request,
            cached=state.cache.positions(state.request, state.axis),
            hits=state.cache.hits,
            speeds=state.speeds,
            sketch=self.worker.sketch,
            mark_a=head.mark_a,
            mark_b=head.mark_b,
            playing=head.playing,
            speed=head.speed,
            perceptual=head.warp is not None,
            pad=state.has_pad,
            tokens=state.tokens,
            storms=state.storms,
            help=state.help,
            plan=None if state.info is None else state.info.plan,
            engine="" if state.info is None else f"{state.info.engine} {state.info.precision}",
            milliseconds=round(fmean(times), 1) if times else None,
            hertz=self._hertz,
            recording=None if recorder is None else round(recorder.seconds, 1),
            notice=state.notice,
            error=self.shown_error,
        )

    def _print(self) -> None:
        while self.state.printed:
            print(self.state.printed.pop(0), flush=True)
