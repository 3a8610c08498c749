"""The shapes of Stable Diffusion's networks, for checkpoints that carry weights and nothing else.

Configurations in diffusers' terms; what is not named has diffusers' default. The numbers are those
of the published checkpoints.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

Config = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Architecture:
    """One family's networks. ``text_2`` is None for those with one text encoder."""

    context: int
    """the width of the text that the UNet's cross-attention reads: what tells families apart"""
    unet: Config
    vae: Config
    text: Config
    text_2: Config | None = None
    pads: tuple[str, ...] = ("<|endoftext|>",)
    """the pad token of each tokenizer"""


CLIP_L: Config = MappingProxyType(
    {
        "vocab_size": 49408,
        "hidden_size": 768,
        "intermediate_size": 3072,
        "projection_dim": 768,
        "num_hidden_layers": 12,
        "num_attention_heads": 12,
        "max_position_embeddings": 77,
        "hidden_act": "quick_gelu",
        "layer_norm_eps": 1e-5,
        "bos_token_id": 0,
        "eos_token_id": 2,
        "pad_token_id": 1,
    }
)
VAE: Config = MappingProxyType(
    {
        "sample_size": 512,
        "latent_channels": 4,
        "layers_per_block": 2,
        "block_out_channels": (128, 256, 512, 512),
        "down_block_types": ("DownEncoderBlock2D",) * 4,
        "up_block_types": ("UpDecoderBlock2D",) * 4,
        "scaling_factor": 0.18215,
    }
)
UNET: Config = MappingProxyType(
    {
        "sample_size": 64,
        "in_channels": 4,
        "out_channels": 4,
        "layers_per_block": 2,
        "block_out_channels": (320, 640, 1280, 1280),
        "down_block_types": ("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
        "up_block_types": ("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
    }
)
SCHEDULER: Config = MappingProxyType(
    {
        "beta_start": 0.00085,
        "beta_end": 0.012,
        "beta_schedule": "scaled_linear",
        "num_train_timesteps": 1000,
        "timestep_spacing": "trailing",
        "steps_offset": 1,
        "set_alpha_to_one": False,
        "clip_sample": False,
    }
)
"""the noise schedule all three share; few-step checkpoints want trailing timesteps"""

ARCHITECTURES: Mapping[str, Architecture] = MappingProxyType(
    {
        "sd1": Architecture(
            context=768,
            unet={**UNET, "cross_attention_dim": 768, "attention_head_dim": 8},
            vae=VAE,
            text=CLIP_L,
        ),
        "sd2": Architecture(
            context=1024,
            unet={
                **UNET,
                "cross_attention_dim": 1024,
                "attention_head_dim": (5, 10, 20, 20),
                "use_linear_projection": True,
            },
            vae=VAE,
            text={
                **CLIP_L,
                "hidden_size": 1024,
                "intermediate_size": 4096,
                "projection_dim": 512,
                "num_hidden_layers": 23,
                "num_attention_heads": 16,
                "hidden_act": "gelu",
            },
            pads=("!",),
        ),
        "sdxl": Architecture(
            context=2048,
            unet={
                **UNET,
                "sample_size": 128,
                "block_out_channels": (320, 640, 1280),
                "down_block_types": ("DownBlock2D",) + ("CrossAttnDownBlock2D",) * 2,
                "up_block_types": ("CrossAttnUpBlock2D",) * 2 + ("UpBlock2D",),
                "cross_attention_dim": 2048,
                "attention_head_dim": (5, 10, 20),
                "transformer_layers_per_block": (1, 2, 10),
                "use_linear_projection": True,
                "addition_embed_type": "text_time",
                "addition_time_embed_dim": 256,
                "projection_class_embeddings_input_dim": 2816,
            },
            vae={**VAE, "sample_size": 1024, "scaling_factor": 0.13025},
            text=CLIP_L,
            text_2={
                **CLIP_L,
                "hidden_size": 1280,
                "intermediate_size": 5120,
                "projection_dim": 1280,
                "num_hidden_layers": 32,
                "num_attention_heads": 20,
                "hidden_act": "gelu",
            },
            pads=("<|endoftext|>", "!"),
        ),
    }
)
