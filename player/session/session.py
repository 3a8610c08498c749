"""What every front end stands on: the player's state, the render thread, and what is kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Protocol

from player.session.drawing.measures import Measures
from player.session.drawing.memory import default_budget, give_back_freed
from player.session.drawing.worker import PendingRequest, Renderer, Worker
from player.session.keep.cues import Cues, read_cues
from player.session.keep.difference import difference
from player.session.keep.gridshot import GridShot
from player.session.keep.keeping import Keeping
from player.session.keep.rangeshot import RangeShot
from player.session.keep.takes import Takes
from player.session.models import Model, Models
from player.session.motion.beats import MOST, Beats
from player.session.motion.glide import glide_between
from player.session.motion.moment import Moment, kind_in
from player.session.motion.past import Past
from player.session.motion.playhead import DIVISIONS
from player.session.opening import moment_in
from player.session.reproduce import Invocation, play_command
from player.session.settings import Settings
from player.session.state import HINT, PlayerState
from player.session.view import View
from player.session.words import History
from runtime.cache import FrameCache
from runtime.errors import MorphError, RequestError, one_line
from runtime.language.expression import parse
from runtime.language.line import Line, stands_still
from runtime.request import Frame, Request


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
        models: Models | None = None,
        budget: int | None = None,
        threads: bool = True,
    ) -> None:
        """Play ``request``'s expression from its position.

        ``picture`` is the model's (width, height); stills and films go to ``folder``;
        ``budget`` is how many bytes of them may be kept (None: ``default_budget``);
        ``check`` raises MorphError for what the model cannot draw (``Planner.check``); ``remark``
        returns what is worth saying of what it can (``Planner.untaught``); ``models`` are others
        to play with. For tests: ``threads=False`` renders inside ``turn``.
        """
        self.state = PlayerState(
            request, invocation or Invocation(), folder or Path.cwd(), picture, budget
        )
        self.keeping = Keeping(self.state)
        self.worker = Worker(open_renderer, self.state.cache)
        self._check = check
        self.beats = Beats()
        self.cues = Cues(self.state, self.go)
        self.past = Past()
        self.history = History()
        self.settings = Settings(self.state, self.change, self.go, models)
        self.takes = Takes(self.state)
        self.measures = Measures()
        self._models = models
        self._budget = budget
        self._folders: dict[str, str] = {}
        """what models were opened by, by their names"""
        self._before: Moment | None = None
        self._cued: tuple[object, ...] = ()
        self._difference: tuple[tuple[Request, Request], Frame] | None = None
        if models is not None:
            self.settings.model = models.find(self.state.invocation.model)
        self._remark = remark
        self._say_of(request)
        self.controllers: list[Controller] = []
        """polled once a turn, closed with the session"""
        self.error = ""
        """why the picture asked for is not there, in one line"""
        self._threads = threads
        self.arrived: Frame | None = None
        """the last picture that the render thread made for what was asked"""
        self._asked: Request | None = None
        self._coming: Request | None = None
        self._sought: Request | None = None
        """what the render thread was asked for last"""
        self._sent: GridShot | None = None
        self._range: RangeShot | None = None

    def start(self) -> None:
        """Ask for the first picture and let the model open."""
        give_back_freed()
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
        self.measures.turn(now)
        self.state.advance(dt, *velocity)
        self._switch_model()
        self._ask()
        if not self._threads:
            self._render_here()
        self._receive()
        moment = self.moment
        moving = self.state.playhead.playing or self.state.gliding is not None
        self.past.observe(replace(moment, digest=""), now, playing=moving)
        self.keeping.advance_recording(now)
        self.takes.follow(self.keeping.recorder, moment, now)
        self._tend_grid()
        self._tend_range()
        self._tend_others()

    @property
    def moment(self) -> Moment:
        """Everything that makes the picture asked for."""
        info = self.state.info
        digest = "" if info is None else str(info.settings.get("digest", ""))
        return Moment(self.state.request, self.model_name, digest)

    @property
    def model_name(self) -> str:
        """The model's name, without the folders that its bundle lies in."""
        return self.state.invocation.shareable().model

    def go(self, moment: Moment, seconds: float = 0.0) -> None:
        """Play a moment, with its model; by a glide of ``seconds`` where there is a way.

        Raises:
            ExpressionError, RequestError, BundleError: it cannot be played; nothing has changed.
        """
        state = self.state
        state.gliding = None
        if moment.model not in (state.invocation.model, self.model_name):
            if self._models is None:
                raise RequestError(f"it was made with {moment.model}, and no other model is here")
            model = self._models.find(self._folders.get(moment.model, moment.model))
            request = model.fitted(moment.request)
            model.check(request)
            state.switch = replace(moment, request=request, model=model.name)
            return
        way = glide_between(state.request, moment.request, seconds) if seconds else None
        if way is None:
            self.change(moment.request)
            return
        self._check(way.start)
        self._check(moment.request)
        state.begin_glide(way)

    def open_file(self, path: Path) -> None:
        """Play on where a picture, film or take was made, or take the cues of a file; say what
        was opened, or in one line why it cannot be.
        """
        try:
            if kind_in(path) == "cue list":
                self.cues.set(*read_cues(path))
                self.state.say(f"{len(self.cues.kept)} cues of {path.name}")
            else:
                self.go(moment_in(path))
                self.state.say(f"opened {path.name}")
        except MorphError as error:
            self.state.complain(str(error))

    def undo(self) -> None:
        """Go back to what was asked for before."""
        self._step(self.past.undo(), "nothing to undo")

    def redo(self) -> None:
        """Go to what was undone last."""
        self._step(self.past.redo(), "nothing to redo")

    def copy_command(self) -> None:
        """Put the command that opens this view again on the clipboard."""
        self.state.copied = play_command(self.state.request, self.state.invocation)
        self.state.say(f"copied: {self.state.copied}")

    def peek(self, place: float) -> Frame | None:
        """Return the picture at the division nearest to a place on the bar, if it is known."""
        line = Line(self.state.request, self.state.axis)
        return self.state.cache.peek(line.at(round(place * DIVISIONS) / DIVISIONS))

    def picture(self) -> Frame | None:
        """Return what is to be shown: the picture, or the difference between the marks."""
        marked = self.state.marked() if self.state.difference else None
        if marked is None:
            return self.state.frame
        if self._difference is None or self._difference[0] != marked:
            first, second = (self.state.cache.peek(request) for request in marked)
            if first is None or second is None:
                self._want(marked)
                return self.state.frame
            self._difference = marked, difference(first, second, self.state.request)
        return self._difference[1]

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
            self._want((coming,))

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
        self.history.add(self.state.base.expression)
        self.state.hint = HINT

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
        self.takes.follow(None, self.moment, 0.0)
        self.keeping.finish_grid()
        self.cues.save()

    def close(self) -> None:
        """Let go of every device and of the engine; says so if that takes a while."""
        for controller in self.controllers:
            controller.close()
        self.worker.stop(lambda: print("ending as soon as the model is open", flush=True))

    def foresee(self, request: Request | None) -> None:
        """Draw, instead of the picture asked for, one that will be when it is there: a front end
        that knows where it is moving to says so. None ends that.
        """
        self._coming = request

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
            clean=state.clean,
            plan=None if state.info is None else state.info.plan,
            engine="" if state.info is None else f"{state.info.engine} {state.info.precision}",
            milliseconds=round(fmean(times), 1) if times else None,
            hertz=hertz,
            recording=None if recorder is None else round(recorder.seconds, 1),
            dropped=0 if recorder is None else recorder.dropped,
            notice=state.notice,
            error=self.error,
            loop=head.loop,
            between=head.between,
            cues=self.cues.kept,
            glide_seconds=self.cues.glide_seconds,
            difference=state.difference,
            zoom=state.zoom,
            hint=state.hint,
            measures=self.measures.page(self.worker, state.cache) if state.measures else None,
        )

    def _ask(self) -> None:
        """Leave the request for the render thread if it is a new one, and show what is known."""
        request = self.state.request
        sought = self._coming or request
        if sought != self._sought:
            self._sought = sought
            self.worker.requests.put(PendingRequest(sought, self.state.playhead.direction))
        if request == self._asked:
            return
        self._asked = request
        self.error = ""
        known = self.state.cache.get(request)
        self.measures.ask(request, known=known is not None)
        self.state.show(known or self.state.cache.nearest(request))

    def _render_here(self) -> None:
        """Do the render thread's work between two turns."""
        try:
            if self.worker.info is None:
                self.worker.open()
            self.worker.turn()
        except MorphError as error:
            self.worker.failure = error

    def _receive(self) -> None:
        if self.worker.failure is not None and not self._return_to_the_last_model():
            raise self.worker.failure
        if self.state.info is None and self.worker.info is not None:
            self.measures.reset()
        self.state.learn(self.worker.info, self.worker.speeds)
        if self.worker.milliseconds:
            self.state.pace = fmean(self.worker.milliseconds) / 1e3
        result = self.worker.results.take()
        if result is None:
            return
        self.arrived = result.frame
        if result.request != self._asked:
            assert self._asked is not None
            # on the way to another seed or setting, what arrives is shown as it arrives
            nearest = self.state.cache.nearest(self._asked) or result.frame
            self.state.show(nearest)
            if nearest is not result.frame:
                self.measures.overtake(result.request)
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

    def find_range(self) -> None:
        """Find how far the second axis can be pushed here, or give that up."""
        if self._range is not None:
            self._range, self.worker.priority = None, ()
            self.state.say("the range is given up")
            return
        try:
            self._range = RangeShot(self.state.request)
        except MorphError as error:
            self.state.say(one_line(error))

    def _tend_range(self) -> None:
        shot = self._range
        if shot is None or self.keeping.grid_shot is not None:
            return
        done = shot.advance(self.state.cache)
        problem = self.worker.priority_error
        if problem is None and not done:
            self._want(shot.requests)
            self.state.say(shot.progress)
            return
        self._range, self.worker.priority, self.worker.priority_error = None, (), None
        if problem is not None:
            self.state.complain(problem)
            return
        self.state.say(f"{shot.verdict}: its expression is in the terminal")
        found = replace(self.state.request, expression=shot.expression, u=0.5)
        command = play_command(found, self.state.invocation)
        self.state.printed.append(f"{shot.verdict}\n  {command}")

    def _want(self, requests: tuple[Request, ...]) -> None:
        """Let the render thread make some pictures before it fills the line."""
        missing = tuple(one for one in requests if one not in self.state.cache)
        new = tuple(one for one in missing if one not in self.worker.priority)
        if new:
            self.worker.priority = (*self.worker.priority[-MOST:], *new)
            self.worker.requests.put(
                PendingRequest(self.state.request, self.state.playhead.direction)
            )

    def _tend_others(self) -> None:
        """Have the pictures of the cues at hand before they are recalled."""
        self.cues.look()
        version = (self.cues.version, self.worker)
        if version != self._cued and self.keeping.grid_shot is None:
            self._cued = version
            self._want(self.cues.requests(self.model_name))

    def _step(self, moment: Moment | None, otherwise: str) -> None:
        if moment is None:
            self.state.say(otherwise)
            return
        try:
            self.go(moment)
        except MorphError as error:
            self.state.say(str(error))
        else:
            self.state.playhead = replace(self.state.playhead, playing=False)

    def _switch_model(self) -> None:
        """Let another model take over; the old picture stays until its first is there."""
        wanted, self.state.switch = self.state.switch, None
        if wanted is None or self._models is None:
            return
        try:
            model = self._models.find(wanted.model)
        except MorphError as error:
            self.state.say(str(error))
            return
        self._before = Moment(self.state.request, self.state.invocation.model)
        self._play_with(model, wanted.request)
        self.state.say(f"opening {self.model_name} …")

    def _play_with(self, model: Model, request: Request) -> None:
        state = self.state
        self._folders[self.model_name] = state.invocation.model
        self.keeping.finish_recording()
        self.keeping.give_up_grid()
        state.invocation = replace(state.invocation, model=model.name, size=None)
        state.cache = FrameCache(self._budget or default_budget(model.picture))
        self._check = model.check
        self._remark = model.remark
        self.settings.model = model
        leaving = self.worker

        def open_next() -> Renderer:
            leaving.stop()  # two models at once may not fit into memory
            return model.open()

        self.worker = Worker(open_next, state.cache)
        leaving.requests.close()
        self._difference = None
        self._asked = self._coming = self._sought = None
        state.change(request)
        self._ask()
        if self._threads:
            self.worker.start()

    def _return_to_the_last_model(self) -> bool:
        """Play on with the model before, if this one failed to open; False if there is none."""
        if self._before is None or self.worker.info is not None or self._models is None:
            return False
        why = self.worker.failure
        moment, self._before = self._before, None
        self._play_with(self._models.find(moment.model), moment.request)
        self.state.complain(f"{why}: playing on with {moment.model}")
        return True
