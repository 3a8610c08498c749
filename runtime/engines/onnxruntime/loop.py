"""One frame's way through ONNX Runtime: the buffers and bindings of one batch and step table."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from runtime.bundles.manifest import Manifest, Step
from runtime.engines.engine import TOTAL, Floats, Rendered
from runtime.engines.onnxruntime.module import load_onnxruntime
from runtime.engines.onnxruntime.session import failure

_GRAPHS_A_LOOP = 64
"""CUDA graph numbers set aside for each loop; more than the sampler steps of any table"""


@dataclass(frozen=True, eq=False)
class Shared:
    """What the loops of one engine have in common."""

    manifest: Manifest
    denoiser: Any
    """onnxruntime.InferenceSession, as ``decoder``"""
    decoder: Any
    basis: Any
    """OrtValue, f32 [K, T, D]"""
    pooled: Any
    """OrtValue, f32 [K, P]; None for models without"""
    device: str
    """``cpu`` or ``cuda``: where every buffer lies"""

    def buffer(self, shape: tuple[int, ...], kind: Any = np.float32) -> Any:
        """Make a buffer beside the others."""
        return make_buffer(shape, self.device, kind)


def make_buffer(shape: tuple[int, ...], device: str, kind: Any = np.float32) -> Any:
    """Return an OrtValue of zeros on ``device``, ``cpu`` or ``cuda``.

    Raises:
        EngineError: there is no room.
    """
    values = np.zeros(shape, kind)
    try:
        return load_onnxruntime().OrtValue.ortvalue_from_numpy(values, device, 0)
    except Exception as error:
        raise failure("buffers of a frame", error) from None


class Loop:
    """The bindings of one batch size and step table."""

    def __init__(self, shared: Shared, batch: int, steps: tuple[Step, ...], number: int) -> None:
        """Bind ``batch`` frames of ``steps``; no two loops of a process share a ``number``.

        Raises:
            EngineError: there is no room for its buffers.
        """
        manifest = shared.manifest
        picture = (batch, *manifest.latent)
        self._shared, self._steps, self._batch = shared, steps, batch
        self.stale = True
        self._first = shared.buffer(picture)
        self._weights = shared.buffer((batch, manifest.basis, manifest.tokens))
        self._pooled_weights = None
        if manifest.pooled:
            self._pooled_weights = shared.buffer((batch, manifest.basis))
        self._fresh = [shared.buffer(picture) for _ in steps]
        self._bindings = []
        sample = self._first
        for step, fresh in zip(steps, self._fresh, strict=True):
            timestep, coefficients = shared.buffer((1,)), shared.buffer((4,))
            timestep.update_inplace(np.array([step.timestep], np.float32))
            coefficients.update_inplace(
                np.array([step.scale, step.sample, step.output, step.noise], np.float32)
            )
            takes = {
                "sample": sample,
                "timestep": timestep,
                "basis": shared.basis,
                "weights": self._weights,
                "coefficients": coefficients,
                "noise": fresh,
            }
            if self._pooled_weights is not None:
                takes |= {"pooled_basis": shared.pooled, "pooled_weights": self._pooled_weights}
            sample = shared.buffer(picture)
            self._bindings.append(_bind(shared.denoiser, takes, {"next_sample": sample}))
        self._latent = sample
        self._pixels = shared.buffer((batch, manifest.height, manifest.width, 3), np.uint8)
        gives = {"pixels": self._pixels}
        self._total = None
        if any(node.name == TOTAL for node in shared.decoder.get_outputs()):
            gives[TOTAL] = self._total = shared.buffer((batch,))
        self._decode = _bind(shared.decoder, {"latent": sample}, gives)
        first = 1 + number * _GRAPHS_A_LOOP
        self.options = [_graph_options(first + index) for index in range(len(steps) + 1)]

    def load_noise(self, noise: Floats, sigma: float) -> None:
        """Upload the noise [1 + fresh, C, h, w] of a seed, whose first is scaled by ``sigma``."""

        def batched(one: Floats) -> Floats:
            return np.repeat(one[None], self._batch, axis=0)

        self._first.update_inplace(batched(noise[0] * np.float32(sigma)))
        number = 0
        for step, buffer in zip(self._steps, self._fresh, strict=True):
            if step.noise:
                number += 1
                buffer.update_inplace(batched(noise[number]))
        self.stale = False

    def run(
        self, weights: Floats, pooled_weights: Floats | None
    ) -> tuple[Rendered, Floats, Floats | None]:
        """Return the frames, their latents and totals; nothing is fetched before all is done.

        ``weights`` [B, K, T] and ``pooled_weights`` [B, K] are f32. What ONNX Runtime raises
        passes through.
        """
        start = time.perf_counter()
        self._weights.update_inplace(np.ascontiguousarray(weights, np.float32))
        if self._pooled_weights is not None and pooled_weights is not None:
            self._pooled_weights.update_inplace(np.ascontiguousarray(pooled_weights, np.float32))
        for binding, options in zip(self._bindings, self.options, strict=False):
            self._shared.denoiser.run_with_iobinding(binding, options)
        denoised = time.perf_counter()
        self._shared.decoder.run_with_iobinding(self._decode, self.options[-1])
        pixels, latent = np.array(self._pixels.numpy()), self._latent.numpy()
        total = None if self._total is None else self._total.numpy()
        done = time.perf_counter()
        return Rendered(pixels, (denoised - start) * 1e3, (done - denoised) * 1e3), latent, total


def _bind(session: Any, takes: dict[str, Any], gives: dict[str, Any]) -> Any:
    binding = session.io_binding()
    for name in (node.name for node in session.get_inputs()):
        binding.bind_ortvalue_input(name, takes[name])
    for name, value in gives.items():
        binding.bind_ortvalue_output(name, value)
    return binding


def _graph_options(number: int) -> Any:
    """Name the CUDA graph of one binding: captures differ by the addresses they hold."""
    options = load_onnxruntime().RunOptions()
    options.add_run_config_entry("gpu_graph_id", str(number))
    return options
