"""What is to be drawn: one frozen value, so that a picture that would not change is not drawn."""

from __future__ import annotations

from dataclasses import dataclass, fields
from statistics import fmean

from player.session.asking import Asking
from player.session.filling.scan import Speeds
from player.session.motion.beats import Beats
from player.session.motion.playhead import Loop, TickPoint
from player.session.rendering.stats import Stats
from player.session.saving.cues import Cue, Cues
from player.session.saving.filmrecorder import FilmRecorder
from player.session.state import HINT, PlayerState
from runtime.language.expression import parse
from runtime.language.line import TICKS, Axis, Line
from runtime.mixing.mix import Plan
from runtime.perception.charting.sketch import Sketch
from runtime.request import Request


@dataclass(frozen=True, slots=True)
class View:
    """Everything on screen besides the picture itself."""

    request: Request
    axis: Axis
    """which axis the bar shows"""
    shown: Request | None
    """the position of the picture on show: behind ``request`` until the model caught up"""
    cached: tuple[float, ...]
    hits: int
    kept: tuple[int, int]
    """bytes of pictures and all that is learned of them, and the most there may be"""
    speeds: Speeds | None
    sketch: Sketch | None
    """the plane behind the pad, as far as it is known"""
    mark_a: TickPoint | None
    mark_b: TickPoint | None
    playing: bool
    speed: float
    perceptual: bool
    pad: bool
    tokens: bool
    storms: bool
    help: bool
    clean: bool
    """whether nothing but the picture is shown"""
    plan: Plan | None
    engine: str
    milliseconds: float | None
    """mean render time of recent frames"""
    hertz: int
    """turns of the window's loop a second"""
    recording: float | None
    """seconds of film so far"""
    dropped: int
    """pictures that the film being recorded lacks, because the machine was too slow"""
    notice: str
    error: str
    loop: Loop = "bounce"
    between: bool = False
    """whether playing stays between the marks"""
    cues: tuple[Cue, ...] = ()
    glide_seconds: float = 2.0
    difference: bool = False
    """whether the difference between the marks is shown instead of the picture"""
    quantum: int = 0
    """beats that jumps wait for a multiple of, 0 for none"""
    has_tempo: bool = False
    waiting: bool = False
    """whether a jump waits for its beat"""
    zoom: int = 1
    """times as large as fits the window"""
    hint: str = HINT
    """what is said where there is nothing else to say"""
    stats: tuple[tuple[str, str], ...] | None = None
    """the statistics as (what, figure), where they are open"""

    @property
    def place(self) -> float:
        """Where on the bar the request is."""
        return Line(self.request, self.axis).place

    @property
    def ghost(self) -> float | None:
        """Where on the bar the picture on show is, if that is elsewhere."""
        if self.shown is None or self.shown == self.request:
            return None
        place = Line(self.shown, self.axis).place
        return None if place == self.place else place

    @property
    def line(self) -> Line:
        """What the bar shows, from its start."""
        return Line(self.request, self.axis).start

    @property
    def moves(self) -> bool:
        """Whether there is anything to move along."""
        return not parse(self.request.expression).is_still

    @property
    def marks(self) -> tuple[tuple[str, float, float], ...]:
        """The set marks as (name, place on the bar, place across it)."""
        named = (("A", self.mark_a), ("B", self.mark_b))
        return tuple((name, p[0] / TICKS, p[1] / TICKS) for name, p in named if p is not None)

    @property
    def behind(self) -> bool:
        """Whether the picture on show is not yet the one asked for."""
        return self.shown is not None and self.shown != self.request

    @property
    def covers(self) -> bool:
        """Whether something lies on the picture."""
        return self.tokens or self.help or bool(self.error) or self.stats is not None

    @property
    def foreground(self) -> tuple[object, ...]:
        """What must be drawn at once when it changes; ``_BACKGROUND`` may wait a little."""
        return self.plan is None, *(getattr(self, name) for name in _FOREGROUND)


_BACKGROUND = {
    "axis", "cached", "hits", "kept", "speeds", "sketch", "pad", "plan", "engine", "milliseconds",
    "hertz", "recording", "dropped", "glide_seconds",
}  # fmt: skip
"""fields whose change may wait"""
_FOREGROUND = tuple(field.name for field in fields(View) if field.name not in _BACKGROUND)


def view_of(
    state: PlayerState,
    asking: Asking,
    stats: Stats,
    *,
    hertz: int,
    recorder: FilmRecorder | None,
    cues: Cues,
    beats: Beats,
) -> View:
    """Return what is to be shown; ``hertz`` is how often a second the front end turns."""
    head = state.playhead
    worker = asking.worker
    times = worker.milliseconds
    return View(
        request=state.request,
        axis=state.axis,
        shown=None if state.frame is None else state.frame.request,
        cached=state.cache.positions(state.request, state.axis),
        hits=state.cache.hits,
        kept=(state.cache.kept, state.cache.budget),
        speeds=state.speeds,
        sketch=worker.lines.sketch,
        mark_a=head.mark_a,
        mark_b=head.mark_b,
        playing=head.playing,
        speed=head.speed,
        perceptual=head.warp is not None,
        pad=state.has_pad,
        tokens=state.panels.tokens,
        storms=state.panels.storms,
        help=state.panels.help,
        clean=state.panels.clean,
        plan=None if state.info is None else state.info.plan,
        engine="" if state.info is None else f"{state.info.engine} {state.info.precision}",
        milliseconds=round(fmean(times), 1) if times else None,
        hertz=hertz,
        recording=None if recorder is None else round(recorder.seconds, 1),
        dropped=0 if recorder is None else recorder.dropped,
        notice=state.notice,
        error=asking.error,
        loop=head.loop,
        between=head.between,
        cues=cues.kept,
        glide_seconds=cues.glide_seconds,
        difference=state.panels.difference,
        quantum=beats.quantum,
        has_tempo=beats.tempo is not None,
        waiting=bool(beats.waiting),
        zoom=state.panels.zoom,
        hint=state.hint,
        stats=stats.page(worker, state.cache) if state.panels.stats else None,
    )
