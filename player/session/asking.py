"""Asks a render thread for the picture at the playhead, and shows what is known until it comes."""

from __future__ import annotations

from statistics import fmean

from player.session.rendering.renderer import PendingRequest
from player.session.rendering.stats import Stats
from player.session.rendering.worker import Worker
from player.session.state import PlayerState
from runtime.errors import MorphError
from runtime.request import Frame, Request


class Asking:
    """What was asked of ``worker`` for ``state``, and what came of it."""

    def __init__(self, worker: Worker, state: PlayerState, stats: Stats, *, threads: bool) -> None:
        """Ask nothing yet. Unless ``threads``, ``draw_here`` does the render thread's work."""
        self.worker = worker
        self.error = ""
        """why the picture asked for is not there, in one line"""
        self.arrived: Frame | None = None
        """the last picture that the render thread made for what was asked"""
        self._state = state
        self._stats = stats
        self._threads = threads
        self._asked: Request | None = None
        self._coming: Request | None = None
        self._sought: Request | None = None
        """what the render thread was asked for last"""

    def start(self) -> None:
        """Ask for the first picture and let the model open."""
        self.ask()
        if self._threads:
            self.worker.start()

    def foresee(self, request: Request | None) -> None:
        """Draw, instead of the picture asked for, one that will be when it is there: a front end
        that knows where it is moving to says so. None ends that.
        """
        self._coming = request

    def ask(self) -> None:
        """Leave the request for the render thread if it is a new one, and show what is known."""
        state = self._state
        request = state.request
        sought = self._coming or request
        if sought != self._sought:
            self._sought = sought
            self.ask_again()
        if request == self._asked:
            return
        self._asked = request
        self.error = ""
        known = state.cache.get(request)
        self._stats.ask(request, known=known is not None)
        state.show(known or state.cache.nearest(request))

    def ask_again(self) -> None:
        """Have the render thread look at what is asked for, and at what else there is to do."""
        sought = self._sought or self._state.request
        self.worker.ask(PendingRequest(sought, self._state.playhead.direction))

    def draw_here(self) -> None:
        """Do the render thread's work between two turns, where there is none."""
        if self._threads:
            return
        try:
            if self.worker.info is None:
                self.worker.open()
            self.worker.turn()
        except MorphError as error:
            self.worker.failure = error

    def receive(self) -> None:
        """Show what the render thread made, unless something nearer is known by now."""
        state = self._state
        if state.info is None and self.worker.info is not None:
            self._stats.reset()
            self._stats.reach("model")
        state.learn(self.worker.info, self.worker.lines.speeds)
        if self.worker.milliseconds:
            state.pace = fmean(self.worker.milliseconds) / 1e3
        result = self.worker.results.take()
        if result is None:
            return
        self.arrived = result.frame
        if result.request != self._asked:
            assert self._asked is not None
            # on the way to another seed or setting, what arrives is shown as it arrives
            nearest = state.cache.nearest(self._asked) or result.frame
            state.show(nearest)
            if nearest is not result.frame:
                self._stats.overtake(result.request)
        elif result.error is not None:
            self.error = result.error
        else:
            state.show(result.frame)

    def pass_by(self, frame: Frame) -> None:
        """Keep a picture that came by another way than the render thread's; show it, unless one
        nearer to what is asked for is known. One of another size than those before is nothing.
        """
        state = self._state
        if state.frame is None or self._asked is None:
            return
        if frame.pixels.shape == state.frame.pixels.shape:
            state.cache.put(frame)
            state.show(state.cache.nearest(self._asked) or frame)
