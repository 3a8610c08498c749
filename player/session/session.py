"""What every front end stands on: the player's state, the render thread, and what is kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Protocol

from player.session.beats import MOST, Beats
from player.session.gridshot import GridShot
from player.session.keeping import Keeping
from player.session.reproduce import Invocation
from player.session.state import PlayerState
from player.session.view import View
from player.session.worker import PendingRequest, Renderer, Worker
from runtime.language.expression import parse
from runtime.language.line import stands_still
from runtime.request import Request


class Controller(Protocol):
    """Something besides keys and mouse that a person plays with."""

    def poll(self, session: Session, now: float) -> None:
        """Act on the session, once a turn, at ``now`` seconds."""

    def close(self) -> None:
        """Let go of the device."""


class Session:
    """One person's play. The front end calls ``turn`` often, in one thread, and shows ``view``."""

    def __init__(
        self,
        open_renderer: Callable[[], Renderer],
        request: Request,
        *,
        picture: tuple[int, int],
        invocation: Invocation | None = None,
        folder: Path | None = None,
        check: Callable[[Request], None] = lambda request: None,
        remark: Callable[[Request], str | None] = lambda request: None,
        budget: int | None = None,
        threads: bool = True,
    ) -> None:
        """Play ``request``'s expression from its position.

        ``picture`` is the model's (width, height); stills and films go to ``folder``;
        ``budget`` is how many bytes of them may be kept (None: ``default_budget``);
        ``check`` raises MorphError for what the model cannot draw (``Planner.check``); ``remark``
        returns what is worth saying of what it can (``Planner.untaught``). For tests:
        ``threads=False`` renders inside ``turn``.
        """
        self.state = PlayerState(
            request, invocation or Invocation(), folder or Path.cwd(), picture, budget
        )
        self.keeping = Keeping(self.state)
        self.worker = Worker(open_renderer, self.state.cache)
        self._check = check
        self.beats = Beats()
        self._remark = remark
        self._say_of(request)
        self.controllers: list[Controller] = []
        """polled once a turn, closed with the session"""
        self.error = ""
        """why the picture asked for is not there, in one line"""
        self._threads = threads
        self._asked: Request | None = None
        self._sent: GridShot | None = None

    def start(self) -> None:
        """Ask for the first picture and let the model open."""
        self._ask()
        if self._threads:
            self.worker.start()

    def turn(self, dt: float, now: float, velocity: tuple[float, float] = (0.0, 0.0)) -> None:
        """Let ``dt`` seconds pass until ``now`` (seconds of any steady clock), gliding at
        ``velocity`` ticks a second on both axes.

        Raises:
            MorphError: the model cannot be opened, or cannot serve the expression.
        """
        self.beats.turn(now)
        for controller in self.controllers:
            controller.poll(self, now)
        self.state.advance(dt, *velocity)
        self._ask()
        if not self._threads:
            if self.worker.info is None:
                self.worker.open()
            self.worker.turn()
        self._receive()
        self.keeping.advance_recording(now)
        self._tend_grid()

    def at_beat(self, run: Callable[[], None]) -> None:
        """Do something at the next beat or bar, if one is waited for, else now.

        What it will show is rendered meanwhile, so that it arrives on the beat.
        """
        if not self.beats.holds:
            run()
            return
        self.beats.hold(run)
        coming = self.state.preview(run)
        if coming not in self.state.cache:
            self.worker.priority = (*self.worker.priority[-MOST:], coming)
            self.worker.requests.put(
                PendingRequest(self.state.request, self.state.playhead.direction)
            )

    def tap(self) -> None:
        """Beat time: a few taps make a tempo."""
        tempo = self.beats.tap()
        self.state.say("tap on …" if tempo is None else f"{tempo.bpm:.1f} beats a minute")

    def next_quantum(self) -> None:
        """Let jumps wait for nothing, a beat or a bar."""
        words = {0: "jumps wait for nothing", 1: "jumps wait for the beat"}
        chosen = words.get(self.beats.next_quantum(), "jumps wait for the bar")
        needs = "" if self.beats.tempo or not self.beats.quantum else ": tap the tempo with K"
        self.state.say(f"{chosen}{needs}")

    def write(self, expression: str) -> None:
        """Play another expression from the same place; the old picture stays until the first new
        one is there.

        Raises:
            ExpressionError, RequestError: it cannot be read or drawn; nothing has changed.
        """
        self.change(replace(self.state.request, expression=str(parse(expression))))

    def change(self, request: Request) -> None:
        """Play another request: other words, another place, seed or setting.

        Raises:
            ExpressionError, RequestError: it cannot be drawn; nothing has changed.
        """
        parse(request.expression)
        self._check(request)
        before = self.state.request.expression
        self.state.change(request)
        if request.expression != before:
            self._say_of(request)

    def _say_of(self, request: Request) -> None:
        """Say that nothing moves, or else which words the model was never taught."""
        remark = self._remark(request) if self.state.moves else stands_still(request.expression)
        if remark is not None:
            self.state.say(remark)

    def finish(self) -> None:
        """Finish what is being written; may take a while."""
        self.keeping.finish_recording()
        self.keeping.finish_grid()

    def close(self) -> None:
        """Let go of every device and of the engine; says so if that takes a while."""
        for controller in self.controllers:
            controller.close()
        self.worker.stop(lambda: print("ending as soon as the model is open", flush=True))

    def view(self, hertz: int) -> View:
        """Return what is to be shown; ``hertz`` is how often a second the front end turns."""
        state = self.state
        head = state.playhead
        times = self.worker.milliseconds
        recorder = self.keeping.recorder
        return View(
            request=state.request,
            axis=state.axis,
            shown=None if state.frame is None else state.frame.request,
            cached=state.cache.positions(state.request, state.axis),
            hits=state.cache.hits,
            kept=(state.cache.kept, state.cache.budget),
            speeds=state.speeds,
            mark_a=head.mark_a,
            mark_b=head.mark_b,
            playing=head.playing,
            speed=head.speed,
            perceptual=head.warp is not None,
            pad=state.has_pad,
            tokens=state.tokens,
            storms=state.storms,
            help=state.help,
            clean=state.clean,
            plan=None if state.info is None else state.info.plan,
            engine="" if state.info is None else f"{state.info.engine} {state.info.precision}",
            milliseconds=round(fmean(times), 1) if times else None,
            hertz=hertz,
            recording=None if recorder is None else round(recorder.seconds, 1),
            dropped=0 if recorder is None else recorder.dropped,
            notice=state.notice,
            error=self.error,
        )

    def _ask(self) -> None:
        """Leave the request for the render thread if it is a new one, and show what is known."""
        request = self.state.request
        if request == self._asked:
            return
        self._asked = request
        self.error = ""
        self.worker.requests.put(PendingRequest(request, self.state.playhead.direction))
        self.state.show(self.state.cache.get(request) or self.state.cache.nearest(request))

    def _receive(self) -> None:
        if self.worker.failure is not None:
            raise self.worker.failure
        self.state.learn(self.worker.info, self.worker.speeds)
        if self.worker.milliseconds:
            self.state.pace = fmean(self.worker.milliseconds) / 1e3
        result = self.worker.results.take()
        if result is None:
            return
        if result.request != self._asked:
            assert self._asked is not None
            # on the way to another seed or setting, what arrives is shown as it arrives
            self.state.show(self.state.cache.nearest(self._asked) or result.frame)
        elif result.error is not None:
            self.error = result.error
        else:
            self.state.show(result.frame)

    def _tend_grid(self) -> None:
        shot = self.keeping.grid_shot
        if shot is None:
            return
        if shot is not self._sent:
            self._sent = shot
            self.worker.priority_error = None
            self.worker.priority = shot.requests
            self.worker.requests.put(
                PendingRequest(self.state.request, self.state.playhead.direction)
            )
        self.keeping.advance_grid(self.worker.priority_error)
        if self.keeping.grid_shot is None:
            self.worker.priority = ()
