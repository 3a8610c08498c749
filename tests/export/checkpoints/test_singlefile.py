"""Single files in the original layout give the networks that their diffusers folder gives."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from export.checkpoints import singlefile as original
from export.checkpoints.architectures import SCHEDULER, Architecture
from export.checkpoints.checkpoint import Checkpoint, open_folder, scheduler_of
from export.checkpoints.presets import ModelSpec
from export.checkpoints.resolve import open_checkpoint
from export.graphs import sampling
from export.quiet import quiet
from runtime.errors import BuildError
from tests.support.models import checkpoints, ldm
from tests.support.models.checkpoints import FAMILIES, Checkpoints


def reduced(folder: Checkpoint) -> Architecture:
    """The architecture of a test checkpoint, as ``ARCHITECTURES`` writes those of real ones."""
    unet, text = folder.load("unet").config, folder.load("text_encoder").config.to_dict()
    second = folder.load("text_encoder_2").config.to_dict() if folder.is_xl else None
    return Architecture(
        context=unet.cross_attention_dim,
        unet=plain(unet),
        vae=plain(folder.load("vae").config),
        text=text,
        text_2=second,
        pads=(folder.load("tokenizer").pad_token, "!"),
    )


def plain(config: Any) -> dict[str, Any]:
    return {key: value for key, value in config.items() if not key.startswith("_")}


def single_file(folder: Checkpoint, path: Path) -> Path:
    state = {**ldm.unet(folder.load("unet")), **ldm.vae(folder.load("vae"))}
    if folder.is_xl:
        first = "conditioner.embedders.0.transformer.text_model."
        state |= ldm.clip(folder.load("text_encoder"), first)
        state |= ldm.open_clip(folder.load("text_encoder_2"))
    elif folder.load("unet").config.use_linear_projection:
        state |= ldm.open_clip(folder.load("text_encoder"), "cond_stage_model.model.")
    else:
        state |= ldm.clip(folder.load("text_encoder"))
    save_file({key: value.half().contiguous() for key, value in state.items()}, path)
    return path


@pytest.fixture(params=["sd1", "sd2", "sdxl"])
def pair(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    checkpoint_of: Checkpoints,
    monkeypatch: pytest.MonkeyPatch,
) -> tuple[Checkpoint, Path, Path]:
    """A diffusers folder, a single file of the same weights, and a tokenizer's folder."""
    if request.param == "sd2":
        family = replace(FAMILIES["sd-turbo"], vae="kl", text={"hidden_act": "gelu"})
        place = checkpoints.make(tmp_path / "folder", family)
    else:
        place = checkpoint_of({"sd1": "sd15"}.get(request.param, request.param))
    with quiet():
        folder = open_folder(place)
        monkeypatch.setattr(original, "ARCHITECTURES", {request.param: reduced(folder)})
        return folder, single_file(folder, tmp_path / "my.safetensors"), place / "tokenizer"


def test_what_the_network_predicts_is_read_given_or_assumed_aloud(
    pair: tuple[Checkpoint, Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, path, tokenizer = pair
    architectures: dict[str, Architecture] = vars(original)["ARCHITECTURES"]
    ((family, architecture),) = architectures.items()
    spec = ModelSpec("m", path, "", tokenizer=tokenizer)

    def predicted(spec: ModelSpec) -> tuple[str, bool]:
        config = open_checkpoint(spec).load("scheduler").config
        return config.prediction_type, config.rescale_betas_zero_snr

    assert predicted(spec) == ("epsilon", False)
    notes = open_checkpoint(spec).notes
    assert [("--prediction v" in note) for note in notes] == ([True] if family == "sd2" else [])
    given = replace(spec, prediction="v")
    assert predicted(given) == ("v_prediction", False)
    assert not open_checkpoint(given).notes
    state = load_file(path)
    save_file({**state, "v_pred": torch.zeros(0), "ztsnr": torch.zeros(0)}, path)
    assert predicted(spec) == ("v_prediction", True)
    assert not open_checkpoint(spec).notes
    assert predicted(replace(spec, prediction="epsilon")) == ("epsilon", True)
    side = architecture.unet["sample_size"]
    with quiet():
        made = open_checkpoint(spec).load("unet").config.sample_size
    assert made == (side * 3 // 2 if family == "sd2" else side)


@pytest.mark.parametrize("name", sampling.LINEAR)
@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_every_scheduler_on_offer_serves_a_single_file(name: str, prediction: str) -> None:
    own = scheduler_of("EulerDiscreteScheduler", {**SCHEDULER, "prediction_type": prediction})
    assert sampling.probe(scheduler_of(name, own.config), (1, 4)).steps.keys() == {1, 4}


def half(network: Any) -> dict[str, torch.Tensor]:
    return {name: value.half().float() for name, value in network.state_dict().items()}


def test_networks_equal_those_of_the_folder(pair: tuple[Checkpoint, Path, Path]) -> None:
    folder, path, tokenizer = pair
    opened = open_checkpoint(ModelSpec("m", path, "", tokenizer=tokenizer))
    assert opened.loaders.keys() == folder.loaders.keys()
    with quiet():
        for component in ("unet", "vae", "text_encoder", "text_encoder_2"):
            if component not in folder.loaders:
                continue
            expected, actual = half(folder.load(component)), opened.load(component).state_dict()
            assert actual.keys() == expected.keys()
            for name, value in actual.items():
                assert value.dtype in (torch.float32, torch.int64)
                assert torch.equal(value, expected[name]), name
        for component in ("tokenizer", "tokenizer_2"):
            if component in folder.loaders:
                theirs, ours = folder.load(component), opened.load(component)
                for prompt in ("a cat", "kitten, on the sofa!"):
                    options = {"padding": "max_length", "max_length": 77}
                    assert ours(prompt, **options).input_ids == theirs(prompt, **options).input_ids


def test_damage_is_named(pair: tuple[Checkpoint, Path, Path], tmp_path: Path) -> None:
    _, path, tokenizer = pair
    whole = path.read_bytes()
    state = {key: value.clone() for key, value in load_file(path).items()}
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BuildError, match=r"my\.safetensors is partial"):
        open_checkpoint(ModelSpec("m", path, ""))
    del state["model.diffusion_model.middle_block.1.norm.weight"]
    save_file(state, path)
    with pytest.raises(BuildError) as caught, quiet():
        open_checkpoint(ModelSpec("m", path, "", tokenizer=tokenizer)).load("unet")
    assert "my.safetensors" in str(caught.value)
    assert "\n" not in str(caught.value)
    other = tmp_path / "other.safetensors"
    save_file({"lora_unet_x.lora_down.weight": torch.zeros(2)}, other)
    with pytest.raises(BuildError, match="is a LoRA"):
        open_checkpoint(ModelSpec("m", other, ""))
    save_file({"x": torch.zeros(2)}, other)
    with pytest.raises(BuildError, match="is not a Stable Diffusion"):
        open_checkpoint(ModelSpec("m", other, ""))
