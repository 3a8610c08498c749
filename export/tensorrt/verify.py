"""The first frame of new engines, against the same frame in f32 on the CPU."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime.bundles.bundle import Bundle, read_tokenizer
from runtime.enginecache.cache import EngineCache
from runtime.engines.engine import Engine, Floats
from runtime.engines.gpu import Gpu
from runtime.engines.openvino.engine import OpenVinoEngine
from runtime.engines.tensorrt.engine import TensorRtEngine
from runtime.mixing.tokens import Tokenizer
from runtime.noise import randn
from runtime.perception.psnr import peak_signal_to_noise

PROMPTS = {"cat": 1.0, "kitten": 0.5, "a photo of a tabby cat on a sofa": -0.5}
"""what the frame shows, and its weights: a mix with a subtraction"""
SEED = 7


def psnr_against_cpu(bundle: Bundle, backend: str, gpu: Gpu, cache: EngineCache) -> float:
    """Return the PSNR, in dB, of a frame on the engines in ``cache`` against f32 on the CPU.

    Raises:
        EngineError: the engines cannot be loaded or run, or draw what is not finite.
    """
    return psnr_of(bundle, TensorRtEngine(bundle, "auto", backend, gpu, cache))


def psnr_of(bundle: Bundle, engine: Engine) -> float:
    """Return the PSNR, in dB, of a frame on ``engine`` against f32 on the CPU; it is closed.

    Raises:
        EngineError: the engine cannot run, or draws what is not finite.
    """
    made = _frame(bundle, engine)
    wanted = _frame(bundle, OpenVinoEngine(bundle, "f32"))
    return peak_signal_to_noise(made, wanted)


def _frame(bundle: Bundle, engine: Engine) -> NDArray[np.uint8]:
    manifest = bundle.manifest
    steps = manifest.steps[manifest.default_steps]
    basis = np.zeros((manifest.basis, manifest.tokens, manifest.embedding), np.float32)
    pooled = np.zeros((manifest.basis, manifest.pooled), np.float32) if manifest.pooled else None
    shares = np.zeros((1, manifest.basis), np.float32)
    try:
        for k, (prompt, share) in enumerate(PROMPTS.items()):
            basis[k], vector = engine.encode(_ids(bundle, prompt))
            shares[0, k] = share
            if pooled is not None and vector is not None:
                pooled[k] = vector
        engine.load_basis(basis, pooled)
        draws = 1 + sum(step.noise != 0 for step in steps)
        engine.load_noise(randn(SEED, draws, manifest.latent))
        weights: Floats = np.repeat(shares[:, :, None], manifest.tokens, axis=2)
        rendered = engine.render(weights, None if pooled is None else shares, steps)
        return np.array(rendered.pixels[0])
    finally:
        engine.close()


def _ids(bundle: Bundle, prompt: str) -> tuple[NDArray[Any], ...]:
    """Return a prompt's ids for each tokenizer."""
    files = (
        read_tokenizer(bundle.folder, bundle.manifest, name) for name in bundle.manifest.tokenizers
    )
    return tuple(Tokenizer.of(file).ids(prompt) for file in files)
