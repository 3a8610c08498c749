"""Checkpoint → bundle: export component by component, gate against diffusers, publish."""

from __future__ import annotations

import argparse
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
from export.checkpoints.presets import MODELS, PREDICTIONS, ModelSpec
from export.checkpoints.resolve import open_checkpoint, pinned, spec_for
from export.graphs import graphs, sampling
from export.graphs.geometry import geometry
from export.graphs.sinusoids import guidance_embedding
from export.graphs.text import export_text
from export.parity import gate as parity
from export.parity import reference
from export.quiet import quiet
from export.report import report
from runtime.bundles.bundle import Bundle
from runtime.bundles.library import home
from runtime.bundles.manifest import Manifest
from runtime.bundles.publish import staging, write_bundle
from runtime.errors import BuildError, MorphError

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
        checkpoint = open_checkpoint(spec)
        with staging(target) as staged:
            _preflight(checkpoint, staged)
            manifest = _export(spec, checkpoint, staged, progress)
            manifest = replace(manifest, sources={**manifest.sources, KEY: made_from})
            progress("bundle")
            return write_bundle(staged, manifest, target)


def _export(spec: ModelSpec, checkpoint: Checkpoint, staged: Path, progress: Progress) -> Manifest:
    scheduler = checkpoint.load("scheduler")
    changes = dict(spec.scheduler_config)
    if spec.prediction:
        changes["prediction_type"] = PREDICTIONS[spec.prediction]
    if spec.scheduler or changes:
        name = spec.scheduler or type(scheduler).__name__
        scheduler = scheduler_of(name, {**scheduler.config, **changes})
    text = export_text(checkpoint, scheduler, staged / GRAPHS["text_encoder"], progress)

    progress("denoiser and decoder: load")
    unet, vae = checkpoint.load("unet"), checkpoint.load("vae")
    shape = geometry(unet.config, vae.config, spec.size)
    if spec.precision == "f16":  # the model is what f16 holds; the reference computes it in f32
        _round_to_half(unet)
        _round_to_half(vae)
    pipe = reference.pipeline_of(checkpoint.is_xl, scheduler=scheduler, unet=unet, vae=vae)
    scheduler = pipe.scheduler  # the pipeline corrects outdated configurations
    sampler = sampling.probe(scheduler, spec.steps)
    guided = unet.config.time_cond_proj_dim
    tiny = type(vae).__name__ == "AutoencoderTiny"
    draw = partial(
        reference.draw,
        pipe,
        text.basis,
        text.pooled,
        shape.latent,
        (shape.width, shape.height),
        tuple(sampler.steps),
        spec.guidance if guided else 1.0,
    )
    expected = draw(progress)
    figures: dict[str, Any] = {}
    if spec.precision == "f16":
        with reference.in_half(unet, *([vae] if tiny else [])):
            rough = draw(lambda stage: progress(f"{stage}, in f16"))
        half = parity.between(rough.cases, expected.cases)
        parity.check_half(half)
        figures["f16"] = asdict(half)
    del pipe, draw

    progress("decoder: export")
    if spec.precision == "f16" and tiny:  # a full decoder overflows f16
        vae = vae.half()
    graphs.export_graph(
        graphs.Decoder(vae),
        {"latent": torch.zeros(2, *shape.latent)},
        ("pixels",),
        staged / GRAPHS["decoder"],
    )
    del vae
    _give_back_memory()

    progress("denoiser: export")
    if spec.precision == "f16":
        unet = unet.half()
    size = (shape.height, shape.width)
    time_ids = torch.tensor([[*size, 0, 0, *size]], dtype=torch.float32)
    graphs.export_graph(
        graphs.Denoiser(
            unet,
            time_ids if checkpoint.is_xl else None,
            guidance_embedding(spec.guidance, guided) if guided else None,
        ),
        graphs.denoiser_inputs(
            shape.latent,
            text.tokens,
            text.basis.shape[2],
            0 if text.pooled is None else text.pooled.shape[1],
        ),
        ("next_sample",),
        staged / GRAPHS["denoiser"],
    )
    del unet
    _give_back_memory()

    manifest = Manifest(
        model=spec.name,
        width=shape.width,
        height=shape.height,
        latent=shape.latent,
        tokens=text.tokens,
        embedding=text.basis.shape[2],
        pooled=0 if text.pooled is None else text.pooled.shape[1],
        init_noise_sigma=sampler.init_noise_sigma,
        steps=sampler.steps,
        default_steps=(
            spec.default_steps if spec.default_steps in sampler.steps else min(sampler.steps)
        ),
        scheduler=type(scheduler).__name__,
        tokenizers=text.tokenizers,
        graphs=GRAPHS,
        files={},
        sources={**checkpoint.sources(), "licence": spec.licence},
        precision=spec.precision,
    )
    figures |= parity.gate(staged, manifest, text.ids, expected, progress)
    return replace(manifest, parity=figures)


