"""LoRAs in the layouts that people share, fused as diffusers fuses them."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch
from safetensors.torch import load_file, save_file

from export.checkpoints.checkpoint import Checkpoint, open_folder
from export.checkpoints.presets import Lora, ModelSpec
from export.checkpoints.resolve import open_checkpoint, parse_lora
from export.quiet import quiet
from runtime.errors import BuildError
from tests.support.models import checkpoints
from tests.support.models.checkpoints import Checkpoints


@pytest.fixture
def folder(checkpoint_of: Checkpoints) -> Path:
    return checkpoint_of("sd15")


def lora_file(path: Path, unet: Any, seed: int = 0) -> Path:
    """Write a random rank-2 LoRA over the cross-attention of ``unet``, in diffusers' layout."""
    generator = torch.Generator().manual_seed(seed)
    state = {}
    for name, module in unet.named_modules():
        if name.endswith(("attn2.to_q", "attn2.to_v")):
            wide, high = module.in_features, module.out_features
            state[f"unet.{name}.lora_A.weight"] = torch.randn(2, wide, generator=generator)
            state[f"unet.{name}.lora_B.weight"] = torch.randn(high, 2, generator=generator)
    save_file(state, path, metadata={"format": "pt"})
    return path


def weights(checkpoint: Checkpoint) -> dict[str, torch.Tensor]:
    with quiet():
        state: dict[str, torch.Tensor] = checkpoint.load("unet").state_dict()
    return state


def test_loras_are_fused_as_diffusers_fuses_them(tmp_path: Path, folder: Path) -> None:
    with quiet():
        pipe: Any = diffusers.StableDiffusionPipeline.from_pretrained(folder)
        first = lora_file(tmp_path / "a.safetensors", pipe.unet, 1)
        second = lora_file(tmp_path / "b.safetensors", pipe.unet, 2)
        plain = {name: value.clone() for name, value in pipe.unet.state_dict().items()}
        for path, weight in ((first, 0.7), (second, -0.25)):
            pipe.load_lora_weights(path)
            pipe.fuse_lora(lora_scale=weight)
            pipe.unload_lora_weights()
    spec = ModelSpec("m", folder, "", loras=(Lora(first, 0.7), Lora(second, -0.25)))
    actual = weights(open_checkpoint(spec))
    expected = pipe.unet.state_dict()
    assert actual.keys() == expected.keys()
    changed = 0
    for name, value in actual.items():
        assert torch.allclose(value, expected[name], atol=1e-5), name
        changed += not torch.equal(value, plain[name])
    assert changed == sum(
        name.endswith(("attn2.to_q.weight", "attn2.to_v.weight")) for name in plain
    )


def test_what_is_no_lora_is_refused(tmp_path: Path, folder: Path) -> None:
    with quiet():
        unet = open_folder(folder).load("unet")
    good = lora_file(tmp_path / "good.safetensors", unet)
    partial = tmp_path / "partial.safetensors"
    partial.write_bytes(good.read_bytes()[:-10])
    pickled = tmp_path / "lora.pt"
    pickled.write_bytes(b"\x80\x04")
    other = tmp_path / "other.safetensors"
    save_file({"unrelated": torch.zeros(2)}, other)
    wider = checkpoints.unet(checkpoints.FAMILIES["sd-turbo"], 32, 8)
    wrong = lora_file(tmp_path / "wrong.safetensors", wider)
    dora = tmp_path / "dora.safetensors"
    content = load_file(good)
    name = next(iter(content)).removesuffix(".lora_A.weight")
    save_file({**content, f"{name}.dora_scale": torch.ones(16, 1)}, dora)
    more = tmp_path / "more.safetensors"
    stray = {"unet.nowhere.to_q.lora_A.weight": torch.ones(2, 16)}
    save_file({**content, **stray, "unet.nowhere.to_q.lora_B.weight": torch.ones(16, 2)}, more)
    for path, message in ((dora, "is a DoRA"), (more, "no place for unet.nowhere")):
        with pytest.raises(BuildError, match=message):
            weights(open_checkpoint(ModelSpec("m", folder, "", loras=(Lora(path),))))
    for path in (tmp_path / "absent.safetensors", partial, pickled, other, wrong):
        spec = ModelSpec("m", folder, "", loras=(Lora(path),))
        with pytest.raises(BuildError) as caught:
            weights(open_checkpoint(spec))
        assert path.name in str(caught.value)
        assert "\n" not in str(caught.value)


