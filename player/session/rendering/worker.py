"""The render thread: newest request first, and the frame cache filled when nothing is asked."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from player.session.filling.fillorder import next_to_fill
from player.session.filling.lines import Lines, line_of
from player.session.filling.scan import division
from player.session.rendering.mailbox import Latest
from player.session.rendering.renderer import ModelInfo, PendingRequest, Renderer, Result
from runtime.cache import FrameCache
from runtime.engines.engine import Cancellable
from runtime.errors import EngineError, FrameCancelled, one_line
from runtime.language.line import DIVISIONS
from runtime.planner import PlanKey, plan_key
from runtime.request import Frame, Request

RECENT = 30
"""Renders over which the time of a frame is averaged."""
NICE = 5
"""Added to the render thread's niceness. Enough for the window to be served first; more would
keep a busy machine from the render thread while it holds the interpreter's lock."""
THREAD = "render"
PATIENCE_SECONDS = 0.5
STUCK_SECONDS = 10.0
LULL_SECONDS = 0.025
"""After an answer, so long the next request is waited for before a line is filled. Whoever moves
asks again within a display frame, and would wait for the frame that is being filled: with the
built-in model half of all rendering went there. Over known positions the window would wait: drawing
it took 17 ms beside a busy engine, and 5 alone."""
UNLEARNED = 1024
"""Pictures that wait to be measured; older ones are measured when their line is looked at again."""
FAILURES = 3
"""After this many failed fills in a row, idle filling waits for the next request."""


