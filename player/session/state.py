"""The state that keys act on: where we are, what is shown, what is being recorded. No window."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from player.session.filling.memory import default_budget
from player.session.filling.scan import Speeds
from player.session.motion.glide import Glide
from player.session.motion.moment import Moment
from player.session.motion.playhead import FINE, Playhead, TickPoint
from player.session.panels import Panels
from player.session.rendering.renderer import ModelInfo
from player.session.reproduce import Invocation
from runtime.cache import FrameCache
from runtime.language.expression import parse
from runtime.language.line import DIVISIONS, Axis, Line, stands_still
from runtime.request import MAX_SEED, Frame, Interp, Request

T = TypeVar("T")
NOTICE_SECONDS = 4.0
HINT = "/ types other words   F1 for the keys"


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
        self.panels = Panels()
        self.closing = False
        """whether the session is to end"""
        self.speeds: Speeds | None = None
        self.info: ModelInfo | None = None
        self.notice = ""
        self.notice_age = 0.0
        self.hint = HINT
        self.copied = ""
        """a line for the clipboard, taken by whoever has one"""
        self.mark_seeds: dict[str, int] = {}
        self.gliding: Glide | None = None
        self.glided = 0.0
        """seconds that the glide has taken so far"""
        self._glide_head = self.playhead
        self.switch: Moment | None = None
        """what is to be played with another model, taken by the session"""
        self.learning = False
        """whether the next action by key is meant for the next moved knob"""
        self.learn_action: tuple[str, float | None] | None = None
        """the action that a knob is to be bound to and what its key gives it, taken by whoever
        hears knobs"""
        self.awaits_knob = False
        """whether a knob that is moved now will be bound; put back to end that"""
        self.hears_knobs = False
        """whether somebody does"""
        self.pace = 0.0
        """seconds that a frame takes, 0 until that is known"""
        self.printed: list[str] = []
        """lines for the terminal, taken by whoever owns it"""

    def change(self, request: Request) -> None:
        """Stand at another request, which may have another expression."""
        self.expression = parse(request.expression)
        self.axis: Axis = Line.through(request).axis if self.moves else "t"
        """what the seek bar, ← and →, and playing move along"""
        line = Line(request, self.axis)
        self.base = request if self.has_pad or self.axis == "u" else request.at(request.t, 0.5)
        self.playhead = self.playhead.rest_at(line.place, request.u if self.has_pad else 0.5)

    @property
    def request(self) -> Request:
        """The picture asked for."""
        if not self.playhead.grain:  # as it was opened: finer than the playhead moves
            return self.base
        return self._at(self.playhead, self.base)

    @property
    def moves(self) -> bool:
        """Whether there is anything to move along."""
        return not self.expression.is_still

    @property
    def has_pad(self) -> bool:
        """Whether there are two axes."""
        return self.expression.has_plane

    def say(self, text: str, seconds: float = NOTICE_SECONDS) -> None:
        """Show a line for a few seconds."""
        self.notice = text
        self.notice_age = NOTICE_SECONDS - seconds

    def advance(self, dt: float, vx: float = 0.0, vy: float = 0.0) -> None:
        """Let ``dt`` seconds pass, moving on at ``vx`` and ``vy`` ticks a second."""
        self.notice_age += dt
        if self.notice_age > NOTICE_SECONDS:
            self.notice = ""
        if vx or vy:
            self.move_on(dt, vx, vy)
        elif self.gliding is not None:
            self._follow(self.gliding, dt)
        else:
            self.playhead = self.playhead.play(dt, pad=self.has_pad)

    def begin_glide(self, way: Glide) -> None:
        """Follow a glide from its start; whoever moves by hand ends it."""
        if way.start.expression != self.base.expression:
            self.change(way.start)
        self.playhead = replace(self.playhead.at_rest(), playing=False)
        self.gliding, self.glided, self._glide_head = way, 0.0, self.playhead

    def _follow(self, way: Glide, dt: float) -> None:
        head, last = self.playhead, self._glide_head
        moved = (head.x, head.y, head.playing) != (last.x, last.y, last.playing)
        if moved or self.base.expression != way.start.expression:
            self.gliding = None
            return
        self.glided += dt
        if self.glided >= way.seconds:
            self.gliding = None
            self.change(way.target)
            return
        place = way.at(self.glided)
        u = place.u if self.has_pad else None
        self.playhead = self.playhead.seek(Line(place, self.axis).place, u)
        self._glide_head = self.playhead

    def move_on(self, dt: float, vx: float, vy: float = 0.0) -> None:
        """Move for ``dt`` seconds at ``vx`` and ``vy`` ticks a second."""
        if self.moves:
            self.playhead = self.playhead.move_on(dt, vx, vy if self.has_pad else 0.0)

    def show(self, frame: Frame | None) -> None:
        """Put a picture on show; None leaves the one that is there."""
        self.frame = frame or self.frame

    def rest(self) -> None:
        """Stop moving, exactly where the shown position is."""
        self.playhead = self.playhead.at_rest()

    def learn(self, info: ModelInfo | None, speeds: Speeds | None) -> None:
        """Take what the render thread knows; perceptual time ends where its scan does."""
        self.info = info
        self.speeds = speeds
        if self.playhead.warp is not None and not self._scanned():
            self.playhead = replace(self.playhead, warp=None)
            self.say("raw time: this line is not scanned yet")

    def preview(self, run: Callable[[], T]) -> T:
        """Return what ``run`` returns; what it does to the state is not done."""
        before = dict(vars(self))
        self.printed = []
        try:
            return run()
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
        self.playhead = self.playhead.toggle(pad=self.has_pad)

    def change_speed(self, doublings: float) -> None:
        """Play at 2^``doublings`` times the speed."""
        self.playhead = self.playhead.faster(int(doublings))
        self.say(f"speed ×{self.playhead.speed:g}")

    def change_seed(self, change: float) -> None:
        """Take a later seed, or an earlier one; after the last comes the first."""
        self.base = replace(self.base, seed=(self.base.seed + int(change)) % (MAX_SEED + 1))
        self.say(f"seed {self.base.seed}")

    def mark(self, name: str) -> None:
        """Set mark ``a`` or ``b`` here."""
        self.playhead = self.playhead.mark(name)
        self.mark_seeds = {**self.mark_seeds, name: self.base.seed}
        flips = "B sets the other, Tab flips" if name == "a" else "Tab flips between A and B"
        self.say(f"mark {name.upper()} set: {flips}")

    def flip(self) -> None:
        """Jump between the marks, each with the seed it was set with."""
        a, b = self.marks
        if a is None and b is None:
            self.say("no marks yet: A and B set them")
            return
        here = self.playhead.point, self.base.seed
        target = b if here == a and b is not None else a or b
        assert target is not None
        self.playhead = self.playhead.jump(target[0])
        if target[1] != self.base.seed:
            self.base = replace(self.base, seed=target[1])

    @property
    def marks(self) -> tuple[tuple[TickPoint, int] | None, tuple[TickPoint, int] | None]:
        """Marks A and B as (position, seed), None where one is not set."""
        head, seeds, own = self.playhead, self.mark_seeds, self.base.seed
        a = None if head.mark_a is None else (head.mark_a, seeds.get("a", own))
        b = None if head.mark_b is None else (head.mark_b, seeds.get("b", own))
        return a, b

    def marked(self) -> tuple[Request, Request] | None:
        """Return the requests of marks A and B, None unless both are set."""
        a, b = (
            mark and self._at(self.playhead.jump(mark[0]), replace(self.base, seed=mark[1]))
            for mark in self.marks
        )
        return None if a is None or b is None else (a, b)

    def _at(self, head: Playhead, base: Request) -> Request:
        return head.request(base) if self.axis == "t" else Line(base, self.axis).at(head.t)

    def toggle_between(self) -> None:
        """Let playing stay between the marks, or run the whole line again."""
        self.playhead = head = replace(self.playhead, between=not self.playhead.between)
        a, b = head.mark_a, head.mark_b
        if not head.between:
            self.say("playing the whole line")
        elif a is None or b is None:
            self.say("playing between A and B, once both are set")
        elif a[0] == b[0] and (a[1] == b[1] or not self.has_pad):
            self.say("playing between A and B, once they lie apart")
        else:
            self.say("playing between A and B")

    def next_loop(self) -> None:
        """Turn round at the ends, begin anew there, or stop."""
        self.playhead = self.playhead.next_loop()
        words = {"bounce": "turn round", "wrap": "begin anew", "once": "stop"}
        self.say(f"at the ends: {words[self.playhead.loop]}")

    def toggle_difference(self) -> None:
        """Show how marks A and B differ, as a picture; or the picture again."""
        if not self.panels.difference and None in self.marks:
            self.say("set marks A and B first: D shows how they differ")
        else:
            self.panels.difference = not self.panels.difference

    def toggle_perceptual(self) -> None:
        """Move evenly in visible change instead of in t, or back."""
        if self._at_rest():
            return
        if self.playhead.warp is not None:
            self.playhead = replace(self.playhead, warp=None)
            self.say("raw time")
        elif self.speeds is not None and self._scanned():
            self.playhead = replace(self.playhead, warp=self.speeds.warp())
            self.say("perceptual time: equal moves look equally different")
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

    def learn_knob(self) -> None:
        """Let the next action by key be bound to the next MIDI knob or key that is moved; or give
        that up.
        """
        if not self.hears_knobs:
            self.say("no knob is heard: start with --midi")
            return
        if not self._end_learning():
            self.learning = True
            self.say("press the key of an action, then move the knob")

    def _end_learning(self) -> bool:
        """Learn no knob after all; False if none was to be learned."""
        if not self.learning and not self.awaits_knob and self.learn_action is None:
            return False
        self.learning, self.awaits_knob, self.learn_action = False, False, None
        self.say("no knob is learned")
        return True

    def back(self) -> None:
        """Give up learning a knob, else close what lies on the picture, else leave full screen,
        else end the session.
        """
        if not self._end_learning() and not self.panels.close_uppermost():
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
