"""A pipeline whose frames are drawn by others: in order, none missing, none twice."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from runtime.durable import NO_SPACE
from runtime.errors import EngineError, MorphError, TargetError
from runtime.farm import chunks
from runtime.farm.crew import Crew, Done
from runtime.farm.worker import Identity, Job, Opening
from runtime.perception.charting.atlas import LineJob, Measurement
from runtime.planner import Planner
from runtime.request import Frame, Pixels, Request
from runtime.userfolders import cache_folder

AHEAD = 2
"""Jobs that are done or wait, for each worker: more would only fill the memory."""
TRIES, ERRORS = 5, 1
"""Workers that may die over one job, and that may fail at it, before it is given up."""
REMOVALS = 5
"""Times that another run may take a chunk's folder away while it is written."""
KEPT_DAYS = 30
"""Unfinished films that nothing was added to for so long are removed."""


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

    What was drawn is kept on disk until the block ends without an error, so that a killed run goes
    on, wherever it stopped.
    """

    def __init__(self, planner: Planner, crew: Crew, scratch: Path | None = None) -> None:
        """Draw with ``crew``, which is closed with the farm; ``scratch`` holds unfinished films.

        Raises:
            MorphError: the workers cannot open the model, differ among each other, or have another
                model of that name than is here.
        """
        self.planner = planner
        self.crew = crew
        try:
            first, *others = crew.identities()
            for other in others:
                first.check_same(other)
            digest = planner.digest()
            if first.digest != digest:
                raise EngineError(
                    f"the workers' {first.model} differs in digest from the one here: "
                    f"{first.digest[:12]} and {digest[:12]}; copy one bundle to all machines"
                )
        except BaseException:
            crew.close()
            raise
        self.identity: Identity = first
        self._scratch = cache_folder() / "farm" if scratch is None else scratch
        self._over: set[Path] = set()
        """folders of films that are whole, or that nobody wanted to their end"""
        self._jobs: dict[int, Job] = {}
        """what was submitted and is not done, by numbers that are never used again"""
        self._failed: Counter[tuple[int, bool]] = Counter()
        self._next = 0
        _prune(self._scratch)

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of every frame, in pixels."""
        return self.identity.width, self.identity.height

    def settings(self) -> dict[str, Any]:
        """Return what the model and the engine decide of a picture, as ``Pipeline.settings``."""
        return self.identity.settings()

    def drawn_by(self) -> dict[str, str]:
        """Return what besides decides the last digits, as ``Pipeline.drawn_by``."""
        return {"device": self.identity.device, "library": self.identity.library}

    def request(self, expression: str, t: float = 0.0, **fields: Any) -> Request:
        """Make a request, as ``Pipeline.request`` does."""
        return self.planner.request(expression, t=t, **fields)

    def render(self, request: Request) -> Frame:
        """Render one frame, as ``Pipeline.render`` does."""
        (frame,) = self.frames([request])
        return frame

    def render_many(self, requests: Sequence[Request]) -> list[Frame]:
        """Render several frames, as ``Pipeline.render_many`` does."""
        return list(self.frames(requests))

    def frames(self, requests: Sequence[Request]) -> Iterator[Frame]:
        """Yield the frames in order; a few chunks are in memory at a time.

        Raises:
            EngineError: a frame cannot be drawn, or its workers die again and again.
            TargetError: the disk fills up.
        """
        pieces = chunks.cut(requests, self._length(len(requests)))
        folder = self._scratch / _job(self.identity, requests)
        with _writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
        ready: dict[int, Pixels] = {}
        first = self._number(len(pieces))
        submitted = 0
        try:
            for piece in pieces:
                while piece.index not in ready:
                    while submitted < len(pieces) and (
                        submitted - piece.index < AHEAD * self.crew.count
                    ):
                        coming = pieces[submitted]
                        name = coming.name(self.identity)
                        kept = chunks.read(folder / name, len(coming.requests))
                        if kept is not None:
                            ready[submitted] = kept
                        else:
                            self._submit(first + submitted, coming.requests)
                        submitted += 1
                    if piece.index in ready:
                        break
                    done = self._wait()
                    index = done.index - first
                    assert isinstance(done.result, np.ndarray)
                    _keep(folder / pieces[index].name(self.identity), done.result)
                    ready[index] = done.result
                for request, pixels in zip(piece.requests, ready.pop(piece.index), strict=True):
                    pixels.flags.writeable = False
                    yield Frame(pixels, request)
        except GeneratorExit:  # nobody wants the rest
            self._forget()
            self._over.add(folder)
            raise
        self._over.add(folder)

    def measure(self, jobs: Sequence[LineJob]) -> Iterator[tuple[int, Measurement]]:
        """Yield each line's number and what was found, as soon as it is: in whatever order.

        Raises:
            EngineError: a line cannot be measured, or its workers die again and again.
        """
        first = self._number(len(jobs))
        submitted = 0
        for done_before in range(len(jobs)):
            while submitted < min(len(jobs), done_before + AHEAD * self.crew.count):
                self._submit(first + submitted, jobs[submitted])
                submitted += 1
            done = self._wait()
            assert isinstance(done.result, Measurement)
            yield done.index - first, done.result

    def in_hand(self) -> Iterator[tuple[LineJob, Measurement]]:
        """Begin no line more of an interrupted ``measure``, and yield those in the workers' hands.

        A line whose worker dies now is not done again.
        """
        for done in self.crew.in_hand():
            job = self._jobs.pop(done.index, None)
            if isinstance(done.result, Measurement) and isinstance(job, LineJob):
                yield job, done.result

    def _length(self, frames: int) -> int:
        """Return how many frames a chunk of so many has: every worker has two, if they are few."""
        batch = self.identity.batch
        each = -(-frames // (2 * self.crew.count))
        return min(chunks.LENGTH, max(1, -(-each // batch)) * batch)

    def _number(self, count: int) -> int:
        """Return the first of ``count`` numbers for jobs: none of an older film has one of them."""
        first, self._next = self._next, self._next + count
        return first

    def _submit(self, number: int, job: Job) -> None:
        self._jobs[number] = job
        self.crew.submit(number, job)

    def _forget(self) -> None:
        """Let the workers end what they have in hand, and take no notice of it."""
        self.crew.drop()
        self._jobs.clear()

    def _wait(self) -> Done:
        """Return the next job that is done; what went wrong is tried again, by whoever is free."""
        while True:
            done = self.crew.wait()
            job = self._jobs.get(done.index)
            if job is None:  # of a film that nobody wanted to its end
                continue
            if done.result is not None:
                del self._jobs[done.index]
                return done
            self._failed[done.index, done.lost] += 1
            if self._failed[done.index, done.lost] > (TRIES if done.lost else ERRORS):
                raise EngineError(f"a worker of the farm failed: {done.error}")
            self.crew.submit(done.index, job)

    def close(self) -> None:
        """End the workers."""
        self.crew.close()

    def __enter__(self) -> Self:  # noqa: D105
        return self

    def __exit__(self, kind: type[BaseException] | None, *raised: object) -> None:
        """End the workers, and without an error remove what was kept of films that are over."""
        if kind is None:
            for folder in self._over:
                shutil.rmtree(folder, ignore_errors=True)
        self.close()


def _job(identity: Identity, requests: Sequence[Request]) -> str:
    """Return the name of a film's folder: the same for the same film."""
    state = hashlib.sha256(repr(identity).encode())
    for request in requests:
        state.update(repr(request).encode())
    return state.hexdigest()[:32]


def _keep(path: Path, pixels: Pixels) -> None:
    """Write a chunk into its folder, which a run of the same film that has ended may have removed.

    Raises:
        TargetError: it cannot be written.
    """
    with _writing(path.parent):
        for tried in range(1, REMOVALS + 1):
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                chunks.write(path, pixels)
                return
            except FileNotFoundError:
                if tried == REMOVALS:
                    raise


def _prune(scratch: Path) -> None:
    """Remove the films that nobody finished."""
    long_ago = time.time() - KEPT_DAYS * 86_400
    with contextlib.suppress(OSError):  # there is none yet, or another run removes it just now
        for folder in list(scratch.iterdir()):
            if folder.stat().st_mtime < long_ago:
                shutil.rmtree(folder, ignore_errors=True)


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
