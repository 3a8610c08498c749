"""Checkpoint → bundle: export component by component, gate against diffusers, publish."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from export.checkpoints.checkpoint import Checkpoint, scheduler_of
from export.checkpoints.identity import KEY, digest
from export.checkpoints.presets import PREDICTIONS, ModelSpec
from export.checkpoints.resolve import open_checkpoint, pinned
from export.course import Course
from export.graphs import graphs, sampling
from export.graphs.geometry import Geometry, geometry
from export.graphs.sinusoids import guidance_embedding
from export.graphs.text import Text, export_text
from export.parity import gate as parity
from export.parity import half, reference
from export.quiet import quiet
from runtime.bundles.bundle import Bundle
from runtime.bundles.library import home
from runtime.bundles.manifest import Manifest
from runtime.bundles.publish import staging, write_bundle
from runtime.bundles.vocabulary import vocabulary_in, write_vocabulary
from runtime.engines.engine import TOTAL
from runtime.errors import BuildError

Progress = Callable[[str], None]
"""called with a short text at the start of every stage"""

GRAPHS = {role: f"{role}.onnx" for role in ("text_encoder", "denoiser", "decoder")}


def build(
    spec: ModelSpec, out: Path | None = None, progress: Progress = lambda text: None
) -> Bundle:
    """Turn a checkpoint into a bundle at ``out``, by default under the user's bundles.

    All or nothing: until the bundle is complete and has passed the gate, nothing is visible.

    Raises:
        BuildError: a checkpoint that cannot be read or exported, or fails the parity gate.
        TargetError: ``out`` cannot be written.
    """
    target = out if out is not None else home() / spec.name
    with quiet():
        progress("checkpoint")
        spec = pinned(spec)
        made_from = digest(spec)
        checkpoint = open_checkpoint(spec, lambda text: progress(f"fetching {text}"))
        with staging(target) as staged:
            _preflight(checkpoint, staged)
            manifest = _export(spec, checkpoint, staged, progress)
            if digest(spec) != made_from:
                raise BuildError("the checkpoint was changed while it was read: build it again")
            manifest = replace(manifest, sources={**manifest.sources, KEY: made_from})
            _take_vocabulary(spec, staged)
            progress("bundle")
            return write_bundle(staged, manifest, target)


def _export(spec: ModelSpec, checkpoint: Checkpoint, staged: Path, progress: Progress) -> Manifest:
    """Write graphs and tokenizers into ``staged``; no network is kept longer than it is needed."""
    scheduler = _scheduler(spec, checkpoint)
    # SDXL's two text encoders take 3.3 GB of a card in f32
    half_text = spec.precision == "f16" and checkpoint.is_xl
    graph = staged / GRAPHS["text_encoder"]
    text = export_text(checkpoint, scheduler, graph, progress, in_half=half_text)

    progress("denoiser and decoder: load")
    unet, vae = checkpoint.load("unet"), checkpoint.load("vae")
    shape = geometry(unet.config, vae.config, spec.size)
    if spec.precision == "f16":  # the model is what f16 holds; the reference computes it in f32
        half.round_weights(unet)
        half.round_weights(vae)
    pipe = reference.pipeline_of(checkpoint.is_xl, scheduler=scheduler, unet=unet, vae=vae)
    scheduler = type(pipe.scheduler).__name__
    course = Course(spec.timesteps, spec.eta)
    # the pipeline corrects old configurations
    sampler = sampling.probe(pipe.scheduler, spec.steps, course)
    draw = partial(
        reference.draw,
        pipe,
        latent=shape.latent,
        size=(shape.width, shape.height),
        counts=tuple(sampler.steps),
        guidance=spec.guidance if unet.config.time_cond_proj_dim else 1.0,
        course=course,
    )
    expected = draw(text.basis, text.pooled, progress=progress)
    reference.check_reference(expected)
    figures, half_decoder = {}, False
    if spec.precision == "f16":
        progress("decoder: f16")
        half_decoder = half.decodes(vae, graphs.Decoder(vae), checkpoint.is_xl, expected)
        with half.rounding(unet, *([vae] if half_decoder else [])):
            rough = draw(*text.rough, progress=lambda stage: progress(f"{stage}, in f16"))
        lost = parity.between(rough.cases, expected.cases, text.lost)
        parity.check_half(lost)
        figures["f16"] = asdict(lost)
    del pipe, draw

    progress("decoder: export")
    _export_decoder(vae.half() if half_decoder else vae, shape, staged)
    del vae
    _give_back_memory()

    progress("denoiser: export")
    _export_denoiser(spec, unet, checkpoint.is_xl, text, shape, staged)
    del unet
    _give_back_memory()

    manifest = _manifest(spec, checkpoint, text, shape, sampler, scheduler)
    figures |= parity.gate(staged, manifest, text.ids, expected, progress)
    return replace(manifest, parity=figures)


def _scheduler(spec: ModelSpec, checkpoint: Checkpoint) -> Any:
    """Return the checkpoint's scheduler with what the spec changes of it."""
    scheduler = checkpoint.load("scheduler")
    changes = dict(spec.scheduler_config)
    if spec.prediction:
        changes["prediction_type"] = PREDICTIONS[spec.prediction]
    if not (spec.scheduler or changes):
        return scheduler
    name = spec.scheduler or type(scheduler).__name__
    return scheduler_of(name, {**scheduler.config, **changes})