def kohya_file(path: Path, networks: dict[str, Any], *, original: bool) -> Path:
    """Write a random LoRA with alphas in kohya's layout over every network's attention.

    ``original`` numbers the UNet's blocks as the original layout does, as those for XL do.
    """
    generator = torch.Generator().manual_seed(4)
    state = {}
    for prefix, network in networks.items():
        for name, module in network.named_modules():
            if not name.endswith(
                ("attn2.to_k", "to_out.0", "self_attn.q_proj", "out_proj", "mlp.fc1")
            ):
                continue
            if prefix == "lora_unet" and original:
                name = original_name(name)
            elif prefix != "lora_unet":  # kohya's files are older than transformers' flat names
                name = f"text_model.{name.removeprefix('text_model.')}"
            key = f"{prefix}_{name.replace('.', '_')}"
            wide, high = module.in_features, module.out_features
            state[f"{key}.lora_down.weight"] = torch.randn(2, wide, generator=generator) / 8
            state[f"{key}.lora_up.weight"] = torch.randn(high, 2, generator=generator) / 8
            state[f"{key}.alpha"] = torch.tensor(1.0)
    save_file(state, path)
    return path


def original_name(name: str) -> str:
    """A name of a UNet's layer in the original layout, for one layer to a block."""
    half, *rest = name.split(".")
    if half == "mid_block":
        return ".".join(["middle_block.1", *rest[2:]])
    block, layer = int(rest[0]), int(rest[2])
    if half == "down_blocks":
        return ".".join([f"input_blocks.{1 + 2 * block + layer}.1", *rest[3:]])
    return ".".join([f"output_blocks.{2 * block + layer}.1", *rest[3:]])


@pytest.mark.parametrize("family", ["sd15", "sdxl"])
def test_kohyas_files_change_the_unet_and_every_text_encoder(
    family: str, tmp_path: Path, checkpoint_of: Checkpoints
) -> None:
    folder, is_xl = checkpoint_of(family), family == "sdxl"
    with quiet():
        pipe: Any = diffusers.DiffusionPipeline.from_pretrained(folder)
        prefixes = {"unet": "lora_unet", "text_encoder": "lora_te1" if is_xl else "lora_te"}
        if is_xl:
            prefixes["text_encoder_2"] = "lora_te2"
        networks = {prefix: getattr(pipe, name) for name, prefix in prefixes.items()}
        path = kohya_file(tmp_path / "k.safetensors", networks, original=is_xl)
        plain = {
            name: {key: value.clone() for key, value in getattr(pipe, name).state_dict().items()}
            for name in prefixes
        }
        pipe.load_lora_weights(path)
        pipe.fuse_lora(components=list(prefixes), lora_scale=0.6)
        pipe.unload_lora_weights()
        opened = open_checkpoint(ModelSpec("m", folder, "", loras=(Lora(path, 0.6),)))
        for name in prefixes:
            actual, expected = opened.load(name).state_dict(), getattr(pipe, name).state_dict()
            changed = 0
            for key, value in actual.items():
                assert torch.allclose(value, expected[key], atol=1e-5), key
                changed += not torch.equal(value, plain[name][key])
            assert changed >= 4, name