def _give_back_memory() -> None:
    """Return what dropped networks held to the system: the parity engines need the room."""
    gc.collect()
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):  # glibc only
            ctypes.CDLL(None).malloc_trim(0)


def _round_to_half(network: Any) -> None:
    with torch.no_grad():
        for tensor in (*network.parameters(), *network.buffers()):
            if tensor.dtype == torch.float32:
                tensor.copy_(tensor.half())
                if not tensor.isfinite().all():
                    raise BuildError(
                        f"{type(network).__name__} has weights that f16 cannot hold: build it with "
                        "--precision f32"
                    )


def _preflight(checkpoint: Checkpoint, staged: Path) -> None:
    """Refuse to start when the disk cannot hold the graphs, whose weights may widen to f32."""
    needed = 2 * checkpoint.bytes() + 50_000_000
    free = shutil.disk_usage(staged).free
    if free < needed:
        raise BuildError(
            f"the bundle needs up to {needed / 1e9:.1f} GB and {staged.parent} has "
            f"{free / 1e9:.1f} GB: free some space or choose another folder"
        )


def main(argv: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m export.build", description=__doc__)
    parser.add_argument(
        "model",
        help=f"{', '.join(MODELS)}; a hub id, a diffusers folder or a .safetensors file",
    )
    parser.add_argument("--out", type=Path, help="the bundle's folder")
    parser.add_argument("--name", help="the model's name")
    parser.add_argument("--lora", action="append", default=[], metavar="FILE@WEIGHT")
    parser.add_argument("--vae", help="taesd, full or a folder")
    parser.add_argument("--size", metavar="WxH")
    parser.add_argument("--steps", type=int, nargs="+", default=[])
    parser.add_argument("--default-steps", type=int)
    parser.add_argument("--precision", help="f32 or f16")
    parser.add_argument("--scheduler", help="ddim, euler, euler-ancestral, lcm or tcd")
    parser.add_argument("--guidance", type=float, help="for LCMs, which have it baked in")
    parser.add_argument("--prediction", help="epsilon or v, where the checkpoint does not say")
    parser.add_argument("--tokenizer", type=Path, help="a folder, for a .safetensors file")
    options = parser.parse_args(argv)
    try:
        spec = spec_for(
            options.model,
            name=options.name,
            loras=options.lora,
            vae=options.vae,
            size=options.size,
            steps=options.steps,
            default_steps=options.default_steps,
            precision=options.precision,
            scheduler=options.scheduler,
            guidance=options.guidance,
            tokenizer=options.tokenizer,
            prediction=options.prediction,
        )
        bundle = build(spec, options.out, lambda text: print(text, file=sys.stderr, flush=True))
    except MorphError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("cancelled: nothing was written", file=sys.stderr)
        return 130
    print(bundle.folder)
    for line in report(bundle.manifest):
        print(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
