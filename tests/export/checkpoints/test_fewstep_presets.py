"""The few-step presets at reduced width: each row of the table on a small checkpoint of its family.

The gate of every build compares frames with the diffusers pipeline, which is called with the row's
own scheduler, eta and timesteps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch
from safetensors.torch import load_file, save_file

from export.build import build
from export.checkpoints.checkpoint import open_folder
from export.checkpoints.presets import MODELS, Lora, ModelSpec
from export.checkpoints.resolve import open_checkpoint, spec_for
from export.course import Course
from export.graphs.sampling import probe
from export.quiet import quiet
from runtime.bundles.manifest import Step
from runtime.errors import BuildError
from tests.support.models import checkpoints

VEGA = replace(
    checkpoints.FAMILIES["sdxl"],
    unet={
        **checkpoints.FAMILIES["sdxl"].unet,
        "mid_block_type": None,
        "transformer_layers_per_block": (1, 2),
        "reverse_transformer_layers_per_block": ((2, 1), 1),
    },
)
"""Segmind cut SDXL's middle block and gave every block of its own a number of layers"""
FAMILY: Mapping[str, Any] = {
    "hyper-sd15": "sd15",
    "hyper-sdxl": "sdxl",
    "vega-rt": VEGA,
    "dmd2-sdxl": "sdxl",
    "dmd2-sdxl-1step": "sdxl",
}
ALPHAS = torch.cumprod(1 - torch.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2, 0)
"""Stable Diffusion's noise schedule"""


def lora_of(checkpoint: Path, path: Path) -> Path:
    """Write a random LoRA over the UNet's cross-attention."""
    with quiet():
        unet = open_folder(checkpoint).load("unet")
    generator = torch.Generator().manual_seed(4)
    state = {}
    for name, module in unet.named_modules():
        if name.endswith(("attn2.to_q", "attn2.to_v")):
            low = torch.randn(2, module.in_features, generator=generator) / 8
            state[f"unet.{name}.lora_A.weight"] = low
            state[f"unet.{name}.lora_B.weight"] = torch.randn(
                module.out_features, 2, generator=generator
            )
    save_file(state, path)
    return path


def reduced(name: str, folder: Path) -> ModelSpec:
    """Return a preset's row with a small checkpoint in the place of the real one."""
    checkpoint = checkpoints.make(folder / "checkpoint", FAMILY[name])
    spec = replace(MODELS[name], source=checkpoint, vae="full", size=None)
    if spec.loras:
        fur = lora_of(checkpoint, folder / "lora.safetensors")
        spec = replace(spec, loras=tuple(Lora(fur) for _ in spec.loras))
    if spec.unet is not None:
        path = checkpoint / "unet" / "diffusion_pytorch_model.safetensors"
        other = folder / "other.safetensors"
        state = load_file(path)
        state["conv_out.bias"] = state["conv_out.bias"] + 0.1
        save_file({key: value.half() for key, value in state.items()}, other)
        spec = replace(spec, unet=other)
    return spec


@pytest.mark.slow
@pytest.mark.parametrize("name", list(FAMILY))
def test_a_few_step_preset_draws_what_diffusers_draws(name: str, tmp_path: Path) -> None:
    spec = reduced(name, tmp_path)
    manifest = build(spec, tmp_path / "bundle").manifest
    assert manifest.scheduler == spec.scheduler
    assert sorted(manifest.steps) == sorted(spec.steps)
    assert manifest.default_steps == spec.default_steps
    assert manifest.sources["licence"] == MODELS[name].licence
    assert manifest.parity["hears"] > 0.5


def table(name: str, count: int) -> tuple[Step, ...]:
    spec = MODELS[name]
    assert spec.scheduler is not None
    betas = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
    scheduler = getattr(diffusers, spec.scheduler)(**betas)
    course = Course(spec.timesteps, spec.eta)
    return tuple(probe(scheduler, [count], course).steps[count])


def test_dmd2_visits_the_timesteps_that_it_was_trained_at() -> None:
    assert [row.timestep for row in table("dmd2-sdxl", 4)] == [999, 749, 499, 249]
    (row,) = table("dmd2-sdxl-1step", 1)
    assert row.timestep == 399
    alpha = float(ALPHAS[399])
    assert row.output / row.sample == pytest.approx(-((1 - alpha) ** 0.5), rel=0.01)


@pytest.mark.parametrize("count", [1, 2, 4, 8])
def test_tcds_eta_is_in_the_table(count: int) -> None:
    """With an eta of 1 every step but the last goes all the way and comes back with fresh noise."""
    rows = table("hyper-sdxl", count)
    assert rows[-1].noise == 0
    for row, after in pairwise(rows):
        alpha = float(ALPHAS[int(after.timestep)])
        assert row.noise == pytest.approx((1 - alpha) ** 0.5, rel=0.05)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    return checkpoints.make(tmp_path / "checkpoint", "sdxs")


def test_another_unets_weights_take_the_place_of_the_checkpoints(
    small: Path, tmp_path: Path
) -> None:
    own = small / "unet" / "diffusion_pytorch_model.safetensors"
    other = tmp_path / "other.safetensors"
    save_file({key: value + 1 for key, value in load_file(own).items()}, other)
    own.unlink()  # as it is not fetched
    opened = open_checkpoint(spec_for(str(small), unet=other))
    assert opened.weights["unet/other.safetensors"] == other
    found = opened.load("unet").state_dict()
    assert all(torch.equal(value, found[key]) for key, value in load_file(other).items())


@pytest.mark.parametrize("harm", ["absent", "pickled", "another", "damaged"])
def test_a_unet_that_does_not_fit_is_one_line(small: Path, tmp_path: Path, harm: str) -> None:
    path = tmp_path / ("unet.bin" if harm == "pickled" else "unet.safetensors")
    if harm == "pickled":
        path.write_bytes(b"\x80\x04")
    elif harm == "another":
        save_file({"conv_in.weight": torch.zeros(3)}, path)
    elif harm == "damaged":
        weights = load_file(small / "unet" / "diffusion_pytorch_model.safetensors")
        weights["conv_out.bias"][0] = torch.nan
        save_file(weights, path)
    with pytest.raises(BuildError, match=path.name) as caught:
        open_checkpoint(spec_for(str(small), unet=path)).load("unet")
    assert "\n" not in str(caught.value)


def test_the_one_that_is_published_as_a_pickle_says_so() -> None:
    with pytest.raises(BuildError, match=r"dmd2_sdxl_1step_unet_fp16\.bin.*convert it"):
        open_checkpoint(MODELS["dmd2-sdxl-1step"])


def test_licences_are_shown_before_anything_is_fetched(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    from rich.console import Console

    from player.commands import build as command

    def stop(*_: object) -> Callable[[], None]:
        assert "CC BY-NC 4.0, no commercial use" in capsys.readouterr().err
        raise BuildError("far enough")

    monkeypatch.setattr(command, "_export", stop)
    with pytest.raises(BuildError, match="far enough"):
        command._bundle(Console(stderr=True), "dmd2-sdxl", {}, ["f16"], tmp_path / "out")
