"""What every front end stands on: the player's state, the render thread, and what is kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from statistics import fmean

from player.session.gridshot import GridShot
from player.session.keeping import Keeping
from player.session.reproduce import Invocation
from player.session.state import PlayerState
from player.session.view import View
from player.session.worker import PendingRequest, Renderer, Worker
from runtime.request import Request


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
        threads: bool = True,
    ) -> None:
        """Play ``request``'s expression from its position.

        ``picture`` is the model's (width, height); stills and films go to ``folder``. For tests:
        ``threads=False`` renders inside ``turn``.
        """
        self.state = PlayerState(request, invocation or Invocation(), folder or Path.cwd(), picture)
        self.keeping = Keeping(self.state)
        self.worker = Worker(
            open_renderer, self.state.cache, self.state.axis if self.state.moves else None
        )
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
        self.state.advance(dt, *velocity)
        self._ask()
        if not self._threads:
            if self.worker.info is None:
                self.worker.open()
            self.worker.turn()
        self._receive()
        self.keeping.advance_recording(now)
        self._tend_grid()

    def finish(self) -> None:
        """Finish what is being written; may take a while."""
        self.keeping.finish_recording()
        self.keeping.finish_grid()

    def close(self) -> None:
        """Release the engine; says so if that takes a while."""
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
