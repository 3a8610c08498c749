"""What a TensorRT engine is built from, and the name it is therefore cached under.

``export.tensorrt.builder`` builds by these keys and ``runtime.engines.tensorrt.engine`` loads by
them, so the two cannot drift.
"""

from __future__ import annotations

import hashlib
import platform
import shlex
from collections.abc import Mapping

from runtime.bundles.bundle import Bundle
from runtime.bundles.manifest import Manifest
from runtime.enginecache.entry import EntryKey
from runtime.engines.gpu import Gpu
from runtime.engines.verified import verified_key

BATCHES = (1, 4)
"""One optimisation profile each: a live frame, and a batch for films, grids and storms."""
PLAN = "engine.plan"
JIT = "jit.cache"
CODE = 1
"""Raise it when the builder's code changes what an engine computes."""
LEVEL = 3
"""the builder's own default: 4 tries more and takes minutes more, for a gain that was not measured,
and tiling likewise"""

RTX_CAPABILITIES = ("7.5", "8.6", "8.9", "12.0", "12.1")
"""the compute capabilities of RTX cards; data-centre GPUs (8.0, 9.0, 10.0) are not among them"""

Profile = dict[str, tuple[int, ...]]


def profiles(manifest: Manifest, role: str) -> tuple[Profile, ...]:
    """Return the shapes of the inputs with a batch axis, a profile for each of ``BATCHES``.

    Empty for graphs without one (the text encoder): they are built for their only shape.
    """
    if role == "text_encoder":
        return ()
    if role == "decoder":
        return tuple({"latent": (batch, *manifest.latent)} for batch in BATCHES)
    return tuple(_denoiser_profile(manifest, batch) for batch in BATCHES)


def _denoiser_profile(manifest: Manifest, batch: int) -> Profile:
    picture = (batch, *manifest.latent)
    shapes: Profile = {
        "sample": picture,
        "noise": picture,
        "weights": (batch, manifest.basis, manifest.tokens),
    }
    if manifest.pooled:
        shapes["pooled_weights"] = (batch, manifest.basis)
    return shapes


def engine_key(bundle: Bundle, role: str, backend: str, version: str, gpu: Gpu) -> EntryKey:
    """Return everything that can change the engine of one graph on one GPU.

    ``tensorrt`` times kernels on the very card; ``tensorrt_rtx`` compiles for a compute
    capability, so its engines serve every card that has it.
    """
    manifest = bundle.manifest
    return EntryKey(
        f"{manifest.model}-{role.replace('_', '-')}",
        {
            "kind": "tensorrt",
            "role": role,
            "graph": manifest.files[manifest.graphs[role]].sha256,
            "weights": _weights_digest(manifest, role),
            "shapes": "; ".join(
                " ".join(f"{name}={'x'.join(map(str, shape))}" for name, shape in one.items())
                for one in profiles(manifest, role)
            ),
            "precision": manifest.precision,
            "options": f"level {LEVEL}, strongly typed, no TF32 in f32",
            "engine": backend,
            "version": version,
            "gpu": "any" if backend == "tensorrt_rtx" else gpu.name,
            "capability": gpu.capability,
            "system": f"{platform.system()} {platform.machine()}",
            "code": str(CODE),
        },
    )


def verification_key(
    bundle: Bundle, backend: str, version: str, gpu: Gpu, digests: Mapping[str, str]
) -> EntryKey:
    """Return the name of what was verified of a bundle's three engines.

    ``digests`` has their sha256 by role. It holds wherever the engines do.
    """
    card = Gpu("any", gpu.capability) if backend == "tensorrt_rtx" else gpu
    measured = {"bundle": bundle.digest(), **digests}  # an engine may be another model's, unchanged
    return verified_key(bundle.manifest.model, backend, version, card, measured)


def weight_files(manifest: Manifest, role: str) -> list[str]:
    """Return the files that may hold weights of ``role``'s graph: all but the others' own."""
    graphs = {other: name for other, name in manifest.graphs.items() if other != role}
    foreign = tuple(f"{name.rsplit('.', 1)[0]}." for name in graphs.values())
    skipped = {manifest.graphs[role], *manifest.tokenizers}
    return sorted(
        name for name in manifest.files if name not in skipped and not name.startswith(foreign)
    )


def _weights_digest(manifest: Manifest, role: str) -> str:
    state = hashlib.sha256()
    for name in weight_files(manifest, role):
        state.update(f"{name}\0{manifest.files[name].sha256}\n".encode())
    return state.hexdigest()


def build_command(model: str) -> str:
    """Return the command that builds a model's engines for the GPU of this machine."""
    return shlex.join(["wordmorph", "build", model])
