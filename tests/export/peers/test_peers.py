from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from export.checkpoints.presets import MODELS
from export.checkpoints.resolve import open_checkpoint, spec_for
from export.peers.diffusers import ON_CPU, diffusers_peers
from export.peers.origin import origin
from runtime.bench.limits.counts import count
from runtime.bench.measure import positions
from runtime.bench.peers import compare
from runtime.bundles.library import find_bundle
from runtime.errors import BuildError
from runtime.pipeline import Pipeline


def test_diffusers_draws_the_same_frames_as_ours(pipeline: Pipeline) -> None:
    f32 = diffusers_peers(find_bundle("critters"), None, on_gpu=False)[0]
    assert f32.name == ON_CPU[0].name
    first = pipeline.request("cat -> kitten")
    found = compare(pipeline, f32, [first.at(0.3), replace(first, t=0.7, steps=3)])
    assert found.reason is None
    assert found.psnr is not None
    assert found.psnr > 55, "it draws other pictures"
    assert "diffusers" in found.note
    assert found.ms is not None
    assert found.ms.median > 0


def test_a_checkpoint_that_is_gone_is_a_reason(pipeline: Pipeline, tmp_path: Path) -> None:
    bundle = find_bundle("critters")
    unknown = replace(bundle, manifest=replace(bundle.manifest, model="mine"))
    spec = diffusers_peers(unknown, None, on_gpu=False)[0]
    found = compare(pipeline, spec, positions(pipeline.request("cat -> kitten"), 1))
    assert found.ms is None
    assert "add --checkpoint FOLDER" in (found.reason or "")
    with pytest.raises(BuildError, match="checkpoint is gone"):
        origin(unknown, tmp_path)


def test_another_checkpoint_is_not_passed_for_the_bundles_own(
    checkpoint_of: Callable[[str], Path], tmp_path: Path
) -> None:
    mine = checkpoint_of("critters")
    known = open_checkpoint(spec_for(str(mine)))
    built_in = find_bundle("critters")
    manifest = replace(built_in.manifest, model="mine", sources=known.sources())
    bundle = replace(built_in, manifest=manifest)
    checkpoint, _spec = origin(bundle, mine)
    assert checkpoint.sources()["weights"] == bundle.manifest.sources["weights"]
    with pytest.raises(BuildError, match="differs in"):
        origin(bundle, Path(str(MODELS["critters"].source)))
    half = shutil.copytree(mine, tmp_path / "half")
    shutil.rmtree(half / "unet")
    with pytest.raises(BuildError, match="unet is missing"):
        origin(bundle, half)


def test_a_graph_holds_the_work_that_torch_counts() -> None:
    """Two counters that know nothing of each other: torch's over operators, ours over the file."""
    bundle = find_bundle("critters")
    checkpoint = open_checkpoint(MODELS["critters"])
    latent = torch.zeros(1, *bundle.manifest.latent)
    rows = torch.zeros(1, bundle.manifest.tokens, bundle.manifest.embedding)
    unet, vae = checkpoint.load("unet"), checkpoint.load("vae")
    runs: dict[str, Callable[[], Any]] = {
        "denoiser": lambda: unet(latent, torch.tensor(999), rows),
        "decoder": lambda: vae.decode(latent),
    }
    for role, run in runs.items():
        # torch counts no fused attention on a processor: let it be plain products
        counter: Any = FlopCounterMode(display=False)
        plain = sdpa_kernel(SDPBackend.MATH)
        with counter, torch.no_grad(), plain:
            run()
        ours = count(bundle.path(role)).flop
        assert ours == pytest.approx(counter.get_total_flops(), rel=0.001), role
