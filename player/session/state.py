"""The state that keys act on: where we are, what is shown, what is being recorded. No window."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from player.session.memory import default_budget
from player.session.playhead import DIVISIONS, FINE, Playhead
from player.session.reproduce import Invocation
from player.session.scan import Speeds
from player.session.worker import ModelInfo
from runtime.cache import FrameCache
from runtime.language.expression import parse
from runtime.language.line import Axis, Line, stands_still
from runtime.request import MAX_SEED, Frame, Interp, Request

NOTICE_SECONDS = 4.0


class PlayerState:
    """What the person at the controls changes, by the actions of ``player.session.actions``."""

    def __init__(
        self,
        request: Request,
        invocation: Invocation,
        folder: Path,
        picture: tuple[int, int] = (0, 0),
        budget: int | None = None,
    ) -> None:
        """Start at ``request``; stills and films go to ``folder``.

        ``budget`` is how many bytes may be kept; by default a whole line of ``picture`` (width,
        height) has room, however large.
        """
        self.playhead = Playhead()
        self.change(request)
        self.invocation = invocation
        self.folder = folder
        self.cache = FrameCache(default_budget(picture) if budget is None else budget)
        self.frame: Frame | None = None
        """the picture on show"""
        self.fullscreen = False
        self.closing = False
        """whether the session is to end"""
        self.tokens = False
        self.storms = True
        self.help = False
        self.clean = False
        """whether nothing but the picture is shown"""
        self.speeds: Speeds | None = None
        self.info: ModelInfo | None = None
        self.notice = ""
        self.notice_age = 0.0
        self.learning = False
        """whether the next action by key is meant for the next moved knob"""
        self.learn_action = ""
        """the action that a knob is to be bound to, taken by whoever hears knobs"""
        self.pace = 0.0
        """seconds that a frame takes, 0 until that is known"""
        self.printed: list[str] = []
        """lines for the terminal, taken by whoever owns it"""

    def change(self, request: Request) -> None:
        """Stand at another request, which may have another expression."""
        self.base = request
        self.expression = parse(request.expression)
        self.axis: Axis = Line.through(request).axis if self.moves else "t"
        """what the seek bar, ← and →, and playing move along"""
        place = Line(request, self.axis).place
        self.playhead = self.playhead.rest_at(place, request.u if self.has_pad else 0.5)

    @property
    def request(self) -> Request:
        """The picture asked for."""
        if self.axis == "t":
            return self.playhead.request(self.base)
        return Line(self.base, self.axis).at(self.playhead.t)

    @property
    def moves(self) -> bool:
        """Whether there is anything to move along."""
        return self.expression.moves or self.expression.has_axis

    @property
    def has_pad(self) -> bool:
        """Whether there are two axes."""
        return self.expression.moves and self.expression.has_axis

    def say(self, text: str) -> None:
        """Show a line for a few seconds."""
        self.notice = text
        self.notice_age = 0.0

    def advance(self, dt: float, vx: float = 0.0, vy: float = 0.0) -> None:
        """Let ``dt`` seconds pass, gliding at ``vx`` and ``vy`` ticks a second."""
        self.notice_age += dt
        if self.notice_age > NOTICE_SECONDS:
            self.notice = ""
        if vx or vy:
            self.glide(dt, vx, vy)
        else:
            self.playhead = self.playhead.play(dt)

    def glide(self, dt: float, vx: float, vy: float = 0.0) -> None:
        """Move for ``dt`` seconds at ``vx`` and ``vy`` ticks a second."""
        if self.moves:
            self.playhead = self.playhead.glide(dt, vx, vy if self.has_pad else 0.0)

    def show(self, frame: Frame | None) -> None:
        """Put a picture on show; None leaves the one that is there."""
        self.frame = frame or self.frame

    def rest(self) -> None:
        """Stop gliding, exactly where the shown position is."""
        self.playhead = self.playhead.at_rest()

    def learn(self, info: ModelInfo | None, speeds: Speeds | None) -> None:
        """Take what the render thread knows; perceptual time ends where its scan does."""
        self.info = info
        self.speeds = speeds
        if self.playhead.warp is not None and not self._scanned():
            self.playhead = replace(self.playhead, warp=None)
            self.say("raw time: this line is not scanned yet")

    def preview(self, run: Callable[[], None]) -> Request:
        """Return the picture that would be asked for after ``run``, which is not done."""
        before = dict(vars(self))
        try:
            run()
            return self.request
        finally:
            vars(self).update(before)

    def move(self, dx: int, dy: int) -> None:
        """Move by ticks; along an axis that is not there, do nothing."""
        if self._at_rest():
            return
        if dx or self.has_pad:
            self.playhead = self.playhead.move(dx, dy if self.has_pad else 0)

    def move_along(self, divisions: float) -> None:
        """Move by so many 1/400 of the way."""
        self.move(round(divisions * FINE), 0)

    def move_across(self, divisions: float) -> None:
        """Move by so many 1/400 of the second axis."""
        self.move(0, round(divisions * FINE))

    def seek(self, place: float) -> None:
        """Jump to a place in [0, 1] on the bar."""
        if self._at_rest():
            return
        self.playhead = self.playhead.seek(place)

    def seek_u(self, place: float) -> None:
        """Jump to a place in [0, 1] on the second axis, if there are two."""
        if self.has_pad:
            self.playhead = self.playhead.seek(None, place)

    def play(self) -> None:
        """Play or pause."""
        if self._at_rest():
            return
        self.playhead = self.playhead.toggle()

    def change_speed(self, doublings: float) -> None:
        """Play at 2^``doublings`` times the speed."""
        self.playhead = self.playhead.faster(int(doublings))
        self.say(f"speed ×{self.playhead.speed:g}")

    def home(self) -> None:
        """Jump to the start."""
        self.seek(0.0)

    def end(self) -> None:
        """Jump to the end."""
        self.seek(1.0)

    def change_seed(self, change: float) -> None:
        """Take a later seed, or an earlier one; after the last comes the first."""
        self.base = replace(self.base, seed=(self.base.seed + int(change)) % (MAX_SEED + 1))
        self.say(f"seed {self.base.seed}")

    def mark_a(self) -> None:
        """Set mark A here."""
        self.playhead = self.playhead.mark("a")
        self.say("mark A set: B sets the other, Tab flips")

    def mark_b(self) -> None:
        """Set mark B here."""
        self.playhead = self.playhead.mark("b")
        self.say("mark B set: Tab flips between A and B")

    def flip(self) -> None:
        """Jump between the marks."""
        if self.playhead.mark_a is None and self.playhead.mark_b is None:
            self.say("no marks yet: A and B set them")
        self.playhead = self.playhead.flip()

    def toggle_tokens(self) -> None:
        """Show or hide the token strip."""
        self.tokens = not self.tokens

    def toggle_storms(self) -> None:
        """Show or hide the storm strip."""
        self.storms = not self.storms

    def toggle_help(self) -> None:
        """Show or hide the keys."""
        self.help = not self.help

    def toggle_perceptual(self) -> None:
        """Move evenly in visible change instead of in t, or back."""
        if self._at_rest():
            return
        if self.playhead.warp is not None:
            self.playhead = replace(self.playhead, warp=None)
            self.say("raw time")
        elif self.speeds is not None and self._scanned():
            self.playhead = replace(self.playhead, warp=self.speeds.warp())
            self.say("perceptual time: equal steps look equally different")
        else:
            cached = len(self.cache.positions(self.request, self.axis))
            left = "" if not self.pace else f", about {(DIVISIONS + 1 - cached) * self.pace:.0f} s"
            self.say(
                f"perceptual time needs all pictures of the bar: {cached} of {DIVISIONS + 1}{left}"
            )

    def toggle_interp(self) -> None:
        """Go between words in a straight line, or turn from one to the other; and back."""
        interp: Interp = "slerp" if self.base.interp == "lerp" else "lerp"
        self.base = replace(self.base, interp=interp)
        self.say(interp)

    def toggle_fullscreen(self) -> None:
        """Fill the screen, or leave it."""
        self.fullscreen = not self.fullscreen

    def toggle_clean(self) -> None:
        """Show nothing but the picture, or everything again."""
        self.clean = not self.clean

    def learn_knob(self) -> None:
        """Let the next action by key be bound to the next MIDI knob or key that is moved."""
        self.learning = not self.learning
        self.say("press the key of an action, then move the knob" if self.learning else "")

    def back(self) -> None:
        """Close the help, else leave full screen, else end the session."""
        if self.help:
            self.help = False
        elif self.fullscreen:
            self.fullscreen = False
        else:
            self.quit()

    def quit(self) -> None:
        """End the session."""
        self.closing = True

    def _at_rest(self) -> bool:
        """Say so where nothing can be moved along."""
        if not self.moves:
            self.say(stands_still(self.base.expression))
        return not self.moves

    def complain(self, problem: str) -> None:
        """Show a problem, and print it where the program was started."""
        self.say(problem)
        self.printed.append(problem)

    def _scanned(self) -> bool:
        line = Line(self.request, self.axis).start
        return self.speeds is not None and self.speeds.line == line and self.speeds.complete
