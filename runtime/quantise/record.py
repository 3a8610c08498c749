"""What goes into the denoiser and the decoder while frames are drawn in f32."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from runtime.bundles.bundle import Bundle
from runtime.engines.openvino.engine import OpenVinoEngine
from runtime.pipeline import Pipeline
from runtime.request import Request

Inputs = dict[str, NDArray[np.float32]]


class RecordingEngine(OpenVinoEngine):
    """An f32 engine that keeps a copy of every input."""

    def __init__(self, bundle: Bundle) -> None:
        """Open the bundle; nothing is kept yet."""
        super().__init__(bundle, "f32")
        self.seen: dict[str, list[Inputs]] = {"denoiser": [], "decoder": []}

    def _run(self, role: str, index: int = 0, key: object = None) -> None:
        given = self._inputs if role == "denoiser" else {"latent": self._latent.data}
        self.seen[role].append({name: np.array(array) for name, array in given.items()})
        super()._run(role, index, key)


def record(bundle: Bundle, requests: Sequence[Request]) -> dict[str, list[Inputs]]:
    """Draw ``requests`` and return, by role, the inputs of every run that it took."""
    engine = RecordingEngine(bundle)
    with Pipeline(bundle, engine) as pipeline:
        for request in requests:
            pipeline.render(request)
    return engine.seen
