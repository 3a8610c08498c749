"""One worker of a farm: it opens the model once, draws chunks of requests and measures lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime.errors import EngineError
from runtime.perception.atlas import LineJob, Measurement, measure_line
from runtime.pipeline import Pipeline
from runtime.request import Request

Pixels = NDArray[np.uint8]
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
    """What has to be equal for two workers to draw the same pixels, and what settings record."""

    model: str
    digest: str
    width: int
    height: int
    engine: str
    precision: str
    version: str

    def check_same(self, other: Identity) -> None:
        """Raise EngineError, naming the field, if the other worker would draw other pixels."""
        mine, theirs = asdict(self), asdict(other)
        for name, value in mine.items():
            if theirs[name] != value:
                raise EngineError(
                    f"workers differ in {name}: {value} and {theirs[name]}; a film must come from "
                    "one model on one engine"
                )


class FarmWorker:
    """A pipeline that is given jobs."""

    def __init__(self, opening: Opening) -> None:
        """Open the model.

        Raises:
            MorphError: it cannot be opened here.
        """
        self._pipeline = Pipeline.open(
            opening.model, backend=opening.backend, precision=opening.precision
        )

    def identity(self) -> Identity:
        """Return what this worker draws with."""
        settings: dict[str, Any] = self._pipeline.settings()
        return Identity(**settings)

    def do(self, job: Job, expected: Identity | None = None) -> Result:
        """Do a job: pixels for requests, a measurement for a line.

        Raises:
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
