"""The gate: every frame of the exported graphs equals that of the diffusers pipeline.

Both sides get the same mixed embeddings and the same noise. The reference runs in torch f32 inside
the real diffusers pipeline; the graphs run in OpenVINO, at first in f32, then in the precision
that this machine will use. What f16 loses is told by the reference itself, rounded as an engine
rounds, because few CPUs compute in f16.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from export.parity.half import relative
from export.parity.reference import Case, Floats, MixCase, Reference, hears
from runtime.bundles.manifest import Manifest, Step
from runtime.engines.openvino.core import CORE
from runtime.engines.openvino.engine import best_precision
from runtime.errors import BuildError, last_line
from runtime.perception.psnr import EQUAL, LEAST, peak_signal_to_noise

WORST_LEVELS = 2
WORST_RELATIVE = 2e-3
"""of latents and embeddings; rounding in f32 stays below 2e-5 in every family tried"""


@dataclass(frozen=True, slots=True)
class Figures:
    """How far the graphs are from the reference in one precision."""

    worst_levels: int
    """largest difference of any colour value of any frame, in 1/255"""
    worst_latent: float
    """largest relative difference of a final latent (L2); infinite for one that is not finite"""
    psnr: float
    """of the worst frame, in dB; 99 stands for equal, 0 for a latent that is not finite"""
    embedding: float
    """relative difference of the text encoder's output (L2)"""
    frames: int


def _compiled(path: Path, precision: str) -> Callable[[Mapping[str, Any]], tuple[Any, ...]]:
    """Return a graph on OpenVINO's CPU plugin: a function from named inputs to the outputs."""
    options = {
        "INFERENCE_PRECISION_HINT": precision,
        "EXECUTION_MODE_HINT": "ACCURACY" if precision == "f32" else "PERFORMANCE",
    }
    try:
        compiled = CORE.compile_model(path, "CPU", options)
    except RuntimeError as error:
        raise BuildError(f"OpenVINO cannot compile {path.name}: {last_line(error)}") from None
    return lambda inputs: tuple(compiled(dict(inputs)).values())


def gate(
    folder: Path,
    manifest: Manifest,
    ids: list[dict[str, Any]],
    expected: Reference,
    progress: Callable[[str], None],
) -> dict[str, Any]:
    """Compare in f32 and in this machine's running precision; return what the manifest keeps.

    Raises:
        BuildError: beyond the gate.
    """
    exact = measure(folder, manifest, ids, expected, "f32", progress)
    check_exact(exact)
    kept: dict[str, Any] = {"hears": hears(expected), "f32": asdict(exact)}
    running = best_precision()
    if running != "f32":
        rough = measure(folder, manifest, ids, expected, running, progress)
        kept[running] = asdict(rough)
    return kept


def measure(
    folder: Path,
    manifest: Manifest,
    ids: list[dict[str, Any]],
    expected: Reference,
    precision: str,
    progress: Callable[[str], None],
) -> Figures:
    """Run the graphs in ``folder`` on what the reference was run on, and compare."""
    progress(f"parity in {precision}: text encoder")
    encode = _compiled(folder / manifest.graphs["text_encoder"], precision)
    embedding_error = 0.0
    for k, inputs in enumerate(ids):
        outputs = encode(inputs)
        embedding_error = max(embedding_error, relative(outputs[0][0], expected.basis[k]))
        if expected.pooled is not None:
            embedding_error = max(embedding_error, relative(outputs[1][0], expected.pooled[k]))
    del encode

    progress(f"parity in {precision}: denoiser")
    denoise = _compiled(folder / manifest.graphs["denoiser"], precision)
    latents: dict[int, Floats] = {}
    for count in sorted({case.steps for case in expected.cases}):
        at = [i for i, case in enumerate(expected.cases) if case.steps == count]
        for pair in (at[i : i + 2] for i in range(0, len(at), 2)):
            batch = [expected.cases[i].edit for i in pair]
            sample = _sample(denoise, batch, manifest.steps[count], manifest, expected)
            latents.update(zip(pair, sample, strict=True))
    del denoise

    progress(f"parity in {precision}: decoder")
    decode = _compiled(folder / manifest.graphs["decoder"], precision)
    drawn = []
    for i, case in enumerate(expected.cases):
        pixels, total = decode({"latent": latents[i][None]})
        finite = bool(np.isfinite(total).all())
        drawn.append(Case(case.edit, case.steps, latents[i], np.array(pixels[0]), finite))
    return between(drawn, expected.cases, embedding_error)


