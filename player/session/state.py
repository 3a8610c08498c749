"""The state that keys act on: where we are, what is shown, what is being recorded. No window."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

from player.session.gridshot import GridShot
from player.session.playhead import DIVISIONS, RATE, Playhead
from player.session.recorder import Recorder
from player.session.reproduce import Invocation, free_path, play_command, stem, still_command
from player.session.scan import Speeds
from player.session.worker import ModelInfo
from runtime.cache import BUDGET, FrameCache
from runtime.errors import MorphError
from runtime.language.expression import parse
from runtime.language.line import Axis, Line, stands_still
from runtime.output.film import save_still
from runtime.request import MAX_SEED, Frame, Interp, Request

NOTICE_SECONDS = 4.0


class PlayerState:
    """What the person at the keyboard changes. Every public method without arguments is an
    action that a key can be bound to."""

    def __init__(
        self,
        request: Request,
        invocation: Invocation,
        folder: Path,
        picture: tuple[int, int] = (0, 0),
    ) -> None:
        """Start at ``request``; stills and films go to ``folder``.

        The cache has room for a whole line of ``picture`` (width, height), however large.
        """
        self.base = request
        self.expression = parse(request.expression)
        self.axis: Axis = Line.through(request).axis if self.moves else "t"
        """what the seek bar, ← and →, and playing move along"""
        here = Line(request, self.axis)
        self.playhead = Playhead.at(here.place, request.u if self.has_pad else 0.5)
        self.invocation = invocation
        self.folder = folder
        self.cache = FrameCache(max(BUDGET, (DIVISIONS + 2) * 3 * picture[0] * picture[1]))
        self.frame: Frame | None = None
        """the picture on show"""
        self.recorder: Recorder | None = None
        self.finishing: Recorder | None = None
        """a recording that was stopped and is still being written"""
        self.grid_shot: GridShot | None = None
        self.tokens = False
        self.storms = True
        self.help = False
        self.speeds: Speeds | None = None
        self.info: ModelInfo | None = None
        self.notice = ""
        self.notice_age = 0.0
        self.printed: list[str] = []
        """lines for the terminal, taken by whoever owns it"""

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
        if (vx or vy) and self.moves:
            self.playhead = self.playhead.glide(dt, vx, vy if self.has_pad else 0.0)
        else:
            self.playhead = self.playhead.play(dt)

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

    def move(self, dx: int, dy: int) -> None:
        """Move by ticks; along an axis that is not there, do nothing."""
        if self._at_rest():
            return
        if dx or self.has_pad:
            self.playhead = self.playhead.move(dx, dy if self.has_pad else 0)

    def seek(self, t: float | None = None, u: float | None = None) -> None:
        """Jump to a position; None keeps that axis."""
        if self._at_rest():
            return
        self.playhead = self.playhead.seek(t, u)

    def play(self) -> None:
        """Play or pause."""
        if self._at_rest():
            return
        self.playhead = self.playhead.toggle()

    def slower(self) -> None:
        """Halve the playing speed."""
        self.playhead = self.playhead.faster(-1)
        self.say(f"speed ×{self.playhead.speed:g}")

    def faster(self) -> None:
        """Double the playing speed."""
        self.playhead = self.playhead.faster(1)
        self.say(f"speed ×{self.playhead.speed:g}")

    def home(self) -> None:
        """Jump to the start."""
        self.seek(0.0)

    def end(self) -> None:
        """Jump to the end."""
        self.seek(1.0)

    def next_seed(self) -> None:
        """Take the next seed."""
        self._reseed(1)

    def previous_seed(self) -> None:
        """Take the previous seed."""
        self._reseed(-1)

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
            known = 0 if self.speeds is None else self.speeds.known
            self.say(f"perceptual time needs the whole scan: {known} of {DIVISIONS} so far")

    def toggle_interp(self) -> None:
        """Go between words in a straight line, or turn from one to the other; and back."""
        interp: Interp = "slerp" if self.base.interp == "lerp" else "lerp"
        self.base = replace(self.base, interp=interp)
        self.say(interp)

    def save(self) -> None:
        """Save the picture on show as a PNG that knows the command that makes it again."""
        if self.frame is None:
            self.say("nothing to save yet")
            return
        request = self.frame.request
        name = f"{stem(request)}-{self.axis}{Line(request, self.axis).place:.4f}"
        if self.has_pad:
            name += f"-u{request.u:.4f}"
        path = free_path(self.folder, name, ".png")
        command = still_command(request, self.invocation, path.name)
        try:
            save_still(path, self.frame.pixels, self._settings(request, command))
        except (MorphError, OSError) as error:
            self._complain(str(error))
            return
        self.say(f"saved {path.name}")
        self.printed.append(f"saved {path}\n  {command}")

    def record(self) -> None:
        """Start recording, or stop and finish the file."""
        if self.recorder is not None:
            self.recorder.stop()
            self.finishing, self.recorder = self.recorder, None
        elif self.finishing is not None:
            self.say("the last recording is still being written")
        elif self.frame is None:
            self.say("nothing to record yet")
        else:
            path = free_path(self.folder, stem(self.base), ".mp4")
            height, width = self.frame.pixels.shape[:2]
            settings = self._settings(self.request, play_command(self.request, self.invocation))
            self.recorder = Recorder(path, (width, height), RATE, {**settings, "performed": True})
            self.say(f"recording to {path}")

    def advance_recording(self, now: float) -> None:
        """Record the picture on show at ``now`` seconds; notice a film that is whole or failed."""
        if self.recorder is not None and self.frame is not None:
            self.recorder.show(self.frame.pixels, now)
            if self.recorder.finished:  # before it was stopped: it failed
                self.finish_recording()
        if self.finishing is not None and self.finishing.finished:
            self.finish_recording()

    def finish_recording(self) -> None:
        """Finish the file being recorded, if any, and say what became of it; may take a while."""
        if self.recorder is not None:
            self.recorder.stop()
            self.finishing, self.recorder = self.recorder, None
        recorder, self.finishing = self.finishing, None
        if recorder is None:
            return
        try:
            recorder.wait()
        except MorphError as error:
            self._complain(str(error))
        else:
            self.say(f"recorded {recorder.path.name}, {recorder.seconds:.1f} s")
            self.printed.append(
                f"recorded {recorder.path} ({recorder.frames} frames, {recorder.seconds:.1f} s)"
            )

    def grid(self) -> None:
        """Save a grid over both axes, as ``wordmorph grid`` does."""
        if self.grid_shot is not None:
            return
        path = free_path(self.folder, f"{stem(self.base)}-grid", ".png")
        try:
            self.grid_shot = GridShot(self.request, self.invocation, path)
        except MorphError as error:
            self.say(str(error))

    def advance_grid(self, problem: str | None) -> None:
        """Gather the grid's pictures and say what became of it; ``problem`` ends it."""
        shot = self.grid_shot
        if shot is None:
            return
        if problem is None and not shot.advance(self.cache, self._settings(shot.request, "")):
            self.say(shot.progress)
            return
        self.grid_shot = None
        problem = problem or shot.error
        if problem is not None:
            self._complain(problem)
        else:
            self.say(f"saved {shot.path.name}")
            self.printed.append(f"saved {shot.path}\n  {shot.command}")

    def finish_grid(self) -> None:
        """Wait for a grid that is being written; give up one whose pictures are not all there."""
        if self.grid_shot is not None:
            ready = self.grid_shot.wait()
            self.advance_grid(None if ready else f"{self.grid_shot.path.name} was not finished")

    def _at_rest(self) -> bool:
        """Say so where nothing can be moved along."""
        if not self.moves:
            self.say(stands_still(self.base.expression))
        return not self.moves

    def _complain(self, problem: str) -> None:
        self.say(problem)
        self.printed.append(problem)

    def _scanned(self) -> bool:
        line = Line(self.request, self.axis).start
        return self.speeds is not None and self.speeds.line == line and self.speeds.complete

    def _settings(self, request: Request, command: str) -> dict[str, object]:
        known = {} if self.info is None else self.info.settings
        return {**known, **asdict(request), "command": command}

    def _reseed(self, change: int) -> None:
        self.base = replace(self.base, seed=(self.base.seed + change) % (MAX_SEED + 1))
        self.say(f"seed {self.base.seed}")
