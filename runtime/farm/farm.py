"""A pipeline whose frames are drawn by others: in order, none missing, none twice."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

import numpy as np
import platformdirs

from runtime.durable import NO_SPACE
from runtime.errors import EngineError, MorphError, TargetError
from runtime.farm import chunks
from runtime.farm.crew import Crew, Done
from runtime.farm.worker import Identity, Job, Opening, Pixels
from runtime.perception.atlas import LineJob, Measurement
from runtime.planner import Planner
from runtime.request import Frame, Request

AHEAD = 2
"""Jobs that are done or wait, for each worker: more would only fill the memory."""
TRIES = 5
"""Workers that may die over one job before it is given up."""


def open_crew(spec: str, opening: Opening) -> Crew:
    """Start workers: ``local``, ``local:N``, ``ray`` or ``ray:HOST:PORT``.

    Raises:
        MorphError: anything else, or workers that cannot be started.
    """
    kind, _, rest = spec.partition(":")
    if kind == "local":
        from runtime.farm.local import LocalCrew

        if rest and not rest.isdecimal():
            raise MorphError(f"--farm {spec}: write local:N, N being how many processes")
        return LocalCrew(opening, int(rest) if rest else 2)
    if kind == "ray":
        from runtime.farm.ray import RayCrew, check_address

        if rest:
            check_address(rest)
        return RayCrew(opening, rest or None)
    raise MorphError(f"--farm {spec}: use local, local:N, ray or ray:HOST:PORT")


class Farm:
    """Stands where a ``Pipeline`` stands for whoever makes films, grids and charts.

    What was drawn is kept on disk until its film is whole, so that a killed run goes on.
    """

    def __init__(self, planner: Planner, crew: Crew, scratch: Path | None = None) -> None:
        """Draw with ``crew``, which is closed with the farm; ``scratch`` holds unfinished films.

        Raises:
            MorphError: the workers cannot open the model, or differ among each other.
        """
        self.planner = planner
        self.crew = crew
        try:
            first, *others = crew.identities()
            for other in others:
                first.check_same(other)
        except BaseException:
            crew.close()
            raise
        self.identity: Identity = first
        root = platformdirs.user_cache_path("wordmorph", appauthor=False) / "farm"
        self._scratch = root if scratch is None else scratch

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of every frame, in pixels."""
        return self.identity.width, self.identity.height

    def settings(self) -> dict[str, Any]:
        """Return what the model and the engine decide of a picture, as ``Pipeline.settings``."""
        return asdict(self.identity)

    def request(self, expression: str, t: float = 0.0, **settings: Any) -> Request:
        """Make a request, as ``Pipeline.request`` does."""
        return self.planner.request(expression, t=t, **settings)

    def render(self, request: Request) -> Frame:
        """Render one frame, as ``Pipeline.render`` does."""
        return next(iter(self.frames([request])))

    def render_many(self, requests: Sequence[Request]) -> list[Frame]:
        """Render several frames, as ``Pipeline.render_many`` does."""
        return list(self.frames(requests))

    def frames(self, requests: Sequence[Request]) -> Iterator[Frame]:
        """Yield the frames in order; a few chunks are in memory at a time.

        Raises:
            EngineError: a frame cannot be drawn, or its workers die again and again.
            TargetError: the disk fills up.
        """
        pieces = chunks.cut(requests)
        folder = self._scratch / _job(self.identity, requests)
        with _writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
        ready: dict[int, Pixels] = {}
        tries: dict[int, int] = {}
        submitted = 0
        for piece in pieces:
            while piece.index not in ready:
                while submitted < len(pieces) and (
                    submitted - piece.index < AHEAD * self.crew.count
                ):
                    coming = pieces[submitted]
                    kept = chunks.read(folder / coming.name(self.identity), len(coming.requests))
                    if kept is not None:
                        ready[submitted] = kept
                    else:
                        self.crew.submit(submitted, coming.requests)
                    submitted += 1
                if piece.index in ready:
                    break
                done = self._wait(tries, lambda index: pieces[index].requests)
                assert isinstance(done.result, np.ndarray)
                with _writing(folder):
                    name = pieces[done.index].name(self.identity)
                    chunks.write(folder / name, done.result)
                ready[done.index] = done.result
            for request, pixels in zip(piece.requests, ready.pop(piece.index), strict=True):
                pixels.flags.writeable = False
                yield Frame(pixels, request)
        shutil.rmtree(folder, ignore_errors=True)

    def measure(self, jobs: Sequence[LineJob]) -> Iterator[tuple[int, Measurement]]:
        """Yield each line's number and what was found, as soon as it is: in whatever order.

        Raises:
            EngineError: a line cannot be measured, or its workers die again and again.
        """
        tries: dict[int, int] = {}
        submitted = 0
        for done_before in range(len(jobs)):
            while submitted < min(len(jobs), done_before + AHEAD * self.crew.count):
                self.crew.submit(submitted, jobs[submitted])
                submitted += 1
            done = self._wait(tries, lambda index: jobs[index])
            assert isinstance(done.result, Measurement)
            yield done.index, done.result

    def in_hand(self) -> Iterator[tuple[int, Measurement]]:
        """Begin no line more of an interrupted ``measure``, and yield those in the workers' hands.

        A line whose worker dies now is not done again.
        """
        for done in self.crew.in_hand():
            if isinstance(done.result, Measurement):
                yield done.index, done.result

    def _wait(self, tries: dict[int, int], job_of: Callable[[int], Job]) -> Done:
        """Return the next job that is done; what a dead worker left is given to another."""
        while True:
            done = self.crew.wait()
            if done.result is not None:
                return done
            tries[done.index] = tries.get(done.index, 0) + 1
            if not done.lost or tries[done.index] > TRIES:
                raise EngineError(f"a worker of the farm failed: {done.error}")
            self.crew.submit(done.index, job_of(done.index))

    def close(self) -> None:
        """End the workers."""
        self.crew.close()

    def __enter__(self) -> Self:  # noqa: D105
        return self

    def __exit__(self, *raised: object) -> None:  # noqa: D105
        self.close()


def _job(identity: Identity, requests: Sequence[Request]) -> str:
    """Return the name of a film's folder: the same for the same film."""
    state = hashlib.sha256(repr(identity).encode())
    for request in requests:
        state.update(repr(request).encode())
    return state.hexdigest()[:32]


@contextlib.contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in NO_SPACE:
            raise TargetError(
                f"no space left for the frames in {folder}: free some and run the same command, "
                "which goes on where this one stopped"
            ) from None
        raise TargetError(f"{folder} cannot be written: {error.strerror}") from None
