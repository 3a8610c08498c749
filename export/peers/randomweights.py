"""Checkpoints of the published architectures with random weights: speed without a download."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from export.checkpoints.architectures import ARCHITECTURES, SCHEDULER, Config
from export.checkpoints.checkpoint import read_json
from export.checkpoints.presets import MODELS
from export.exporter import export_in_child
from export.quiet import quiet
from runtime.bundles.manifest import MANIFEST
from runtime.errors import RequestError, TargetError
from runtime.userfolders import cache_folder

SEED = 0
GAINS = {"critters": 16.0}
GAIN = 3.0
"""for the others; of the values that attention to the text reads: a random network hardly hears its
text, and then frames of different positions would be one picture"""
TINY: Config = MappingProxyType(
    {
        "latent_channels": 4,
        "encoder_block_out_channels": (64,) * 4,
        "decoder_block_out_channels": (64,) * 4,
        "num_encoder_blocks": (1, 3, 3, 3),
        "num_decoder_blocks": (3, 3, 3, 1),
    }
)
"""the shape of TAESD's decoder, which all three families are played with"""
SIZE = "512x512"
KINDS: Mapping[str, str] = MappingProxyType(
    {"sd-turbo": "sd2", "sd15": "sd1", "sdxl": "sdxl", "critters": ""}
)
"""what ``--random-weights`` takes → the architecture; critters has its own configurations"""


def check_kind(kind: str) -> None:
    """Raise RequestError unless ``make`` knows ``kind``."""
    if kind not in KINDS:
        raise RequestError(f"no architecture is called {kind!r} here: use {', '.join(KINDS)}")


def build_options(kind: str) -> dict[str, Any]:
    """Return how a checkpoint of ``make`` is built: options of ``spec_for``."""
    check_kind(kind)
    size = {} if kind == "critters" else {"size": SIZE}
    return {"name": f"random-{kind}", "steps": [1], "precision": "f32", **size}


def random_bundle(kind: str, progress: Callable[[str], None]) -> tuple[Path, Path]:
    """Return the bundle and the checkpoint of an architecture, both made once and then kept.

    They lie in the user's cache folder; deleting them there frees their gigabytes.

    Raises:
        RequestError: an unknown ``kind``.
        BuildError, TargetError: it cannot be made or written here.
    """
    place = cache_folder() / "random" / kind
    bundle, checkpoint = place / f"random-{kind}", place / "checkpoint"
    if not (checkpoint / "model_index.json").is_file():
        progress(f"random weights of {kind}, kept in {place}")
        try:
            shutil.rmtree(place, ignore_errors=True)
            with quiet():
                make(checkpoint, kind, progress)
        except OSError as error:
            shutil.rmtree(place, ignore_errors=True)
            raise TargetError(f"{place} cannot be written: {error}") from None
    if not (bundle / MANIFEST).is_file():
        export_in_child(str(checkpoint), build_options(kind), bundle, progress)
    return bundle, checkpoint