class Worker:
    """Owns the engine. Only ``requests``, ``results``, ``cache`` and the plain attributes
    ``info``, ``milliseconds``, ``stages`` (the timings of recent frames), the counts ``served`` and
    ``filled``, and ``failure``, and ``speeds`` and ``sketch`` of ``lines``, are for other threads;
    each of those attributes is replaced whole, never changed in place. ``priority`` is set by
    others: frames to put into the cache before any other idle work; so is ``urgent``: frames to put
    there before any request is answered. ``refused`` says why some of them cannot be drawn, and
    whoever takes one out of it has it tried again.

    Without ``start``, ``open`` and ``turn`` do the same work in the calling thread.
    """

    def __init__(
        self,
        open_renderer: Callable[[], Renderer],
        cache: FrameCache,
        opened: Callable[[Mapping[str, Any]], None] = lambda settings: None,
        *,
        closes: bool = True,
    ) -> None:
        """Render with what ``open_renderer`` returns; it is called in the render thread, and
        ``opened`` with the settings of the model once that is open, before anything is drawn. At
        the end that is closed if it ``closes``.
        """
        self.requests: Latest[PendingRequest] = Latest()
        self.results: Latest[Result] = Latest()
        self.cache = cache
        self.info: ModelInfo | None = None
        self.milliseconds: tuple[float, ...] = ()
        self.stages: tuple[Mapping[str, float], ...] = ()
        self.served = 0
        self.filled = 0
        self.failure: Exception | None = None
        self.priority: tuple[Request, ...] = ()
        self.urgent: tuple[Request, ...] = ()
        self.refused: dict[Request, str] = {}
        self.lines = Lines(cache)
        self._open_renderer = open_renderer
        self._opened = opened
        self._closes = closes
        self._renderer: Renderer | None = None
        self._pending: PendingRequest | None = None
        self._shape: tuple[int, ...] | None = None
        self._planned: PlanKey | None = None
        self._failures = 0
        self._idle = True
        self._gives_way = False
        """whether what is drawn now is no request's picture"""
        self._served: Request | None = None
        """the request whose picture is drawn now"""
        self._giving_way = threading.Lock()
        """held while either of the two changes, and while they must not"""
        self._moving = False
        """whether the last turn answered somebody"""
        self._overtook = False
        """whether it drew what is urgent"""
        self._unlearned: deque[Request] = deque(maxlen=UNLEARNED)
        """what was shown and not yet measured, which takes half as long as drawing it did"""
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the render thread."""
        self._thread = threading.Thread(target=self._run, name=THREAD, daemon=True)
        self._thread.start()

    def ask(self, pending: PendingRequest) -> None:
        """Leave a request, from any thread. If a picture must be drawn for it, one that nobody
        looks at yet is given up, and drawn later; one of other words for good. On a slow engine
        that is much of the wait.
        """
        self.requests.put(pending)
        if pending.request in self.cache:
            return
        with self._giving_way:
            served = self._served
            if self._gives_way or (served and served.expression != pending.request.expression):
                self._cancel()

    def stop(self, patience: Callable[[], None] = lambda: None) -> None:
        """Give up the frame in flight, release the engine and end the thread.

        ``patience`` is called if that takes a while: a model in the midst of opening cannot be
        interrupted. One that does not open for ``STUCK_SECONDS`` more is left to itself.
        """
        self.requests.close()
        self._cancel()
        if self._thread is not None:
            self._thread.join(PATIENCE_SECONDS)
            if self._thread.is_alive():
                patience()
                self._thread.join(STUCK_SECONDS)
        else:
            self._close()

    def open(self) -> None:
        """Open the model and check the request that waits.

        Raises:
            MorphError: the model cannot be opened or cannot serve the request.
        """
        pending = self.requests.take(None)
        if pending is None:
            return
        self._renderer = self._open_renderer()
        self._shape = None
        self._renderer.check(pending.request)
        engine, settings = self._renderer.engine, self._renderer.settings()
        self._opened(settings)
        self.info = ModelInfo(
            engine.name, engine.precision, self._renderer.plan(pending.request), settings
        )
        self.requests.give_back(pending)

    def turn(self, timeout: float | None = 0.0) -> None:
        """Draw what is urgent, but not twice at once; else serve the request that waits; else
        measure a picture that was served; else fill one frame; else wait up to ``timeout``.
        """
        urgent = None if self._overtook else self._lacking(self.urgent)
        self._overtook = urgent is not None
        if urgent is not None:
            self._draw_wanted(urgent, self._render)
            return
        pending = self.requests.take(timeout if self._idle else self._lull(timeout))
        self._moving = False
        if pending is not None:
            self._pending = pending
            self._idle = False
            self._failures = 0
            self._serve(pending.request)
            self._moving = True
        elif self._unlearned:
            with contextlib.suppress(Exception):  # it is shown, measured or not
                self.lines.learn(self._unlearned.popleft())
        elif not self._idle and not self._fill():
            self._idle = True

    def _lull(self, timeout: float | None) -> float:
        """Return how long to wait before filling; what somebody waits for is not put off."""
        waits = timeout is None and self._moving
        return LULL_SECONDS if waits and self._lacking(self.priority) is None else 0.0

    def _run(self) -> None:
        _yield_to_the_window()
        try:
            self.open()
            while not self.requests.closed:
                self.turn(None)
        except Exception as error:  # shown by the window, which raises it where it is fatal
            self.failure = error
        finally:
            self._close()

    def _close(self) -> None:
        if self._renderer is not None and self._closes:
            self._renderer.close()

    def _serve(self, request: Request) -> None:
        """Answer a request."""
        frame = self.cache.peek(request)
        try:
            self._tell_plan(request)
            if frame is None:
                frame = self._render_for(request)
            self.results.put(Result(request, frame))
            self._unlearned.append(request)
        except FrameCancelled as error:  # other words are asked for, or it comes from elsewhere
            if self.requests.waiting():
                self.requests.skip()
                return
            self.results.put(Result(request, error=one_line(error)))
        except Exception as error:  # one picture that fails must not end the session
            self.results.put(Result(request, error=one_line(error)))
        self.served += 1

    def _tell_plan(self, request: Request) -> None:
        """Let ``info`` hold the plan of what is drawn now."""
        if self.info is None or self._renderer is None or plan_key(request) == self._planned:
            return
        self.info = replace(self.info, plan=self._renderer.plan(request))
        self._planned = plan_key(request)

    def _fill(self) -> bool:
        """Render one frame nobody asked for yet; False if there is nothing left to do."""
        wanted = self._lacking(self.priority)
        if wanted is not None:
            self._draw_wanted(wanted, self._render_giving_way)
            return True
        line = None if self._pending is None else line_of(self._pending.request)
        if self._pending is None or line is None or self._failures >= FAILURES:
            return False
        places = self.cache.positions(line.request, line.axis)
        have = {i for place in places if (i := division(place)) is not None}
        here = round(line.place * DIVISIONS)
        known = self.lines.scan(line).differences
        index = next_to_fill(have, DIVISIONS, here, self._pending.direction, known)
        if index is None or not self._room(len(places)):
            return self.lines.catch_up(line, have)
        request = line.at(index / DIVISIONS)
        try:
            self._render_giving_way(request)
            self.lines.learn(request)
            self._failures = 0
            self.filled += 1
        except FrameCancelled:
            pass
        except Exception:  # reported if and when somebody asks for that very picture
            self._failures += 1
        return True

    def _render_for(self, request: Request) -> Frame:
        """Draw the picture of a request; raises FrameCancelled where other words came."""
        with self._giving_way:
            self._served = request
        try:
            return self._render(request)
        finally:
            with self._giving_way:
                self._served = None

    def _render_giving_way(self, request: Request) -> None:
        """Draw a frame that a request comes before; raises FrameCancelled where it did."""
        with self._giving_way:
            if self.requests.waiting():
                raise FrameCancelled("somebody waits")
            self._gives_way = True
        try:
            self._render(request)
        finally:
            with self._giving_way:
                self._gives_way = False

    def _cancel(self) -> None:
        if isinstance(self._renderer, Cancellable):
            self._renderer.cancel()

    def _lacking(self, wanted: tuple[Request, ...]) -> Request | None:
        return next((r for r in wanted if r not in self.cache and r not in self.refused), None)

    def _draw_wanted(self, request: Request, draw: Callable[[Request], object]) -> None:
        try:
            draw(request)
        except FrameCancelled:
            pass
        except Exception as error:  # told to whoever wants it; the others' are drawn
            self.refused[request] = one_line(error)

    def _room(self, filled: int) -> bool:
        """Tell whether one more frame of a line fits without dropping one of its own."""
        count = len(self.cache)
        each = self.cache.bytes / count if count else 0
        return each * (filled + 1) <= self.cache.room

    def _render(self, request: Request) -> Frame:
        assert self._renderer is not None, "open comes first"
        frame = self._renderer.render(request)
        shape = frame.pixels.shape
        self._shape = self._shape or shape
        if shape != self._shape:
            raise EngineError(
                f"the model drew a picture of {shape[1]}x{shape[0]} instead of "
                f"{self._shape[1]}x{self._shape[0]}: build it again"
            )
        self.cache.put(frame)
        total = frame.timings.get("total")
        if total is not None:
            self.milliseconds = (*self.milliseconds[-RECENT + 1 :], total)
            self.stages = (*self.stages[-RECENT + 1 :], frame.timings)
        return frame


def _yield_to_the_window() -> None:
    """Give this thread, and those that the engine starts from it, a lower priority.

    With two threads busy on two cores, another that wakes every 16 ms was late by 21 ms at the
    95th percentile at equal niceness, by 8 ms at one more; of 2,500 turns of the window 62 took
    longer than 18 ms then, and 46 at five more. Linux alone has this per thread.
    """
    if sys.platform.startswith("linux"):
        thread = threading.get_native_id()
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, thread) + NICE)
