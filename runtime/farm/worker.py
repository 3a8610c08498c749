"""One worker of a farm: it opens the model once, draws chunks of requests and measures lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from runtime.errors import EngineError
from runtime.perception.charting.atlas import LineJob, Measurement, measure_line
from runtime.pipeline import Pipeline
from runtime.request import Pixels, Request

Job = tuple[Request, ...] | LineJob
"""requests to draw, or a line to measure: of that a few numbers travel, its frames stay"""
Result = Pixels | Measurement


@dataclass(frozen=True, slots=True)
class Opening:
    """What every worker opens; the fields are those of ``Pipeline.open``."""

    model: str = "critters"
    backend: str = "auto"
    precision: str = "auto"


@dataclass(frozen=True, slots=True)
class Identity:
    """What has to be equal for two workers to draw the same pixels."""

    model: str
    digest: str
    width: int
    height: int
    engine: str
    precision: str
    version: str
    device: str
    """the processor's or GPU's name"""
    library: str
    """the version of what runs the graphs"""
    batch: int
    """frames that are drawn at once, which rounds otherwise than one alone"""

    def settings(self) -> dict[str, Any]:
        """Return what is recorded, as ``Pipeline.settings``."""
        left_out = ("device", "library", "batch")
        return {name: value for name, value in asdict(self).items() if name not in left_out}

    def check_same(self, other: Identity) -> None:
        """Raise EngineError, naming the field, if the other worker would draw other pixels."""
        mine, theirs = asdict(self), asdict(other)
        for name, value in mine.items():
            if theirs[name] != value:
                raise EngineError(
                    f"workers differ in {name}: {value} and {theirs[name]}; a film must come from "
                    "one model on one engine, on machines of one kind"
                )


class FarmWorker:
    """A pipeline that is given jobs."""

    def __init__(self, opening: Opening) -> None:
        """Open the model.

        A GPU that is lost is not opened again: the worker ends, and another takes its place.

        Raises:
            MorphError: it cannot be opened here.
        """
        opened = Pipeline.open(opening.model, backend=opening.backend, precision=opening.precision)
        self._pipeline = Pipeline(opened.bundle, opened.engine, opened.planner)

    def identity(self) -> Identity:
        """Return what this worker draws with."""
        drawn: dict[str, Any] = {**self._pipeline.settings(), **self._pipeline.drawn_by()}
        return Identity(**drawn, batch=max(self._pipeline.engine.batches))

    def do(self, job: Job, expected: Identity | None = None) -> Result:
        """Do a job: pixels for requests, a measurement for a line.

        Raises:
            DeviceLost: the GPU answers this process no more.
            MorphError: it cannot be done, or ``expected`` is not what this worker draws with.
        """
        if expected is not None:
            expected.check_same(self.identity())
        if isinstance(job, LineJob):
            return measure_line(self._pipeline.frames, job)
        return self.draw(job)

    def draw(self, requests: Sequence[Request]) -> Pixels:
        """Return uint8 [N, H, W, 3], a picture for each request in order."""
        return np.stack([frame.pixels for frame in self._pipeline.frames(requests)])

    def close(self) -> None:
        """Release the engine."""
        self._pipeline.close()