def between(
    drawn: Sequence[Case], expected: Sequence[Case], embedding_error: float = 0.0
) -> Figures:
    """Compare cases with those that were expected, one by one."""
    worst_levels, worst_latent, psnr = 0, 0.0, EQUAL
    for ours, theirs in zip(drawn, expected, strict=True):
        difference = np.abs(ours.frame.astype(np.int16) - theirs.frame)
        worst_levels = max(worst_levels, int(difference.max()))
        worst_latent = max(worst_latent, relative(ours.latent, theirs.latent))
        psnr = min(psnr, peak_signal_to_noise(ours.frame, theirs.frame))
        if not (ours.finite and np.isfinite(ours.latent).all()):
            worst_latent, psnr = float("inf"), 0.0
    return Figures(worst_levels, worst_latent, psnr, embedding_error, len(expected))


def _sample(
    denoise: Callable[[Mapping[str, Any]], tuple[Any, ...]],
    batch: list[MixCase],
    rows: tuple[Step, ...],
    manifest: Manifest,
    expected: Reference,
) -> Floats:
    """Follow a step table for a batch of edits; return the final latents [B, C, h, w]."""
    draws = iter(expected.noise)
    count = len(batch)
    inputs: dict[str, Any] = {
        "basis": expected.basis,
        "weights": np.stack([edit.weights for edit in batch]),
    }
    if expected.pooled is not None:
        inputs["pooled_basis"] = expected.pooled
        inputs["pooled_weights"] = np.stack([edit.pooled_weights for edit in batch])
    sample = np.repeat(np.float32(manifest.init_noise_sigma) * next(draws)[None], count, axis=0)
    silence = np.zeros_like(sample)
    for row in rows:
        noise = np.repeat(next(draws)[None], count, axis=0) if row.noise else silence
        coefficients = (row.scale, row.sample, row.output, row.noise)
        (sample,) = denoise(
            {
                **inputs,
                "sample": sample,
                "timestep": np.array([row.timestep], np.float32),
                "coefficients": np.array(coefficients, np.float32),
                "noise": noise,
            }
        )
        sample = np.array(sample)
    return sample


def check_exact(figures: Figures) -> None:
    """Refuse f32 figures beyond the gate.

    Raises:
        BuildError: with the figures.
    """
    relative = (figures.worst_latent, figures.embedding)
    if figures.worst_levels > WORST_LEVELS or not all(one <= WORST_RELATIVE for one in relative):
        raise BuildError(
            f"the exported graphs differ from diffusers by {figures.worst_levels}/255 in a frame, "
            f"{figures.worst_latent:.1e} in a latent and {figures.embedding:.1e} in an embedding "
            f"(allowed: {WORST_LEVELS}/255, {WORST_RELATIVE:.0e}), so no bundle was written"
        )


def check_half(figures: Figures) -> None:
    """Refuse f16 figures beyond the gate.

    Raises:
        BuildError: with the figures and what to do.
    """
    if figures.psnr < LEAST:
        finite = np.isfinite(figures.worst_latent)
        why = f"fall to {figures.psnr:.1f} dB" if finite else "are not finite"
        raise BuildError(
            f"in f16 this checkpoint's frames {why} against diffusers (allowed: {LEAST:.0f} dB), "
            "so no bundle was written: build it with --precision f32"
        )
