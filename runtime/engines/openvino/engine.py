"""Frames on the CPU through OpenVINO."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
from numpy.typing import NDArray
from openvino import properties as props
from openvino.properties import hint

from runtime.bundles.bundle import Bundle
from runtime.bundles.manifest import Step
from runtime.engines.engine import TOTAL, Floats, Rendered, check_finite, check_total
from runtime.engines.openvino.cache import openvino_cache
from runtime.engines.openvino.core import CORE
from runtime.engines.openvino.folding import fold
from runtime.engines.openvino.graph import Graph, fixed_model, give_back, open_graph
from runtime.engines.openvino.int8 import GRAPHS, Int8, int8_graphs, worthwhile
from runtime.engines.openvino.narrow import narrow
from runtime.engines.openvino.prologue import Parts, SplitDenoiser, split
from runtime.engines.openvino.text import TextEncoder, cannot_compile, infer
from runtime.errors import EngineError, FrameCancelled

PRECISIONS = ("f32", "bf16", "int8")
LEAST_BF16_DB = 35.0
"""a bundle whose frames in bf16 are further from f32 than this PSNR runs in f32"""


def available(backend: str = "openvino") -> str | None:
    """Return None: OpenVINO comes with the base install and runs on any CPU."""
    return None


def best_precision() -> str:
    """Return ``bf16`` where the CPU computes in it, else ``f32``."""
    capabilities = CORE.get_property("CPU", props.device.capabilities)
    return "bf16" if "BF16" in capabilities else "f32"


def suited_precision(bundle: Bundle) -> str:
    """Return what ``auto`` computes in.

    ``int8`` where its graphs were made and measured to be ``worthwhile``, else ``best_precision``,
    or ``f32`` where the bundle's own figures speak against bf16.
    """
    if worthwhile(bundle):
        return "int8"
    best = best_precision()
    figures = bundle.manifest.parity.get(best)
    if not isinstance(figures, Mapping) or "psnr" not in figures:
        return best
    measured = figures["psnr"]  # null in a manifest where it was not finite
    return best if isinstance(measured, (int, float)) and measured >= LEAST_BF16_DB else "f32"


def open_engine(bundle: Bundle, precision: str, backend: str = "openvino") -> OpenVinoEngine:
    """Compile a bundle for this CPU; ``int8`` is calibrated first where that was never done.

    Raises:
        EngineError: an unknown precision, int8 that cannot be had or is too far from f32, or
            graphs that OpenVINO cannot compile.
    """
    chosen = suited_precision(bundle) if precision == "auto" else precision
    if chosen not in PRECISIONS:
        raise EngineError(f"openvino computes in {' or '.join(PRECISIONS)}, not {precision}")
    if chosen != "int8":
        return OpenVinoEngine(bundle, chosen)
    return OpenVinoEngine(bundle, chosen, int8_graphs(bundle))


class OpenVinoEngine:
    """A bundle compiled for the CPU; the protocol is ``runtime.engines.engine.Engine``."""

    name = "openvino"
    batches = (1,)  # four at a time take less each, but a key would wait for four frames

    def __init__(self, bundle: Bundle, precision: str, int8: Int8 | None = None) -> None:
        """Compile the graphs; buffers live as long as the engine and are shared with it.

        ``int8`` are quantised graphs; those it has not are computed in ``best_precision``.
        """
        self.precision = precision
        self._bundle = bundle
        self._int8 = int8
        self.device = str(CORE.get_property("CPU", props.device.full_name)).strip()
        graphs = "" if int8 is None else int8.digest
        with openvino_cache(bundle, precision, graphs=graphs) as cache:
            denoisers = self._open_denoiser(cache)
            decoder = self._open("decoder", cache / "decoder.blob", lambda: self._read("decoder"))
        self._graphs = (*denoisers, decoder)
        whole, *before = (graph.request for graph in denoisers)
        self._denoiser = SplitDenoiser(whole, *(request.get_compiled_model() for request in before))
        self._inputs = self._denoiser.inputs
        self._decoder = decoder.request
        # last: while the denoiser is opened the most memory is taken
        self._text = TextEncoder(bundle)
        self._latent = self._denoiser.next_sample
        self._decoder.set_tensor("latent", self._latent)
        self._judges = any(TOTAL in port.names for port in self._decoder.model_outputs)
        self._noise: Floats | None = None
        self._noises = 0
        """how many were loaded"""
        self._cancelled = False

    def encode(self, input_ids: tuple[NDArray[np.int64], ...]) -> tuple[Floats, Floats | None]:
        """See ``Engine.encode``."""
        if not self._text.is_open:
            give_back(*(graph.file for graph in self._graphs if graph.file))  # room for it
        return self._text.encode(input_ids)

    def load_basis(self, basis: Floats, pooled: Floats | None) -> None:
        """See ``Engine.load_basis``."""
        self._inputs["basis"][:] = basis
        if pooled is not None:
            self._inputs["pooled_basis"][:] = pooled

    def load_noise(self, noise: Floats) -> None:
        """See ``Engine.load_noise``."""
        self._noise = noise
        self._noises += 1

    def render(
        self, weights: Floats, pooled_weights: Floats | None, steps: tuple[Step, ...]
    ) -> Rendered:
        """See ``Engine.render``; FrameCancelled where ``cancel`` was called meanwhile."""
        self._cancelled = False
        if self._noise is None:
            raise EngineError("render was called before load_noise")
        self._text.release_if_idle()
        start = time.perf_counter()
        inputs = self._inputs
        inputs["weights"][:] = weights
        if pooled_weights is not None:
            inputs["pooled_weights"][:] = pooled_weights
        sigma = np.float32(self._bundle.manifest.init_noise_sigma)
        np.multiply(self._noise[0], sigma, out=inputs["sample"][0])
        latent = self._latent.data
        fresh = 1
        for index, step in enumerate(steps):
            if index:
                inputs["sample"][:] = latent
            inputs["timestep"][:] = step.timestep
            inputs["coefficients"][:] = (step.scale, step.sample, step.output, step.noise)
            if step.noise:
                inputs["noise"][:] = self._noise[fresh]
                fresh += 1
            self._run("denoiser", index, (self._noises, step))
        check_finite(latent, "play with")
        denoised = time.perf_counter()
        self._run("decoder")
        pixels = np.array(self._decoder.get_tensor("pixels").data)
        if self._judges:
            check_total(self._decoder.get_tensor(TOTAL).data)
        done = time.perf_counter()
        return Rendered(pixels, (denoised - start) * 1e3, (done - denoised) * 1e3)

    def cancel(self) -> None:
        """See ``Cancellable``; a graph ends after the layer that it is at."""
        self._cancelled = True
        self._denoiser.cancel()
        self._decoder.cancel()

    def _run(self, role: str, index: int = 0, key: object = None) -> None:
        try:
            if role == "denoiser" and not self._cancelled:
                self._denoiser.run(index, key)
            elif not self._cancelled:
                infer(self._decoder, role)
        except EngineError:
            if not self._cancelled:
                raise
        if self._cancelled:
            raise FrameCancelled("the frame was given up") from None

    def precision_of(self, role: str) -> str:
        """What a graph computes in: those that were quantised in ``int8``, others in the best."""
        if self._int8 is None:
            return self.precision
        return "int8" if role in self._int8.roles else best_precision()

    def close(self) -> None:
        """See ``Engine.close``; the graphs are freed with the engine itself."""
        self._noise = None

    def _open_denoiser(self, cache: Path) -> list[Graph]:
        """Open the denoiser: [whole], or [the rest, what in it hears no text]."""
        whole, rest, first = (cache / f"{name}.blob" for name in ("denoiser", "rest", "prologue"))
        parts = functools.cache(lambda: split(self._read("denoiser")))
        compiled = rest.exists() and first.exists()
        if whole.exists() or (not compiled and parts() is None):
            return [self._open("denoiser", whole, lambda: self._read("denoiser"))]
        return [
            self._open("denoiser", rest, lambda: _known(parts()).after),
            self._open("denoiser", first, lambda: _known(parts()).before),
        ]

    def _open(self, role: str, blob: Path, read: Callable[[], ov.Model]) -> Graph:
        try:
            return open_graph(read, blob, self._settings())
        except Exception as error:  # its C++ errors come as many types
            raise cannot_compile(self._bundle, role, error) from None

    def _settings(self) -> dict[Any, Any]:
        """What the graphs are compiled with."""
        best = best_precision() if self.precision == "int8" else self.precision
        config: dict[Any, Any] = {
            hint.inference_precision: ov.Type.bf16 if best == "bf16" else ov.Type.f32,
            hint.performance_mode: hint.PerformanceMode.LATENCY,
        }
        if self.precision == "f32":
            config[hint.execution_mode] = hint.ExecutionMode.ACCURACY
        return config

    def _read(self, role: str) -> ov.Model:
        if self._int8 is not None and role in self._int8.roles:
            return self._fixed(self._int8.folder / GRAPHS[role])
        model = self._fixed(self._bundle.path(role))
        if role == "decoder":
            fold(model)
        if self.precision != "f32" and best_precision() == "bf16":
            narrow(model)
        return model

    def _fixed(self, graph: Path) -> ov.Model:
        """Read a graph and fix its batch."""
        return fixed_model(graph)


def _known(parts: Parts | None) -> Parts:
    assert parts is not None, "where it was split once it is split again"
    return parts
