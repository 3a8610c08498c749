"""What every front end stands on: the player's state, the render thread, and what is kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Protocol, runtime_checkable

from player.session.asking import Asking
from player.session.difference import MarksDifference
from player.session.filling.memory import give_back_freed
from player.session.livesettings import LiveSettings
from player.session.motion.beats import Beats
from player.session.motion.glide import glide_between
from player.session.motion.moment import Moment
from player.session.motion.past import Past
from player.session.opening import moment_in
from player.session.playedmodel import PlayedModel
from player.session.priority import PriorityRequests
from player.session.rendering.models import Model, Models
from player.session.rendering.renderer import Renderer
from player.session.rendering.stats import Stats
from player.session.rendering.worker import Worker
from player.session.reproduce import Invocation, play_command
from player.session.saving.cues import Cues
from player.session.saving.firstpicture import FirstPicture
from player.session.saving.keeping import Keeping
from player.session.saving.keptfile import kind_in
from player.session.saving.takerecorder import Takes
from player.session.state import HINT, PlayerState
from player.session.text.words import History
from player.session.view import View, view_of
from runtime.errors import MorphError, RequestError, one_line
from runtime.language.expression import parse
from runtime.language.line import DIVISIONS, Line, stands_still
from runtime.language.openaxis import open_axis
from runtime.perception.charting.range import REACH
from runtime.request import Frame, Request

LONGEST_TURN = 0.1
"""Seconds that one turn may stand for: after a stall the picture does not leap."""


class Controller(Protocol):
    """Something besides keys and mouse that a person plays with."""

    def poll(self, session: Session, now: float) -> None:
        """Act on the session, once a turn, at ``now`` seconds."""

    def close(self) -> None:
        """Let go of the device."""


@runtime_checkable
class Sharing(Controller, Protocol):
    """A controller by which several play one session, of whom one performs."""

    def hand_over(self, session: Session) -> None:
        """Let who asks to perform do so at once."""


LAST_RENDERS = 3
"""So many renders before a beat, its picture comes before what is asked for now: one may just have
begun, one is the picture itself, and one is for what a busy machine takes longer."""


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
        first: FirstPicture | None = None,
        threads: bool = True,
    ) -> None:
        """Play ``request``'s expression from its position.

        ``picture`` is the model's (width, height); stills and films go to ``folder``;
        ``budget`` is how many bytes of them may be kept (None: ``default_budget``);
        ``check`` raises MorphError for what the model cannot draw (``Planner.check``); ``remark``
        returns what is worth saying of what it can (``Planner.untaught``); ``models`` are others
        to play with; ``first`` is shown while the model opens. For tests: ``threads=False``
        renders inside ``turn``.
        """
        self.state = PlayerState(
            request, invocation or Invocation(), folder or Path.cwd(), picture, budget
        )
        self._threads = threads
        self.keeping = Keeping(self.state)
        self.beats = Beats()
        self.cues = Cues(self.state, self.go)
        self.past = Past()
        self.history = History()
        self.takes = Takes(self.state)
        self.stats = Stats()
        self.difference = MarksDifference(self.state)
        self._ahead: object = None
        """what the pictures of coming beats were last thought out from"""
        self._arrivals: dict[float, Request] = {}
        """what will be asked for at coming beats, by when they are in seconds"""
        name = self.state.invocation.model
        model = Model(name, picture, open_renderer) if models is None else models.find(name)
        self.played = PlayedModel(
            replace(model, open=open_renderer, check=check, remark=remark),
            models,
            self.state,
            self.keeping,
            self._draw_with,
            shown=first,
            budget=budget,
        )
        self.live = LiveSettings(
            self.state, self.change, self.go, lambda: self.played.model, models
        )
        self._say_of(request)
        self.controllers: list[Controller] = []
        """polled once a turn, closed with the session"""

    def start(self) -> None:
        """Ask for the first picture and let the model open."""
        give_back_freed()
        self.stats.reach("session")
        self.asking.start()

    @property
    def worker(self) -> Worker:
        """The render thread of the model that is played."""
        return self.asking.worker

    def turn(self, dt: float, now: float, velocity: tuple[float, float] = (0.0, 0.0)) -> None:
        """Let ``dt`` seconds pass until ``now`` (seconds of any steady clock), moving on at
        ``velocity`` ticks a second on both axes.

        Raises:
            MorphError: the model cannot be opened, or cannot serve the expression.
        """
        self.beats.turn(now)
        self.stats.turn(now)
        self.state.advance(dt, *velocity)
        for controller in self.controllers:
            self._poll(controller, now)
        self.played.switch()
        self.asking.ask()
        self.asking.draw_here()
        failed = self.played.recover()
        if failed is not None:
            self.past.forget(failed, replace(self.moment, digest=""))
        self.asking.receive()
        self._note(now)
        self.keeping.advance_recording(now)
        self.takes.follow(self.keeping.recorder, self.moment, now)
        self._look_ahead(now)
        self.difference.turn(self.priority)
        self.priority.turn(self.played.name)

    @property
    def moment(self) -> Moment:
        """Everything that makes the picture asked for."""
        info = self.state.info
        digest = "" if info is None else str(info.settings.get("digest", ""))
        return Moment(self.state.request, self.played.name, digest)

    def go(self, moment: Moment, seconds: float = 0.0) -> None:
        """Play a moment, with its model; by a glide of ``seconds`` where there is a way.

        Raises:
            ExpressionError, RequestError, BundleError: it cannot be played; nothing has changed.
        """
        state = self.state
        state.gliding, state.switch = None, None
        other = self.played.other_of(moment)
        if other is not None:
            request = other.fitted(moment.request)
            other.check(request)
            state.switch = replace(moment, request=request, model=other.name)
            if doubt := moment.doubt(other.digest):
                state.complain(doubt)
            return
        way = glide_between(state.request, moment.request, seconds) if seconds else None
        if way is not None:
            try:
                self.played.model.check(way.start)
            except RequestError:  # both ends together may be more prompts than a model mixes
                way = None
        if way is None:
            self.change(moment.request)
        else:
            self.played.model.check(moment.request)
            state.begin_glide(way)
        if doubt := moment.doubt(self.moment.digest):
            state.say(doubt)

    def open_file(self, path: Path) -> None:
        """Play on where a picture, film or take was made, or take the cues of a file; say what
        was opened, or in one line why it cannot be.
        """
        try:
            if kind_in(path) == "cue list":
                self.cues.open(path)
            else:
                self.state.say(f"opened {path.name}")
                self.go(moment_in(path, self.state.complain))
        except MorphError as error:
            self.state.complain(str(error))

    def undo(self) -> None:
        """Go back to what was asked for before."""
        self._travel(self.past.undo, "nothing to undo")

    def redo(self) -> None:
        """Go to what was undone last."""
        self._travel(self.past.redo, "nothing to redo")

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
        return self.difference.picture() or self.state.frame

    def hand_over(self) -> None:
        """Let who asks to perform do so at once, where several play one session."""
        sharing = [one for one in self.controllers if isinstance(one, Sharing)]
        for one in sharing:
            one.hand_over(self)
        if not sharing:
            self.state.say("nobody else plays this session")

    def at_beat(self, run: Callable[[], None]) -> None:
        """Do something at the next beat or bar, if one is waited for, else now.

        What it will show is rendered meanwhile, so that it arrives on the beat.
        """
        if self.beats.holds:
            self.beats.hold(run)
        else:
            run()

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
        one is there. One whose range is left open with ``?`` is played once that is found.

        Raises:
            ExpressionError, RequestError: it cannot be read or drawn; nothing has changed.
        """
        axis = open_axis(expression)
        if axis is not None:
            wide = replace(self.state.request, expression=axis.close(-REACH, REACH))
            self.played.model.check(wide)
            remark = self.played.model.remark(wide)
            if remark is not None:
                raise RequestError(remark)
            self.priority.find_typed_range(axis)
            return
        self.change(replace(self.state.request, expression=str(parse(expression))))
        self.history.add(self.state.base.expression)
        self.state.hint = HINT

    def change(self, request: Request) -> None:
        """Play another request: other words, another place, seed or setting.

        Raises:
            ExpressionError, RequestError: it cannot be drawn; nothing has changed.
        """
        parse(request.expression)
        self.played.model.check(request)
        before = self.state.request.expression
        self.state.change(request)
        if request.expression != before:
            self._say_of(request)

    def _say_of(self, request: Request) -> None:
        """Say that nothing moves, or else which words the model was never taught."""
        remark = (
            self.played.model.remark(request)
            if self.state.moves
            else stands_still(request.expression)
        )
        if remark is not None:
            self.state.say(remark)

    def finish(self) -> None:
        """Finish what is being written; may take a while."""
        self.keeping.finish_recording()
        self.takes.follow(None, self.moment, 0.0)
        self.keeping.finish_grid()
        self.cues.save()

    def view(self, hertz: int) -> View:
        """Return what is to be shown; ``hertz`` is how often a second the front end turns."""
        return view_of(
            self.state,
            self.asking,
            self.stats,
            hertz=hertz,
            recorder=self.keeping.recorder,
            cues=self.cues,
            beats=self.beats,
        )

    def close(self) -> None:
        """Let go of every device and of the engine; says so if that takes a while."""
        for controller in self.controllers:
            controller.close()
        self.worker.stop(lambda: print("ending as soon as the model is open", flush=True))

    def _poll(self, controller: Controller, now: float) -> None:
        """Let a controller act; whatever fails in it, the picture goes on."""
        try:
            controller.poll(self, now)
        except Exception as error:  # a device's library may raise anything
            problem = f"{type(controller).__name__}: {one_line(error)}"
            if self.state.notice != problem:  # said again when its notice is gone, not every turn
                self.state.complain(problem)

    def _travel(self, way: Callable[[Callable[[Moment], None]], bool], otherwise: str) -> None:
        self.state.gliding = None
        self._note(self.beats.now)
        try:
            if way(self.go):
                self.state.playhead = replace(self.state.playhead, playing=False)
            else:
                self.state.say(otherwise)
        except MorphError as error:
            self.state.say(str(error))

    def _note(self, now: float) -> None:
        """Let undo know what is asked for; what a glide passes is nothing to come back to."""
        if self.state.gliding is None and self.state.switch is None:
            playing = self.state.playhead.playing
            self.past.observe(replace(self.moment, digest=""), now, playing=playing)

    def _look_ahead(self, now: float) -> None:
        """Have drawn what will be asked for at each beat that something waits for: when there is
        time, and at last instead of what is asked for now.
        """
        waiting, state = self.beats.waiting, self.state

        def arrive() -> dict[float, Request]:
            asked, clock = {}, now
            for due, run in waiting:
                state.advance(max(due - clock, 0.0))
                run()
                asked[due], clock = state.request, due
            return asked

        thought_of = waiting, state.request, state.playhead.playing
        if thought_of != self._ahead:
            self._ahead = thought_of
            self._arrivals = state.preview(arrive) if waiting else {}
            self.priority.want("beats", tuple(self._arrivals.values()))
        soon = now + LAST_RENDERS * state.pace
        self.worker.urgent = tuple(one for due, one in self._arrivals.items() if due <= soon)

    def _draw_with(self, worker: Worker) -> Asking:
        """Let a model's render thread draw from now on."""
        self._ahead = None
        self.difference.forget()
        self.asking = Asking(worker, self.state, self.stats, threads=self._threads)
        self.priority = PriorityRequests(
            self.asking, self.state, self.keeping, self.cues, self.write
        )
        return self.asking