def change_by(checkpoint: Path, path: Path) -> float:
    """How much a LoRA changes a UNet (L2)."""
    plain = weights(open_checkpoint(ModelSpec("m", checkpoint, "")))
    fused = weights(open_checkpoint(ModelSpec("m", checkpoint, "", loras=(Lora(path),))))
    parts = [(fused[name] - value).norm() ** 2 for name, value in plain.items()]
    return math.sqrt(float(sum(parts)))


def with_alpha(path: Path, alpha: float) -> Path:
    state = load_file(path)
    downs = [key for key in state if "lora_A" in key]
    alphas = {key.replace("lora_A.weight", "alpha"): torch.tensor(alpha) for key in downs}
    save_file({**state, **alphas}, path, metadata={"format": "pt"})
    return path


def kohya(path: Path) -> Path:
    def renamed(key: str) -> str:
        module, _, rest = key.removeprefix("unet.").partition(".lora_A.weight")
        if rest == "" and key.endswith("lora_A.weight"):
            return f"lora_unet_{module.replace('.', '_')}.lora_down.weight"
        module = key.removeprefix("unet.").removesuffix(".lora_B.weight").removesuffix(".alpha")
        end = "alpha" if key.endswith("alpha") else "lora_up.weight"
        return f"lora_unet_{module.replace('.', '_')}.{end}"

    save_file({renamed(key): value for key, value in load_file(path).items()}, path)
    return path


def own_lora(folder: Path, path: Path) -> Path:
    with quiet():
        return lora_file(path, open_folder(folder).load("unet"))


@pytest.mark.parametrize("layout", [lambda path: path, kohya])
def test_alpha_scales_a_lora_in_every_layout(
    tmp_path: Path, folder: Path, layout: Callable[[Path], Path]
) -> None:
    plain = change_by(folder, own_lora(folder, tmp_path / "a.safetensors"))
    doubled = layout(with_alpha(own_lora(folder, tmp_path / "b.safetensors"), 4.0))  # of rank 2
    assert change_by(folder, doubled) == pytest.approx(2 * plain, rel=1e-4)


def test_alpha_in_the_header_counts(tmp_path: Path, folder: Path) -> None:
    path = own_lora(folder, tmp_path / "a.safetensors")
    plain = change_by(folder, path)
    settings = {"unet.r": 2, "unet.lora_alpha": 3, "unet.target_modules": ["to_q", "to_v"]}
    header = {"format": "pt", "lora_adapter_metadata": json.dumps(settings)}
    save_file(load_file(path), path, metadata=header)
    assert change_by(folder, path) == pytest.approx(1.5 * plain, rel=1e-4)


@pytest.mark.parametrize("layout", [lambda path: path, kohya])
@pytest.mark.parametrize("alpha", [float("nan"), float("inf"), 1e38, -2.0])
def test_an_alpha_that_makes_no_sense_is_refused(
    tmp_path: Path, folder: Path, layout: Callable[[Path], Path], alpha: float
) -> None:
    path = layout(with_alpha(own_lora(folder, tmp_path / "a.safetensors"), alpha))
    with pytest.raises(BuildError, match=r"not finite|strength") as caught:
        change_by(folder, path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("layout", [lambda path: path, kohya])
@pytest.mark.parametrize("part", ["lora_A", "lora_B"])
@pytest.mark.parametrize("count", [1, 1000])
def test_a_matrix_without_its_partner_is_named(
    tmp_path: Path, folder: Path, layout: Callable[[Path], Path], part: str, count: int
) -> None:
    path = own_lora(folder, tmp_path / "a.safetensors")
    state = load_file(path)
    for key in [key for key in state if part in key][:count]:
        del state[key]
    save_file(state, path)
    with pytest.raises(BuildError, match="only one of the two matrices"):
        change_by(folder, layout(path))


def test_a_weight_that_is_no_number_is_refused() -> None:
    for weight in ("nan", "inf"):
        with pytest.raises(BuildError, match="is no weight"):
            parse_lora(f"a.safetensors@{weight}")
