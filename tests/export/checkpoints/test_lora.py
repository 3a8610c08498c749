"""LoRAs in the layouts that people share, fused as diffusers fuses them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch
from safetensors.torch import load_file, save_file

from export.checkpoints.checkpoint import Checkpoint, open_folder
from export.checkpoints.presets import Lora, ModelSpec
from export.checkpoints.resolve import open_checkpoint
from export.quiet import quiet
from runtime.errors import BuildError
from tests.support import checkpoints

Checkpoints = Callable[[str], Path]


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
