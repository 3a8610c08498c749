"""diffusers as a peer: each way of running it in a process of its own, with its own memory."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime.bench.peers import PeerSpec
from runtime.bundles.bundle import Bundle
from runtime.errors import BuildError, EngineError, RequestError
from runtime.pipeline import Pipeline
from runtime.request import Request

PATIENCE_SECONDS = 900.0
"""torch.compile alone takes minutes on two cores"""


@dataclass(frozen=True, slots=True)
class TorchVariant:
    """One way of running a checkpoint in torch."""

    name: str
    precision: str
    """f32, bf16 or f16"""
    compiled: bool = False
    device: str = "cpu"


ON_CPU = (
    TorchVariant("diffusers f32", "f32"),
    TorchVariant("diffusers bf16", "bf16"),
    TorchVariant("torch.compile bf16", "bf16", compiled=True),
)
ON_GPU = (
    TorchVariant("diffusers f16", "f16", device="cuda"),
    TorchVariant("torch.compile f16", "f16", compiled=True, device="cuda"),
)


def diffusers_peers(
    bundle: Bundle, checkpoint: Path | None, on_gpu: bool, which: str = ""
) -> list[PeerSpec]:
    """Return every way of running a bundle's own checkpoint in diffusers.

    ``checkpoint`` is where it lies, for those that are neither built in nor of a hub. ``which``
    leaves those that compute in one precision and are not compiled, or with ``compile`` the one
    that is.

    Raises:
        RequestError: none is left.
    """
    ways = ON_GPU if on_gpu else ON_CPU
    known = {"compile" if way.compiled else way.precision: way for way in ways}
    if which and which not in known:
        raise RequestError(
            f"--against diffusers:{which}: here it can be diffusers:{', diffusers:'.join(known)}"
        )
    return [
        PeerSpec(way.name, lambda way=way: DiffusersPeer(bundle, checkpoint, way))  # type: ignore[misc]
        for name, way in known.items()
        if which in ("", name)
    ]


class DiffusersPeer:
    """The diffusers pipeline of a bundle's checkpoint, fed the same embedding and noise."""

    def __init__(self, bundle: Bundle, checkpoint: Path | None, way: TorchVariant) -> None:
        """Start the process and load the checkpoint.

        Raises:
            BuildError: the checkpoint is gone or cannot be loaded.
            EngineError: torch cannot run it that way here.
        """
        context = multiprocessing.get_context("spawn")  # a fork would share the engine's threads
        self._pipe, theirs = context.Pipe()
        self._child = context.Process(
            target=_serve, args=(theirs, bundle, checkpoint, way), daemon=True
        )
        self._child.start()
        theirs.close()
        try:
            self.note: str = self._answer()
        except BaseException:
            self.close()
            raise

    def draw(self, pipeline: Pipeline, request: Request) -> tuple[NDArray[np.uint8], float]:
        """See ``runtime.bench.peers.Peer.draw``; the time is the child's own, without the pipe."""
        heard = pipeline.conditioning(request)
        self._pipe.send((heard.rows, heard.pooled, request.seed, request.steps))
        pixels, milliseconds = self._answer()
        return pixels, milliseconds

    def close(self) -> None:
        """See ``runtime.bench.peers.Peer.close``."""
        self._pipe.close()
        self._child.join(5)
        if self._child.is_alive():
            self._child.kill()
            self._child.join()

    def _answer(self) -> Any:
        try:
            if not self._pipe.poll(PATIENCE_SECONDS):
                raise EngineError(f"no answer within {PATIENCE_SECONDS / 60:.0f} minutes")
            kind, value = self._pipe.recv()
        except (EOFError, ConnectionError):
            self._child.join(5)
            code = self._child.exitcode
            why = ", most likely because the machine ran out of memory" if code == -9 else ""
            raise EngineError(f"its process ended with status {code}{why}") from None
        if kind == "missing":
            raise BuildError(value)
        if kind == "failed":
            raise EngineError(value)
        return value


def _serve(pipe: Connection, bundle: Bundle, checkpoint: Path | None, way: TorchVariant) -> None:
    """Be the child: load, say so, then draw what is asked until the pipe is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends us
    null = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(null, stream)
    from runtime.errors import MorphError, one_line

    try:
        pipeline, guidance, note = _load(bundle, checkpoint, way)
        pipe.send(("ready", note))
    except MorphError as error:
        pipe.send(("missing", str(error)))
        return
    except Exception as error:  # torch's, of many kinds: told, never swallowed
        pipe.send(("failed", one_line(error)[:300]))
        return
    with contextlib.suppress(EOFError, ConnectionError):
        while True:
            asked = pipe.recv()
            try:
                pipe.send(("drawn", _draw(pipeline, way, bundle, guidance, *asked)))
            except Exception as error:
                pipe.send(("failed", one_line(error)[:300]))


def _load(bundle: Bundle, checkpoint: Path | None, way: TorchVariant) -> tuple[Any, float, str]:
    import diffusers
    import torch

    from export.checkpoints.checkpoint import scheduler_of
    from export.parity.reference import pipeline_of
    from export.peers.origin import origin
    from export.quiet import quiet

    if way.device == "cuda" and not torch.cuda.is_available():
        raise EngineError("the torch installed here cannot use the GPU")
    with quiet():
        found, spec = origin(bundle, checkpoint)
        scheduler = found.load("scheduler")
        config = {**scheduler.config, **spec.scheduler_config}
        scheduler = scheduler_of(bundle.manifest.scheduler, config)
        kind = {"f32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16}[way.precision]
        last = {"memory_format": torch.channels_last} if way.precision != "f32" else {}
        networks = {n: found.load(n).to(way.device, kind, **last) for n in ("unet", "vae")}
        pipe = pipeline_of(found.is_xl, scheduler=scheduler, **networks)
    if way.compiled:
        pipe.unet = torch.compile(pipe.unet)
        pipe.vae.decode = torch.compile(pipe.vae.decode)
    how = "channels last" if way.precision != "f32" else "eager"
    guidance = spec.guidance if pipe.unet.config.time_cond_proj_dim else 1.0
    return pipe, guidance, f"diffusers {diffusers.__version__}, torch {torch.__version__}, {how}"


def _draw(
    pipe: Any,
    way: TorchVariant,
    bundle: Bundle,
    guidance: float,
    rows: NDArray[np.float32],
    pooled: NDArray[np.float32] | None,
    seed: int,
    steps: int,
) -> tuple[NDArray[np.uint8], float]:
    import torch

    with torch.inference_mode():
        kind = pipe.unet.dtype
        extra: dict[str, Any] = {}
        if pooled is not None:
            extra["pooled_prompt_embeds"] = torch.from_numpy(pooled)[None].to(way.device, kind)
        embeds = torch.from_numpy(rows)[None].to(way.device, kind)
        generator = torch.Generator().manual_seed(seed)
        latents = torch.randn(1, *bundle.manifest.latent, generator=generator)
        start = time.perf_counter()
        image = pipe(
            prompt_embeds=embeds,
            latents=latents.to(way.device, kind),
            generator=generator,
            num_inference_steps=steps,
            guidance_scale=guidance,
            width=bundle.manifest.width,
            height=bundle.manifest.height,
            output_type="pt",
            **extra,
        ).images[0]
        pixels = (image.float() * 255).round().to(torch.uint8).permute(1, 2, 0).cpu().numpy()
        return np.ascontiguousarray(pixels), (time.perf_counter() - start) * 1e3
