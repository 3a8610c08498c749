"""Checkpoints as people have them: incomplete, pickled, cut short, with LoRAs, as one file."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from export.checkpoints.checkpoint import open_folder, weight_files, with_vae
from export.checkpoints.presets import ModelSpec
from export.checkpoints.resolve import open_checkpoint
from export.graphs.tokens import PROBES, write_tokenizer
from export.quiet import quiet
from runtime.errors import BuildError
from tests.support.models import checkpoints
from tests.support.models.checkpoints import edit_json, refusal


def test_every_component_loads_in_f32(folder: Path) -> None:
    opened = open_folder(folder)
    with quiet():
        for component in ("text_encoder", "unet", "vae"):
            network = opened.load(component)
            assert {p.dtype for p in network.parameters()} == {torch.float32}
            assert not network.training
    assert not opened.is_xl


def test_a_folder_without_an_index_is_no_checkpoint(tmp_path: Path) -> None:
    assert "model_index.json is missing" in refusal(tmp_path)


@pytest.mark.parametrize("missing", ["unet", "vae", "text_encoder", "tokenizer", "scheduler"])
def test_a_missing_component_is_named(folder: Path, missing: str) -> None:
    shutil.rmtree(folder / missing)
    assert missing in refusal(folder)


@pytest.mark.fault(19)
@pytest.mark.parametrize(
    ("component", "keep"),
    [
        *(("unet", keep) for keep in (0, 7, 100, 0.5, 0.999)),
        ("vae", 0.9),
        ("text_encoder", 0.9),
    ],
)
def test_a_partial_file_is_named(folder: Path, component: str, keep: float) -> None:
    (path,) = (folder / component).glob("*.safetensors")
    whole = path.read_bytes()
    path.write_bytes(whole[: int(keep * len(whole)) if keep < 1 else int(keep)])
    message = refusal(folder)
    assert str(path) in message
    assert "fetch it again" in message


@pytest.mark.fault(20)
@pytest.mark.parametrize("suffix", [".bin", ".ckpt", ".pt"])
def test_pickles_are_refused_with_a_hint_and_never_opened(
    folder: Path, tmp_path: Path, suffix: str
) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "exploded",))

    path = folder / "unet" / "diffusion_pytorch_model.safetensors"
    path.unlink()
    path.with_suffix(suffix).write_bytes(pickle.dumps(Bomb()))
    message = refusal(folder)
    assert path.with_suffix(suffix).name in message
    assert "convert it to safetensors" in message
    single = folder / f"model{suffix}"
    single.write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(BuildError, match="convert it"):
        open_checkpoint(ModelSpec("m", single, ""))
    assert not (tmp_path / "exploded").exists()


@pytest.mark.fault(21)
def test_code_in_a_model_folder_never_runs(folder: Path, tmp_path: Path) -> None:
    trap = f"open({str(tmp_path / 'exploded')!r}, 'w').close()\n"
    for place in (".", "unet", "vae", "scheduler", "text_encoder", "tokenizer"):
        for name in ("pipeline.py", "__init__.py", "modeling_unet.py", "custom.py"):
            (folder / place / name).write_text(trap)
    index = json.loads((folder / "model_index.json").read_text())
    opened = open_folder(folder)
    for component in ("scheduler", "tokenizer", "text_encoder", "unet", "vae"):
        opened.load(component)
    for component in ("unet", "scheduler"):
        planted = dict(index) | {component: ["pipeline", "MyPipeline"]}
        (folder / "model_index.json").write_text(json.dumps(planted))
        with pytest.raises(BuildError):
            open_folder(folder).load(component)
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize(
    ("component", "name"),
    [
        ("unet", "UNet3DConditionModel"),
        ("vae", "AutoencoderDC"),
        ("text_encoder", "T5EncoderModel"),
    ],
)
def test_a_class_off_the_list_is_refused(folder: Path, component: str, name: str) -> None:
    edit_json(folder / "model_index.json", **{component: ["diffusers", name]})
    assert f"{name} as its {component}" in refusal(folder)


def test_a_scheduler_must_be_one_of_diffusers(folder: Path) -> None:
    edit_json(folder / "model_index.json", scheduler=["os", "system"])
    assert "no scheduler system" in refusal(folder)


def test_weights_of_another_shape_are_refused(folder: Path) -> None:
    edit_json(folder / "unet" / "config.json", cross_attention_dim=48)
    assert "cannot be loaded" in refusal(folder)


def test_the_half_size_variant_serves_when_it_is_alone(folder: Path) -> None:
    path = folder / "unet" / "diffusion_pytorch_model.safetensors"
    path.rename(path.with_name("diffusion_pytorch_model.fp16.safetensors"))
    shutil.copy(
        path.with_name("diffusion_pytorch_model.fp16.safetensors"),
        path.parent / "x.old.safetensors",
    )
    assert [file.name for file in weight_files("diffusers", path.parent)] == [
        "diffusion_pytorch_model.fp16.safetensors"
    ]
    with quiet():
        unet = open_folder(folder).load("unet")
    assert next(unet.parameters()).dtype == torch.float32


def test_another_decoder_takes_the_place_of_the_full_one(tmp_path: Path, folder: Path) -> None:
    tiny = checkpoints.vae(checkpoints.FAMILIES["sd-turbo"])
    tiny.save_pretrained(tmp_path / "tiny")
    opened = with_vae(open_folder(folder), tmp_path / "tiny")
    with quiet():
        loaded = opened.load("vae")
    assert type(loaded).__name__ == "AutoencoderTiny"
    assert torch.equal(loaded.decoder.layers[0].weight, tiny.decoder.layers[0].weight)
    with pytest.raises(BuildError, match="no decoder but UNet2DConditionModel"):
        with_vae(open_folder(folder), folder / "unet")


@pytest.mark.parametrize("pad", ["<|endoftext|>", "!"])
def test_the_written_tokenizer_stands_alone(tmp_path: Path, pad: str) -> None:
    from tokenizers import Tokenizer

    theirs = checkpoints.tokenizer(pad)
    path = tmp_path / "tokenizer.json"
    assert write_tokenizer(theirs, path) == 77
    alone = Tokenizer.from_file(str(path))
    for prompt in (*PROBES, "Straße Ⅷ ﬁ ½ № \u200b x", "a" * 40, "¿qué? — «no» 日本語 emoji🙂"):
        expected = theirs(prompt, padding="max_length", max_length=77, truncation=True).input_ids
        assert alone.encode(prompt).ids[:77] == expected or len(alone.encode(prompt).ids) > 77
    assert len(alone.encode("cat " * 100).ids) == 102, "long prompts must show, not be cut"
