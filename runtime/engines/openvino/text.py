"""The text encoder on the CPU: in f32, and in memory only while words are being typed."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import openvino as ov
from numpy.typing import NDArray
from openvino import properties as props
from openvino.properties import hint

from runtime.bundles.bundle import Bundle
from runtime.engines.engine import Floats
from runtime.engines.openvino.cache import openvino_cache
from runtime.engines.openvino.graph import Graph, fixed_model, give_back, open_graph
from runtime.errors import EngineError, MorphError, last_line

LARGE = 100 << 20
"""bytes of weights from which on a text encoder is worth releasing, and compiled without them"""
KEPT_S = 20.0
"""how long a large one stays after its last prompt; opening it again takes about a second"""
CONFIG: Mapping[Any, Any] = {
    hint.inference_precision: ov.Type.f32,
    hint.performance_mode: hint.PerformanceMode.LATENCY,
    hint.execution_mode: hint.ExecutionMode.ACCURACY,
}


class TextEncoder:
    """Prompts → embeddings. The compiled graph is one for every precision of the frames."""

    def __init__(self, bundle: Bundle) -> None:
        """Open the graph of a bundle that was just checked.

        Raises:
            EngineError: OpenVINO cannot compile it.
        """
        self._bundle = bundle
        data = f"{bundle.manifest.graphs['text_encoder']}.data"
        record = bundle.manifest.files.get(data)
        self._large = record is not None and record.bytes >= LARGE
        self._weights = bundle.folder / data
        self._checked = self._stamp()
        self._graph: Graph | None = self._open()
        self._used = time.monotonic()

    def encode(self, input_ids: tuple[NDArray[np.int64], ...]) -> tuple[Floats, Floats | None]:
        """See ``Engine.encode``."""
        if self._graph is None:
            self._graph = self._open()
        results = infer(self._graph.request, "text encoder", list(input_ids))
        self._used = time.monotonic()
        embedding = np.array(results["embedding"][0])
        return embedding, np.array(results["pooled"][0]) if self._bundle.manifest.pooled else None

    def release_if_idle(self) -> None:
        """Give back the memory of a large encoder that nobody has needed for ``KEPT_S``."""
        if self._large and time.monotonic() - self._used > KEPT_S:
            self._graph = None

    @property
    def is_open(self) -> bool:
        """Whether its weights are in memory."""
        return self._graph is not None

    def _open(self) -> Graph:
        if self._stamp() != self._checked:
            raise EngineError(f"{self._bundle.folder} was replaced meanwhile: start again")
        config, opening = dict(CONFIG), {}
        if self._large:  # its weights are read from the bundle, not kept twice on the disk
            config["CACHE_MODE"] = "OPTIMIZE_SIZE"
            opening[props.weights_path] = str(self._weights)
        graph = self._bundle.path("text_encoder")
        try:
            with openvino_cache(self._bundle, "f32", part="text encoder") as folder:
                blob = folder / "text_encoder.blob"
                opened = open_graph(lambda: fixed_model(graph), blob, config, opening)
        except MorphError:
            raise
        except Exception as error:  # its C++ errors come as many types
            raise cannot_compile(self._bundle, "text_encoder", error) from None
        give_back(self._weights)
        return opened

    def _stamp(self) -> list[tuple[int, int, int]]:
        """Return what tells the bundle's files from others that took their place."""
        try:
            found = [(self._bundle.folder / name).stat() for name in self._bundle.manifest.files]
        except OSError:
            return []
        return [(status.st_ino, status.st_size, status.st_mtime_ns) for status in found]


def infer(
    request: ov.InferRequest, what: str, inputs: list[NDArray[np.int64]] | None = None
) -> Any:
    """Run a request.

    Raises:
        EngineError: OpenVINO failed.
    """
    try:
        return request.infer(inputs)
    except Exception as error:  # its C++ errors come as many types
        raise EngineError(
            f"openvino failed in the {what} ({last_line(error)[:300]}): "
            "close other programs if memory is short, or try --precision f32"
        ) from None


def cannot_compile(bundle: Bundle, role: str, error: Exception) -> EngineError:
    """Return an error of OpenVINO's compiler as one line."""
    return EngineError(f"openvino cannot compile the {role} of {bundle.folder}: {last_line(error)}")
