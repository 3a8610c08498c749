"""Randomly initialised checkpoints of each family at reduced width, made to hear their text.

A random UNet barely listens: swapping the prompt moves its frames by less than a grey level, and
any mix would pass for the right one. So the cross-attention's values and the last convolution are
amplified, and a tiny decoder's range is centred and widened.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from export.checkpoints.checkpoint import open_folder
from export.peers.randomweights import hearing, saying, visible
from export.quiet import quiet
from runtime.errors import BuildError

Checkpoints = Callable[[str], Path]
"""from a family to the folder of a checkpoint"""
LENGTH = 77
MERGES = (
    "c a", "ca t</w>", "k i", "ki t", "kit t", "kitt e", "kitte n</w>", "t a", "ta b", "tab b",
    "tabb y</w>", "p h", "ph o", "pho t", "phot o</w>", "o f</w>", "o n</w>", "s o", "so f",
    "sof a</w>", "d o", "do g</w>", "t i", "ti g", "tig e", "tige r</w>", "i n</w>", "t h",
    "th e</w>",
)  # fmt: skip


@dataclass(frozen=True)
class Family:
    """What distinguishes one kind of checkpoint from another."""

    scheduler: str = "DDIMScheduler"
    scheduler_config: Mapping[str, Any] = field(default_factory=dict)
    unet: Mapping[str, Any] = field(default_factory=dict)
    text: Mapping[str, Any] = field(default_factory=dict)
    text_2: Mapping[str, Any] | None = None
    vae: str = "tiny"
    vae_config: Mapping[str, Any] = field(default_factory=dict)
    latent_channels: int = 4
    pad: str = "<|endoftext|>"
    gain: float = 3.0
    """of the cross-attention's values, so that the frames hear the text"""


TRAILING = {"timestep_spacing": "trailing"}
FAMILIES: dict[str, Family] = {
    "sd15": Family(
        scheduler="TCDScheduler",
        vae="kl",
        unet={"block_out_channels": (16, 32), "attention_head_dim": 8},
        gain=8.0,
    ),
    "sd-turbo": Family(
        scheduler="EulerDiscreteScheduler",
        scheduler_config=TRAILING,
        unet={
            "block_out_channels": (16, 32, 48, 48),
            "attention_head_dim": (2, 4, 6, 6),
            "use_linear_projection": True,
        },
        pad="!",
    ),
    "lcm": Family(
        scheduler="LCMScheduler",
        unet={"block_out_channels": (16, 24, 40), "time_cond_proj_dim": 48},
        gain=6.0,
        vae="kl",
    ),
    "sdxs": Family(
        scheduler="EulerDiscreteScheduler",
        scheduler_config=TRAILING,
        unet={
            "block_out_channels": (16, 24, 40),
            "attention_head_dim": (2, 3, 5),
            "down_block_types": ("DownBlock2D",) + ("CrossAttnDownBlock2D",) * 2,
            "mid_block_type": None,
            "up_block_types": ("CrossAttnUpBlock2D",) * 2 + ("UpBlock2D",),
        },
        gain=8.0,
    ),
    "critters": Family(
        scheduler_config={
            **TRAILING,
            "prediction_type": "v_prediction",
            "rescale_betas_zero_snr": True,
            "clip_sample": False,
        },
        unet={"block_out_channels": (24, 40, 56), "attention_head_dim": 8},
        vae_config={"levels": 5},
        latent_channels=12,
    ),
    "sdxl": Family(
        scheduler="EulerDiscreteScheduler",
        scheduler_config=TRAILING,
        unet={
            "block_out_channels": (16, 32),
            "attention_head_dim": (2, 4),
            "transformer_layers_per_block": (1, 2),
            "use_linear_projection": True,
            "addition_embed_type": "text_time",
            "addition_time_embed_dim": 8,
            "projection_class_embeddings_input_dim": 6 * 8 + 40,
        },
        text={"hidden_act": "quick_gelu"},
        text_2={"hidden_size": 48, "hidden_act": "gelu", "projection_dim": 40},
        vae="kl",
        pad="<|endoftext|>",
    ),
}


def tokenizer(pad: str = "<|endoftext|>") -> Any:
    """Return a small CLIPTokenizer: every byte, and a few words as one token."""
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    letters = list(bytes_to_unicode().values())
    merged = [merge.replace(" ", "") for merge in MERGES]
    entries = [*letters, *(letter + "</w>" for letter in letters), *merged]
    vocabulary = {token: i for i, token in enumerate(dict.fromkeys(entries))}
    for special in ("<|startoftext|>", "<|endoftext|>"):
        vocabulary[special] = len(vocabulary)
    return transformers.CLIPTokenizer(
        vocab=vocabulary,
        merges=[tuple(merge.split(" ")) for merge in MERGES],
        pad_token=pad,
        model_max_length=LENGTH,
    )


