"""One worker of a farm: it opens the model once and draws chunks of requests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime.errors import EngineError
from runtime.pipeline import Pipeline
from runtime.request import Request

Pixels = NDArray[np.uint8]


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
    """A pipeline that is asked for chunks."""

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

    def draw(self, requests: Sequence[Request]) -> Pixels:
        """Return uint8 [N, H, W, 3], a picture for each request in order."""
        return np.stack([frame.pixels for frame in self._pipeline.frames(requests)])

    def close(self) -> None:
        """Release the engine."""
        self._pipeline.close()