def _export_decoder(vae: Any, shape: Geometry, staged: Path) -> None:
    graphs.export_graph(
        graphs.Decoder(vae),
        {"latent": torch.zeros(2, *shape.latent)},
        ("pixels", TOTAL),
        staged / GRAPHS["decoder"],
    )


def _export_denoiser(
    spec: ModelSpec, unet: Any, is_xl: bool, text: Text, shape: Geometry, staged: Path
) -> None:
    guided = unet.config.time_cond_proj_dim
    if spec.precision == "f16":
        unet = unet.half()
    size = (shape.height, shape.width)
    time_ids = torch.tensor([[*size, 0, 0, *size]], dtype=torch.float32)
    graphs.export_graph(
        graphs.DenoiserModule(
            unet,
            time_ids if is_xl else None,
            guidance_embedding(spec.guidance, guided) if guided else None,
        ),
        graphs.denoiser_inputs(shape.latent, text.tokens, text.embedding, text.pooled_size),
        ("next_sample",),
        staged / GRAPHS["denoiser"],
    )


def _manifest(
    spec: ModelSpec,
    checkpoint: Checkpoint,
    text: Text,
    shape: Geometry,
    sampler: sampling.SamplerTables,
    scheduler: str,
) -> Manifest:
    """Return the manifest, as yet without files and parity figures."""
    offered = sampler.steps
    return Manifest(
        model=spec.name,
        width=shape.width,
        height=shape.height,
        latent=shape.latent,
        tokens=text.tokens,
        embedding=text.embedding,
        pooled=text.pooled_size,
        init_noise_sigma=sampler.init_noise_sigma,
        steps=offered,
        default_steps=spec.default_steps if spec.default_steps in offered else min(offered),
        scheduler=scheduler,
        tokenizers=text.tokenizers,
        graphs=GRAPHS,
        files={},
        sources={**checkpoint.sources(), "licence": spec.licence},
        precision=spec.precision,
    )


def _take_vocabulary(spec: ModelSpec, staged: Path) -> None:
    """Copy the words a checkpoint's folder says its model was taught."""
    if isinstance(spec.source, Path) and spec.source.is_dir():
        vocabulary = vocabulary_in(spec.source)
        if vocabulary is not None:
            write_vocabulary(staged, vocabulary.words)


def _give_back_memory() -> None:
    """Return what dropped networks held to the system: the parity engines need the room."""
    gc.collect()
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):  # glibc only
            ctypes.CDLL(None).malloc_trim(0)


def _preflight(checkpoint: Checkpoint, staged: Path) -> None:
    """Refuse to start when the disk cannot hold the graphs, whose weights may widen to f32."""
    needed = 2 * checkpoint.bytes() + 50_000_000
    free = shutil.disk_usage(staged).free
    if free < needed:
        raise BuildError(
            f"the bundle needs up to {needed / 1e9:.1f} GB and {staged.parent} has "
            f"{free / 1e9:.1f} GB: free some space or choose another folder"
        )