def text_encoder(kind: str, words: Any, config: Mapping[str, Any]) -> Any:
    """Return a random CLIP text encoder of three layers."""
    width = int(config.get("hidden_size", 32))
    settings: dict[str, Any] = {
        "hidden_size": width,
        "intermediate_size": 2 * width,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "projection_dim": width,
        "max_position_embeddings": LENGTH,
        "vocab_size": len(words),
        "bos_token_id": words.bos_token_id,
        "eos_token_id": words.eos_token_id,
        "pad_token_id": words.pad_token_id,
        **config,
    }
    return saying(getattr(transformers, kind)(transformers.CLIPTextConfig(**settings)), 8)


def unet(family: Family, width: int, sample_size: int) -> Any:
    """Return a random UNet2DConditionModel that hears its text."""
    channels = tuple(family.unet.get("block_out_channels", (16, 32)))
    levels = len(channels)
    settings: dict[str, Any] = {
        "sample_size": sample_size,
        "in_channels": family.latent_channels,
        "out_channels": family.latent_channels,
        "layers_per_block": 1,
        "norm_num_groups": 8,
        "cross_attention_dim": width,
        "down_block_types": ("CrossAttnDownBlock2D",) * (levels - 1) + ("DownBlock2D",),
        "up_block_types": ("UpBlock2D",) + ("CrossAttnUpBlock2D",) * (levels - 1),
        **family.unet,
    }
    return hearing(diffusers.UNet2DConditionModel(**settings), family.gain)


def vae(family: Family) -> Any:
    """Return a random decoder whose pictures are neither black nor grey."""
    if family.vae == "kl":
        return diffusers.AutoencoderKL(
            down_block_types=("DownEncoderBlock2D",) * 3,
            up_block_types=("UpDecoderBlock2D",) * 3,
            block_out_channels=(8, 16, 16),
            latent_channels=family.latent_channels,
            norm_num_groups=4,
            layers_per_block=1,
            sample_size=64,
        )
    levels = int(family.vae_config.get("levels", 4))
    width = int(family.vae_config.get("width", 16))
    blocks = int(family.vae_config.get("blocks", 1))
    model = diffusers.AutoencoderTiny(
        latent_channels=family.latent_channels,
        encoder_block_out_channels=(width,) * levels,
        decoder_block_out_channels=(width,) * levels,
        num_encoder_blocks=(1, *(blocks,) * (levels - 1)),
        num_decoder_blocks=(*(blocks,) * (levels - 1), 1),
    )
    return visible(model)


def make(
    folder: Path, family: str | Family, *, seed: int = 0, picture: int = 64, words: Any = None
) -> Path:
    """Write a diffusers folder of ``family`` that makes square pictures; return it.

    ``words`` is the first tokenizer, by default a small one.
    """
    torch.manual_seed(seed)
    chosen = FAMILIES[family] if isinstance(family, str) else family
    words = words or tokenizer(chosen.pad)
    words.save_pretrained(folder / "tokenizer")
    encoder = text_encoder("CLIPTextModel", words, chosen.text)
    encoder.save_pretrained(folder / "text_encoder")
    width = encoder.config.hidden_size
    index: dict[str, Any] = {
        "_class_name": "StableDiffusionPipeline",
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "scheduler": ["diffusers", chosen.scheduler],
    }
    if chosen.text_2 is not None:
        words_2 = tokenizer("!")
        words_2.save_pretrained(folder / "tokenizer_2")
        second = text_encoder("CLIPTextModelWithProjection", words_2, chosen.text_2)
        second.save_pretrained(folder / "text_encoder_2")
        width += second.config.hidden_size
        index["_class_name"] = "StableDiffusionXLPipeline"
        index["text_encoder_2"] = ["transformers", "CLIPTextModelWithProjection"]
        index["tokenizer_2"] = ["transformers", "CLIPTokenizer"]
    decoder = vae(chosen)
    decoder.save_pretrained(folder / "vae")
    index["vae"] = ["diffusers", type(decoder).__name__]
    scale = 2 ** (len(decoder.config.block_out_channels) - 1)
    unet(chosen, width, picture // scale).save_pretrained(folder / "unet")
    schedule = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
    getattr(diffusers, chosen.scheduler)(**{**schedule, **chosen.scheduler_config}).save_pretrained(
        folder / "scheduler"
    )
    (folder / "model_index.json").write_text(json.dumps(index), encoding="utf-8")
    return folder


def edit_json(path: Path, **changes: object) -> None:
    """Change entries of a JSON object in place."""
    content = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**content, **changes}), encoding="utf-8")


def alter(path: Path, how: Callable[[dict[str, torch.Tensor]], object]) -> None:
    """Change the tensors of a weight file in place."""
    state = load_file(path)
    how(state)
    save_file(state, path, metadata={"format": "pt"})


def refusal(folder: Path) -> str:
    """Return the one line that opening and loading everything in ``folder`` ends in."""

    def everything() -> None:
        opened = open_folder(folder)
        for component in opened.loaders:
            opened.load(component)

    with pytest.raises(BuildError) as caught, quiet():
        everything()
    message = str(caught.value)
    assert "\n" not in message
    return message
