"""The take beside each recording: what was performed, besides what it looked like."""

from __future__ import annotations

from pathlib import Path

from player.session.motion.moment import Moment
from player.session.reproduce import free_path
from player.session.saving.filmrecorder import FilmRecorder
from player.session.saving.takefile import SUFFIX, Take, event_bytes, has_room, write_take
from player.session.state import PlayerState


class TakeRecorder:
    """Notes what is asked for, every turn, as long as a take can be read."""

    def __init__(self, path: Path, now: float) -> None:
        """Begin at ``now`` seconds, for a file at ``path``."""
        self.path = path
        self.full = False
        """whether the take ended before the recording, as it has no more room"""
        self._started = self._now = now
        self._events: list[tuple[float, Moment]] = []
        self._bytes = 0

    def observe(self, moment: Moment, now: float) -> None:
        """Note what is asked for at ``now`` seconds, if it is something new."""
        before = self._events[-1][1] if self._events else None
        at = now - self._started
        more = event_bytes(at, moment, before) if before != moment else 0
        if self.full or not has_room(len(self._events) + 1, self._bytes + more, at):
            self.full = True
            return
        self._now = now
        if more:
            self._bytes += more
            self._events.append((at, moment))

    def take(self) -> Take:
        """Return what was noted."""
        return Take(tuple(self._events), self._now - self._started)


class Takes:
    """Writes a take beside every film that is recorded."""

    def __init__(self, state: PlayerState) -> None:
        """Record nothing yet."""
        self._state = state
        self._recorder: FilmRecorder | None = None
        self._take: TakeRecorder | None = None

    def follow(self, recorder: FilmRecorder | None, moment: Moment, now: float) -> None:
        """Note what is asked for at ``now`` seconds while ``recorder`` records, and write it when
        it no longer does.
        """
        if recorder is not self._recorder:
            self._finish()
            self._recorder = recorder
            if recorder is not None:
                # beside the film and named like it, but over nothing that is there
                path = free_path(recorder.path.parent, recorder.path.stem, SUFFIX)
                self._take = TakeRecorder(path, now)
        if self._take is not None:
            self._take.observe(moment, now)

    def _finish(self) -> None:
        recorded, self._take = self._take, None
        if recorded is None:
            return
        try:
            write_take(recorded.path, recorded.take())
        except OSError as error:
            problem = f"{recorded.path} cannot be written: {error.strerror or error}"
            if self._recorder is not None and self._recorder.error is not None:
                self._state.printed.append(problem)  # that the film failed is on show already
            else:
                self._state.complain(problem)
        else:
            film = recorded.path.name.removesuffix(SUFFIX)
            again = f"wordmorph render {recorded.path.name} -o {film}-again.mp4 --fps 60"
            room = f"; it ends at {recorded.take().seconds:.0f} s: no more fits" * recorded.full
            self._state.printed.append(f"recorded {recorded.path}{room}\n  {again}")
