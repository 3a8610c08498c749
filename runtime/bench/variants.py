"""Our OpenVINO engine run otherwise, so that it can be said what its ways are worth.

Nothing of these is kept on disk, where the engine itself would find it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
from openvino import properties as props

from runtime.bench.peers import EnginePeer, PeerSpec
from runtime.bundles.manifest import Step
from runtime.engines.engine import Floats, Rendered
from runtime.engines.openvino.core import CORE
from runtime.engines.openvino.engine import OpenVinoEngine
from runtime.engines.openvino.graph import Graph, fixed_model
from runtime.engines.openvino.int8 import int8_graphs
from runtime.engines.openvino.text import cannot_compile
from runtime.errors import EngineError
from runtime.pipeline import Pipeline

BATCH = 4
"""frames at a time, as many as a GPU fills films with"""


class InMemory(OpenVinoEngine):
    """The engine, its graphs compiled anew."""

    def _open(self, role: str, blob: Path, read: Callable[[], ov.Model]) -> Graph:
        model = read()
        try:
            compiled = CORE.compile_model(model, "CPU", self._settings())
        except Exception as error:  # its C++ errors come as many types
            raise cannot_compile(self._bundle, role, error) from None
        return Graph(compiled.create_infer_request())


class Whole(InMemory):
    """The engine with the denoiser in one: nothing is kept from frame to frame."""

    def _open_denoiser(self, cache: Path) -> list[Graph]:
        return [self._open("denoiser", cache, lambda: self._read("denoiser"))]


class Fours(InMemory):
    """The engine with graphs of ``BATCH`` frames, which are always all drawn."""

    batches = (BATCH,)

    def render(
        self, weights: Floats, pooled_weights: Floats | None, steps: tuple[Step, ...]
    ) -> Rendered:
        """See ``Engine.render``; ``weights`` [BATCH, K, T]."""
        if self._noise is not None:
            sigma = np.float32(self._bundle.manifest.init_noise_sigma)
            self._inputs["sample"][1:] = self._noise[0] * sigma  # the engine itself fills one
        return super().render(weights, pooled_weights, steps)

    def _fixed(self, graph: Path) -> ov.Model:
        model = fixed_model(graph, BATCH)
        if model.outputs[0].partial_shape[0] != BATCH:
            raise EngineError(f"{graph.name} is for one frame at a time")
        return model


class Profiled(InMemory):
    """The engine, telling what every operation took."""

    def _settings(self) -> dict[Any, Any]:
        return {**super()._settings(), props.enable_profiling: True}

    def taken(self) -> dict[str, list[Any]]:
        """Return OpenVINO's profile (``ov.ProfilingInfo``) of the last run of each graph."""
        return {
            "denoise": self._graphs[0].request.profiling_info,
            "decode": self._decoder.profiling_info,
        }


NAMES: dict[str, tuple[type[InMemory], str]] = {
    "whole": (Whole, "ours, nothing kept from frame to frame"),
    "batch": (Fours, "ours, four frames at a time"),
}
"""what ``--against`` takes → the engine, and how it draws"""


def variant_peer(name: str, ours: Pipeline | None) -> PeerSpec:
    """Return one of ``NAMES`` beside ``ours``, which must be open before the rival is."""
    kind, note = NAMES[name]

    def opened() -> EnginePeer:
        assert ours is not None, "it is opened after ours"
        return EnginePeer(
            open_variant(kind, ours), f"{note}, {ours.engine.precision}", max(kind.batches)
        )

    return PeerSpec(name, opened)


def open_variant(kind: type[InMemory], ours: Pipeline) -> Pipeline:
    """Open the bundle of ``ours`` in the same precision on another kind of our engine.

    Raises:
        EngineError: ours does not run on OpenVINO, or the graphs cannot be compiled so.
    """
    engine = ours.engine
    if not isinstance(engine, OpenVinoEngine):
        raise EngineError(f"ours runs on {engine.name}, and only openvino can be run otherwise")
    int8 = int8_graphs(ours.bundle) if engine.precision == "int8" else None
    return Pipeline(ours.bundle, kind(ours.bundle, engine.precision, int8))