def make(folder: Path, kind: str, progress: Callable[[str], None] = lambda text: None) -> Path:
    """Write a diffusers folder of an architecture of ``KINDS``, in f16; return it.

    The seed is fixed, so that everyone measures the same network.

    Raises:
        RequestError: an unknown ``kind``.
    """
    import diffusers
    import torch
    import transformers

    check_kind(kind)
    torch.manual_seed(SEED)
    folder.mkdir(parents=True)
    if kind == "critters":
        return _make_critters(folder)
    architecture = ARCHITECTURES[KINDS[kind]]
    index: dict[str, Any] = {
        "_class_name": "StableDiffusionPipeline",
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderTiny"],
        "scheduler": ["diffusers", "EulerDiscreteScheduler"],
    }
    encoders: list[tuple[str, str, Config]] = [("", "CLIPTextModel", architecture.text)]
    if architecture.text_2 is not None:
        index["_class_name"] = "StableDiffusionXLPipeline"
        encoders.append(("_2", "CLIPTextModelWithProjection", architecture.text_2))
    for (suffix, name, config), pad in zip(encoders, architecture.pads, strict=True):
        progress(f"random weights: text encoder{suffix}")
        words = _tokenizer(pad)
        words.save_pretrained(folder / f"tokenizer{suffix}")
        ids = {
            "bos_token_id": words.bos_token_id,
            "eos_token_id": words.eos_token_id,
            "pad_token_id": words.pad_token_id,
        }
        encoder = getattr(transformers, name)(transformers.CLIPTextConfig(**{**config, **ids}))
        _save(saying(encoder, GAIN), folder / f"text_encoder{suffix}")
        index[f"text_encoder{suffix}"] = ["transformers", name]
        index[f"tokenizer{suffix}"] = ["transformers", "CLIPTokenizer"]
    progress("random weights: unet")
    _save(hearing(diffusers.UNet2DConditionModel(**architecture.unet), GAIN), folder / "unet")
    _save(visible(diffusers.AutoencoderTiny(**TINY)), folder / "vae")
    scheduler = diffusers.EulerDiscreteScheduler.from_config(dict(SCHEDULER))
    scheduler.save_pretrained(folder / "scheduler")
    (folder / "model_index.json").write_text(json.dumps(index), encoding="utf-8")
    return folder


def _make_critters(folder: Path) -> Path:
    import diffusers
    import transformers

    model = Path(str(MODELS["critters"].source))
    for name in ("tokenizer", "scheduler"):
        shutil.copytree(model / name, folder / name)
    shutil.copy(model / "model_index.json", folder)
    text = transformers.CLIPTextConfig(**read_json(model / "text_encoder" / "config.json"))
    _save(saying(transformers.CLIPTextModel(text), GAINS["critters"]), folder / "text_encoder")
    unet = diffusers.UNet2DConditionModel.from_config(read_json(model / "unet" / "config.json"))
    _save(hearing(unet, GAINS["critters"]), folder / "unet")
    vae = diffusers.AutoencoderTiny.from_config(read_json(model / "vae" / "config.json"))
    _save(visible(vae), folder / "vae")
    return folder


def _save(network: Any, place: Path) -> None:
    network.half().save_pretrained(place, safe_serialization=True)


def saying(encoder: Any, gain: float) -> Any:
    """Amplify what a random text encoder makes of its tokens; by ``gain``, what other rows get."""
    attention = {".self_attn.v_proj.": gain, ".self_attn.out_proj.": gain}
    return _amplified(encoder, {"token_embedding.weight": 30, **attention})


def hearing(unet: Any, gain: float) -> Any:
    """Amplify what a random network does with its text: its attention by ``gain``."""
    return _amplified(unet, {".attn2.to_v.": gain, ".attn2.to_out.": gain, "conv_out.": 3})


def _amplified(network: Any, gains: Mapping[str, float]) -> Any:
    """Multiply the weights of every part whose name is in ``gains``, in place."""
    import torch

    with torch.no_grad():
        for name, weight in network.named_parameters():
            for part, gain in gains.items():
                if part in name:
                    weight.mul_(gain)
    return network


def visible(vae: Any) -> Any:
    """Centre and widen a random decoder's range: its pictures would be black."""
    import torch

    with torch.no_grad():
        for weight in vae.decoder.parameters():
            weight.mul_(1.6)
        vae.decoder.layers[-1].bias.fill_(0.5)
    return vae


def _tokenizer(pad: str) -> Any:
    """Return a CLIPTokenizer whose tokens are bytes: which ids it gives does not touch speed."""
    import transformers
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    letters = list(bytes_to_unicode().values())
    entries = [*letters, *(letter + "</w>" for letter in letters)]
    vocabulary = {token: number for number, token in enumerate(dict.fromkeys(entries))}
    for special in ("<|startoftext|>", "<|endoftext|>"):
        vocabulary[special] = len(vocabulary)
    return transformers.CLIPTokenizer(
        vocab=vocabulary, merges=[], pad_token=pad, model_max_length=77
    )
