"""Checkpoints of strangers: nothing is filled in, nothing outside the folder is read or run."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from export.build import build
from export.checkpoints.checkpoint import open_folder
from export.checkpoints.presets import ModelSpec
from export.quiet import quiet
from runtime.errors import BuildError
from tests.support.models.checkpoints import alter, edit_json

FILES = {
    "text_encoder": "text_encoder/model.safetensors",
    "unet": "unet/diffusion_pytorch_model.safetensors",
    "vae": "vae/diffusion_pytorch_model.safetensors",
}
STRANGE = torch.full((3, 5), 0.25)


def load(folder: Path, component: str) -> Any:
    with quiet():
        return open_folder(folder).load(component)


def refusal(folder: Path, component: str) -> str:
    with pytest.raises(BuildError) as caught:
        load(folder, component)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("component", FILES)
def test_a_missing_weight_is_named_not_made_up(folder: Path, component: str) -> None:
    path = folder / FILES[component]
    gone = sorted(load_file(path))[3]
    alter(path, lambda state: state.__delitem__(gone))
    assert gone in refusal(folder, component)


@pytest.mark.parametrize("component", FILES)
def test_a_weight_without_a_place_is_named(folder: Path, component: str) -> None:
    alter(folder / FILES[component], lambda state: state.update(stranger=STRANGE))
    assert "stranger" in refusal(folder, component)


@pytest.mark.parametrize("component", FILES)
def test_a_weight_of_another_shape_is_refused(folder: Path, component: str) -> None:
    path = folder / FILES[component]
    key = next(key for key, value in load_file(path).items() if value.ndim == 2)
    alter(path, lambda state: state.update({key: STRANGE}))
    refusal(folder, component)


@pytest.mark.parametrize("component", FILES)
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_weight_that_is_not_finite_is_named(folder: Path, component: str, value: float) -> None:
    path = folder / FILES[component]
    key = sorted(load_file(path))[5]
    alter(path, lambda state: state[key].view(-1).__setitem__(-1, value))
    message = refusal(folder, component)
    assert key in message
    assert "not finite" in message


def shards(folder: Path) -> tuple[Path, Path]:
    """Replace the text encoder's file by two shards."""
    whole = folder / FILES["text_encoder"]
    state = load_file(whole)
    whole.unlink()
    names = sorted(state)
    halves = names[: len(names) // 2], names[len(names) // 2 :]
    paths = tuple(whole.with_name(f"model-0000{i}-of-00002.safetensors") for i in (1, 2))
    for path, half in zip(paths, halves, strict=True):
        save_file({name: state[name] for name in half}, path, metadata={"format": "pt"})
    return paths[0], paths[1]


def test_an_index_that_points_out_of_the_folder_is_not_followed(
    folder: Path, tmp_path: Path
) -> None:
    expected = load(folder, "text_encoder").state_dict()
    first, second = shards(folder)
    outside = tmp_path / "outside.safetensors"
    save_file({k: v + 1 for k, v in load_file(first).items()}, outside, metadata={"format": "pt"})
    named = {key: "../../outside.safetensors" for key in load_file(first)}
    named |= {key: second.name for key in load_file(second)}
    index = first.with_name("model.safetensors.index.json")
    index.write_text(json.dumps({"metadata": {}, "weight_map": named}))
    actual = load(folder, "text_encoder").state_dict()
    assert all(torch.equal(actual[key], value) for key, value in expected.items())
    hashed = {Path(name).name for name in open_folder(folder).weights}
    assert {first.name, second.name} < hashed


def test_a_missing_shard_is_said(folder: Path) -> None:
    first, _ = shards(folder)
    first.unlink()
    assert "1 of 2 shards" in refusal(folder, "text_encoder")


@pytest.mark.parametrize(
    "name", ["unet", "unet/config.json", FILES["vae"], "tokenizer/tokenizer.json"]
)
def test_a_link_out_of_the_folder_is_refused(folder: Path, tmp_path: Path, name: str) -> None:
    place = folder / name
    elsewhere = tmp_path / "elsewhere" / place.name
    elsewhere.parent.mkdir()
    shutil.move(place, elsewhere)
    os.symlink(elsewhere, place, target_is_directory=elsewhere.is_dir())
    assert "leads out of" in refusal(folder, "unet")


def test_links_of_the_hubs_cache_are_followed(folder: Path, tmp_path: Path) -> None:
    repository = tmp_path / "models--a--b"
    snapshot, blobs = repository / "snapshots" / "0123", repository / "blobs"
    snapshot.parent.mkdir(parents=True)
    shutil.move(folder, snapshot)
    blobs.mkdir()
    for path in [path for path in snapshot.rglob("*") if path.is_file()]:
        blob = blobs / str(abs(hash(path)))
        shutil.move(path, blob)
        path.symlink_to(os.path.relpath(blob, path.parent))
    assert load(snapshot, "unet") is not None


def test_a_strangers_kernel_is_not_fetched(folder: Path) -> None:
    edit_json(
        folder / "text_encoder" / "config.json",
        attn_implementation="stranger/kernel",
        _attn_implementation="stranger/kernel",
        auto_map={"AutoModel": "stranger--code.Model"},
        quantization_config={"quant_method": "stranger"},
    )
    encoder = load(folder, "text_encoder")
    assert encoder.config._attn_implementation in ("sdpa", "eager")


def test_only_known_keys_of_a_networks_configuration_are_passed_on(folder: Path) -> None:
    edit_json(folder / "unet" / "config.json", quantization_config={"quant_method": "bitsandbytes"})
    assert "quantization_config" not in load(folder, "unet").config


def test_a_tokenizer_reads_no_file_elsewhere(folder: Path, tmp_path: Path) -> None:
    expected = load(folder, "tokenizer").get_vocab()
    stranger = tmp_path / "stranger.json"
    stranger.write_text(json.dumps({"<|startoftext|>": 0, "<|endoftext|>": 1, "a</w>": 2}))
    merges = tmp_path / "merges.txt"
    merges.write_text("#version: 0.2\n")
    config = folder / "tokenizer" / "tokenizer_config.json"
    edit_json(config, vocab_file=str(stranger), merges_file=str(merges), tokenizer_file=None)
    assert load(folder, "tokenizer").get_vocab() == expected


def black(state: dict[str, torch.Tensor]) -> None:
    state["decoder.conv_out.weight"].zero_()
    state["decoder.conv_out.bias"].fill_(-1.0)


def deaf(state: dict[str, torch.Tensor]) -> None:
    for key in state:
        if ".attn2.to_v." in key:
            state[key].zero_()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("component", "how", "says"),
    [("vae", black, "one plain colour"), ("unet", deaf, "whatever the text says")],
)
def test_a_model_that_draws_nothing_is_not_published(
    folder: Path,
    tmp_path: Path,
    component: str,
    how: Callable[[dict[str, torch.Tensor]], None],
    says: str,
) -> None:
    alter(folder / FILES[component], how)
    with pytest.raises(BuildError, match=says):
        build(ModelSpec("m", folder, "", steps=(1,)), tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


def test_a_checkpoint_that_changes_meanwhile_is_not_published(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def swap(*_: object) -> None:
        alter(folder / FILES["vae"], lambda state: state["decoder.conv_out.bias"].add_(0.1))

    monkeypatch.setattr("export.build._export", swap)
    with pytest.raises(BuildError, match="changed while it was read"):
        build(ModelSpec("m", folder, "", steps=(1,)), tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()
