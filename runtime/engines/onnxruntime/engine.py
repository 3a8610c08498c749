"""Frames through ONNX Runtime: the CUDA provider, or the CPU's if that was asked for by name.

Every tensor lives in buffers on the device that are bound once. Each sampler step has a binding
of its own with its constants resident, so a frame is one upload of the weights, a run for each
step, and one download of the pixels; on CUDA each binding is captured as a CUDA graph.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime.bundles.bundle import Bundle
from runtime.bundles.manifest import Step
from runtime.enginecache.cache import EngineCache
from runtime.enginecache.entry import EntryKey
from runtime.engines.abandon import abandon
from runtime.engines.engine import (
    Floats,
    Rendered,
    check_finite,
    check_precision,
    check_total,
    one_by_one,
    warn_no_batches,
    warn_no_cuda_graph,
)
from runtime.engines.engine import suited_precision as suited_precision
from runtime.engines.gpu import Gpu, find_gpu, no_gpu_line
from runtime.engines.onnxruntime.loop import Loop, Shared, make_buffer
from runtime.engines.onnxruntime.module import load_onnxruntime
from runtime.engines.onnxruntime.probe import provider_fault
from runtime.engines.onnxruntime.session import PROVIDERS, failure, open_session
from runtime.engines.verified import read_verified, verified_key
from runtime.errors import DeviceLost, EngineError, FrameCancelled

BATCHES: dict[str, tuple[int, ...]] = {"onnxruntime": (1, 4), "onnxruntime-cpu": (1,)}
"""Backend name → the batch sizes that are worth while: a larger one gains a CPU nothing."""
INSTALL = {
    "onnxruntime": (
        "pip uninstall -y onnxruntime; pip install 'onnxruntime-gpu[cuda,cudnn]' cuda-bindings"
    ),
    "onnxruntime-cpu": "pip install onnxruntime",
}


def available(backend: str = "onnxruntime") -> str | None:
    """Return None if the backend can be used, else one line: why not, and what would add it."""
    try:
        runtime = load_onnxruntime()
    except EngineError as error:
        return f"{error}; add it with: {INSTALL[backend]}"
    wanted = PROVIDERS[backend]
    if wanted not in runtime.get_available_providers():
        return f"this onnxruntime is built without {wanted}; add it with: {INSTALL[backend]}"
    if backend == "onnxruntime":
        try:
            gpu = find_gpu()
        except EngineError as error:
            return f"{error}; add it with: pip install cuda-bindings"
        if gpu is None:
            return no_gpu_line()
        fault = provider_fault(wanted)
        if fault is not None:
            return f"{fault}; add it with: {INSTALL[backend]}"
    return None


def open_engine(bundle: Bundle, precision: str, backend: str = "onnxruntime") -> OnnxRuntimeEngine:
    """Load a bundle on the execution provider that ``backend`` stands for.

    Raises:
        EngineError: another precision than the bundle's graphs compute in, or ONNX Runtime did
            not give the provider asked for (it would have run on the CPU without a word), or not
            for every costly operator, or its frames were found to be others than the CPU's.
    """
    check_precision(bundle, precision, backend)
    if backend == "onnxruntime" and read_verified(EngineCache(), likeness_key(bundle)) is False:
        raise EngineError(
            f"{backend} was seen to draw other pictures of {bundle.manifest.model} on this GPU "
            "than the CPU: play with --backend openvino, or build it with --precision f32"
        )
    return OnnxRuntimeEngine(bundle, backend)


def likeness_key(bundle: Bundle) -> EntryKey:
    """Return the name of what was verified of a bundle's frames on this machine's GPU."""
    version = str(load_onnxruntime().__version__)
    measured = {"bundle": bundle.digest()}
    return verified_key(
        bundle.manifest.model, "onnxruntime", version, Gpu(_gpu_name(), ""), measured
    )


class OnnxRuntimeEngine:
    """A bundle in ONNX Runtime sessions; the protocol is ``runtime.engines.engine.Engine``."""

    def __init__(self, bundle: Bundle, backend: str) -> None:
        """Load the graphs; buffers and CUDA graphs are made when a shape is first rendered."""
        self.batches = BATCHES[backend]
        self.name = backend
        self.precision = bundle.manifest.precision
        self._bundle = bundle
        self._device = "cpu" if backend == "onnxruntime-cpu" else "cuda"
        self.device = "CPU" if self._device == "cpu" else _gpu_name()
        self._text = self._session("text_encoder", cuda_graph=False)
        self._captures = self._device == "cuda"
        self._denoiser = self._session("denoiser", cuda_graph=self._captures)
        self._decoder = self._session("decoder", cuda_graph=self._captures)
        manifest = bundle.manifest
        basis = (manifest.basis, manifest.tokens, manifest.embedding)
        self._basis = make_buffer(basis, self._device)
        self._pooled = None
        if manifest.pooled:
            self._pooled = make_buffer((manifest.basis, manifest.pooled), self._device)
        self._noise: Floats | None = None
        self._no_batches = False
        self._count = 0  # of loops ever made, so that no two name their CUDA graphs alike
        self._loops: dict[tuple[int, tuple[Step, ...]], Loop] = {}
        self._cancelled = False

    def encode(self, input_ids: tuple[NDArray[np.int64], ...]) -> tuple[Floats, Floats | None]:
        """See ``Engine.encode``."""
        names = [node.name for node in self._text.get_inputs()]
        outputs = [node.name for node in self._text.get_outputs()]
        try:
            values = self._text.run(outputs, dict(zip(names, input_ids, strict=True)))
        except Exception as error:
            raise failure("text encoder", error) from None
        results = dict(zip(outputs, values, strict=True))
        pooled = results["pooled"][0] if self._bundle.manifest.pooled else None
        return results["embedding"][0], pooled

    def load_basis(self, basis: Floats, pooled: Floats | None) -> None:
        """See ``Engine.load_basis``."""
        try:
            self._basis.update_inplace(np.ascontiguousarray(basis, np.float32))
            if self._pooled is not None and pooled is not None:
                self._pooled.update_inplace(np.ascontiguousarray(pooled, np.float32))
        except Exception as error:
            raise failure("upload of the words", error) from None

    def load_noise(self, noise: Floats) -> None:
        """See ``Engine.load_noise``."""
        self._noise = noise
        for loop in self._loops.values():
            loop.stale = True

    def render(
        self, weights: Floats, pooled_weights: Floats | None, steps: tuple[Step, ...]
    ) -> Rendered:
        """See ``Engine.render``; FrameCancelled where ``cancel`` was called meanwhile."""
        if self._noise is None:
            raise EngineError("render was called before load_noise")
        self._go_on(True)
        ran = None
        if not (self._no_batches and len(weights) > 1):
            ran = self._run(weights, pooled_weights, steps)
        if ran is None:
            return one_by_one(
                lambda one, pooled: self.render(one, pooled, steps), weights, pooled_weights
            )
        rendered, latent, total = ran
        check_finite(latent)
        check_total(total)
        return rendered

    def cancel(self) -> None:
        """See ``Cancellable``; on the CPU alone, for a CUDA graph runs to its end."""
        if self._device == "cpu":
            self._go_on(False)

    def _go_on(self, going: bool) -> None:
        """Let what runs go on, or end after the operator that it is at."""
        self._cancelled = not going
        for loop in tuple(self._loops.values()):
            for options in loop.options:
                options.terminate = not going

    def close(self) -> None:
        """See ``Engine.close``."""
        self._loops.clear()
        del self._text, self._denoiser, self._decoder

    def _run(
        self, weights: Floats, pooled_weights: Floats | None, steps: tuple[Step, ...]
    ) -> tuple[Rendered, Floats, Floats | None] | None:
        """Return a frame, its latent and total, or None if there is no room for such a batch."""
        assert self._noise is not None
        key = (len(weights), steps)
        known = self._loops.get(key)
        self._count += known is None
        try:
            loop = known or self._make_loop(len(weights), steps)
            if loop.stale:
                loop.load_noise(self._noise, self._bundle.manifest.init_noise_sigma)
            ran = loop.run(weights, pooled_weights)
        except Exception as error:
            if self._cancelled:
                raise FrameCancelled("the frame was given up") from None
            failed = failure("denoiser or decoder", error)
            if self._captures and "captur" in str(error).lower():
                self._stop_capturing(failed)
                return self._run(weights, pooled_weights, steps)
            if known or len(weights) == 1 or isinstance(failed, DeviceLost):
                raise failed from None
            self.batches, self._no_batches = (1,), True
            warn_no_batches(self.name, failed)
            return None
        self._loops[key] = loop
        return ran

    def _make_loop(self, batch: int, steps: tuple[Step, ...]) -> Loop:
        shared = Shared(
            self._bundle.manifest,
            self._denoiser,
            self._decoder,
            self._basis,
            self._pooled,
            self._device,
        )
        return Loop(shared, batch, steps, self._count)

    def _stop_capturing(self, error: EngineError) -> None:
        """Load the graphs anew, to run without CUDA graphs.

        The old sessions are never destroyed: their stream may still be capturing, and then their
        destructors end the process (microsoft/onnxruntime #32081 shows it). Until the end of the
        process they hold their memory, which an 8 GB card may lack; that is an error of one line.
        """
        self._captures = False
        self._loops.clear()
        abandon(self._denoiser)
        abandon(self._decoder)
        self._denoiser = self._session("denoiser", cuda_graph=False)
        self._decoder = self._session("decoder", cuda_graph=False)
        warn_no_cuda_graph("frames run", error)

    def _session(self, role: str, *, cuda_graph: bool) -> Any:
        return open_session(
            self._bundle.path(role),
            self.name,
            exact=self.precision == "f32",
            cuda_graph=cuda_graph,
            what=role.replace("_", " "),
        )


def _gpu_name() -> str:
    try:
        gpu = find_gpu()
    except EngineError:  # no cuda-bindings: ONNX Runtime itself needs none
        gpu = None
    return gpu.name if gpu else "GPU"
