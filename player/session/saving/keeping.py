"""What the person at the controls keeps: stills, recordings and grids, written beside the play."""

from __future__ import annotations

from player.session.motion.playhead import RATE
from player.session.reproduce import free_path, play_command, stem, still_command
from player.session.saving.filmrecorder import FilmRecorder
from player.session.saving.gridshot import GridShot
from player.session.state import PlayerState
from runtime.errors import MorphError
from runtime.language.line import Line
from runtime.output.film import save_still
from runtime.output.settings import settings_of
from runtime.request import Request


class Keeping:
    """Writes what ``state`` shows."""

    def __init__(self, state: PlayerState) -> None:
        """Keep nothing yet."""
        self._state = state
        self.recorder: FilmRecorder | None = None
        self.finishing: FilmRecorder | None = None
        """a recording that was stopped and is still being written"""
        self.grid_shot: GridShot | None = None

    def save(self) -> None:
        """Save the picture on show as a PNG that knows the command that makes it again."""
        state = self._state
        if state.frame is None:
            state.say("nothing to save yet")
            return
        request = state.frame.request
        name = f"{stem(request)}-{state.axis}{Line(request, state.axis).place:.4f}"
        if state.has_pad:
            name += f"-u{request.u:.4f}"
        path = free_path(state.folder, name, ".png")
        command = still_command(request, state.invocation, path.name)
        try:
            kept = still_command(request, state.invocation.shareable(), path.name)
            save_still(path, state.frame.pixels, self._settings(request, kept))
        except (MorphError, OSError) as error:
            state.complain(str(error))
            return
        state.say(f"saved {path.name}")
        state.printed.append(f"saved {path}\n  {command}")

    def record(self) -> None:
        """Start recording, or stop and finish the file."""
        state = self._state
        if self.recorder is not None:
            self.stop_recording()
        elif self.finishing is not None:
            state.say("the last recording is still being written")
        elif state.frame is None:
            state.say("nothing to record yet")
        else:
            path = free_path(state.folder, stem(state.base), ".mp4")
            height, width = state.frame.pixels.shape[:2]
            settings = self._settings(
                state.request, play_command(state.request, state.invocation.shareable())
            )
            self.recorder = FilmRecorder(
                path,
                (width, height),
                RATE,
                {**settings, "performed": True},
                room=state.cache.budget // 4,
            )
            state.say(f"recording to {path.name}")

    def stop_recording(self) -> None:
        """Record no more; the file is finished meanwhile, which ``advance_recording`` notices."""
        if self.recorder is not None:
            self.recorder.stop()
            self.finishing, self.recorder = self.recorder, None

    def advance_recording(self, now: float) -> None:
        """Record the picture on show at ``now`` seconds; notice a film that is whole or failed."""
        if self.recorder is not None and self._state.frame is not None:
            self.recorder.show(self._state.frame.pixels, now)
            if self.recorder.finished:  # before it was stopped: it failed
                self.finish_recording()
        if self.finishing is not None and self.finishing.finished:
            self.finish_recording()
        writing = self.recorder or self.finishing
        self._state.cache.charge("recording", writing.bytes if writing else 0)

    def finish_recording(self) -> None:
        """Finish the file being recorded, if any, and say what became of it; may take a while."""
        state = self._state
        self.stop_recording()
        recorder, self.finishing = self.finishing, None
        if recorder is None:
            return
        try:
            recorder.wait()
        except MorphError as error:
            state.complain(str(error))
        else:
            lost = f"; {recorder.dropped} pictures dropped: too slow" if recorder.dropped else ""
            lost += f"; {recorder.ended}" if recorder.ended else ""
            state.say(f"recorded {recorder.path.name}, {recorder.seconds:.1f} s{lost}")
            state.printed.append(
                f"recorded {recorder.path} ({recorder.frames} frames, {recorder.seconds:.1f} s)"
                f"{lost}"
            )

    def draw_grid(self) -> None:
        """Save a grid over both axes, as ``wordmorph grid`` does."""
        state = self._state
        if self.grid_shot is not None:
            return
        path = free_path(state.folder, f"{stem(state.base)}-grid", ".png")
        try:
            self.grid_shot = GridShot(state.request, state.invocation, path)
        except MorphError as error:
            state.say(str(error))

    def advance_grid(self, problem: str | None) -> None:
        """Gather the grid's pictures and say what became of it; ``problem`` ends it."""
        state = self._state
        shot = self.grid_shot
        if shot is None:
            return
        if problem is None and not shot.advance(state.cache, self._settings(shot.request, "")):
            state.say(shot.progress)
            return
        self.grid_shot = None
        problem = problem or shot.error
        if problem is not None:
            state.complain(problem)
        else:
            state.say(f"saved {shot.path.name}")
            state.printed.append(f"saved {shot.path}\n  {shot.command}")

    def give_up_grid(self) -> None:
        """Gather no more pictures for a grid; one that is being written is finished."""
        if self.grid_shot is not None and not self.grid_shot.wait():
            self._state.say(f"{self.grid_shot.path.name} was given up")
        self.grid_shot = None

    def finish_grid(self) -> None:
        """Wait for a grid that is being written; give up one whose pictures are not all there."""
        if self.grid_shot is not None:
            ready = self.grid_shot.wait()
            self.advance_grid(None if ready else f"{self.grid_shot.path.name} was not finished")

    def _settings(self, request: Request, command: str) -> dict[str, object]:
        info = self._state.info
        return settings_of({} if info is None else info.settings, request, command)
