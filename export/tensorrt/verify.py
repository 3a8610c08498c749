"""The first frames of new engines, against the same frames in f32 on the CPU."""

from __future__ import annotations

from collections.abc import Sequence
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

PROMPTS = ("cat", "kitten", "a photo of a tabby cat on a sofa")
SHARES = np.array([[1.0, 0.5, -0.5], [0.25, 0.5, 0.25]], np.float32)
"""of each prompt in each of two frames: a mix with a subtraction, and one within"""
BATCH = (0, 1, 1, 0)
"""which frame is drawn at which place of a batch"""
SEED = 7


def psnr_against_cpu(bundle: Bundle, backend: str, gpu: Gpu, cache: EngineCache) -> float:
    """Return how like frames on the engines in ``cache`` are to f32 on the CPU, as ``psnr_of``.

    Raises:
        NotFinite: the engines draw what is not finite.
        EngineError: they cannot be loaded or run.
    """
    return psnr_of(bundle, TensorRtEngine(bundle, "auto", backend, gpu, cache))


def psnr_of(bundle: Bundle, engine: Engine) -> float:
    """Return the PSNR, in dB, of the worst frame on ``engine`` against f32 on the CPU.

    One is drawn alone, then a batch where the engine takes four. The engine is closed.

    Raises:
        NotFinite: the engine draws what is not finite.
        EngineError: it cannot run.
    """
    batches = [(0,), BATCH] if len(BATCH) in engine.batches else [(0,), (1,)]
    made = _draw(bundle, engine, batches)
    wanted = _draw(bundle, OpenVinoEngine(bundle, "f32"), [(0,), (1,)])
    places = [place for batch in batches for place in batch]
    return min(
        peak_signal_to_noise(one, wanted[place]) for one, place in zip(made, places, strict=True)
    )


def _draw(bundle: Bundle, engine: Engine, batches: Sequence[tuple[int, ...]]) -> NDArray[np.uint8]:
    """Return the frames of ``SHARES`` that ``batches`` name, uint8 [N, H, W, 3]."""
    manifest = bundle.manifest
    steps = manifest.steps[manifest.default_steps]
    basis = np.zeros((manifest.basis, manifest.tokens, manifest.embedding), np.float32)
    pooled = np.zeros((manifest.basis, manifest.pooled), np.float32) if manifest.pooled else None
    shares = np.zeros((len(SHARES), manifest.basis), np.float32)
    shares[:, : len(PROMPTS)] = SHARES
    weights: Floats = np.repeat(shares[:, :, None], manifest.tokens, axis=2)
    try:
        for k, prompt in enumerate(PROMPTS):
            basis[k], vector = engine.encode(_ids(bundle, prompt))
            if pooled is not None and vector is not None:
                pooled[k] = vector
        engine.load_basis(basis, pooled)
        draws = 1 + sum(step.noise != 0 for step in steps)
        engine.load_noise(randn(SEED, draws, manifest.latent))
        drawn = []
        for batch in batches:
            chosen = list(batch)
            vectors = None if pooled is None else shares[chosen]
            drawn.append(np.array(engine.render(weights[chosen], vectors, steps).pixels))
        return np.concatenate(drawn)
    finally:
        engine.close()


def _ids(bundle: Bundle, prompt: str) -> tuple[NDArray[Any], ...]:
    """Return a prompt's ids for each tokenizer."""
    files = (
        read_tokenizer(bundle.folder, bundle.manifest, name) for name in bundle.manifest.tokenizers
    )
    return tuple(Tokenizer.of(file).ids(prompt) for file in files)
