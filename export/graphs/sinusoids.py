"""Numbers as sines and cosines: what a UNet is told of its timestep and guidance."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


def guidance_embedding(guidance: float, width: int) -> Tensor:
    """Return f32 [1, width]: sines and cosines of ``1000 · (guidance - 1)``.

    The formula of the Latent Consistency Models paper (arXiv 2310.04378) as diffusers'
    ``get_guidance_scale_embedding`` computes it.
    """
    half = width // 2
    rate = torch.exp(torch.arange(half) * -(math.log(10000.0) / (half - 1)))
    angle = torch.tensor([guidance - 1.0])[:, None] * 1000.0 * rate[None, :]
    embedding = torch.cat([torch.sin(angle), torch.cos(angle)], dim=1)
    return nn.functional.pad(embedding, (0, width % 2))


def turn_rates(width: int, shift: float) -> Tensor:
    """Return f32 [width // 2]: turns per timestep, ``10000^(-i / (half - shift)) / 2π``.

    The frequencies of diffusers' ``get_timestep_embedding`` (arXiv 1706.03762, section 3.5).
    """
    half = width // 2
    exponent = torch.arange(half, dtype=torch.float64) / (half - shift)
    return (torch.exp(-math.log(10000.0) * exponent) / (2 * math.pi)).to(torch.float32)


def time_features(timestep: Tensor, rates: Tensor, flip: bool) -> Tensor:
    """Return the sines and cosines [1, 2·half] of ``timestep`` [1].

    Whole turns are taken off before the sine. An engine in bf16 rounds what goes into a sine to 8
    bits: of an angle of 999 that leaves nothing, of half a turn enough. The input goes straight
    into elementwise operations, the only ones that OpenVINO feeds unrounded.
    """
    turns = timestep * rates
    angle = (turns - turns.round()) * (2 * math.pi)
    parts = (angle.cos(), angle.sin()) if flip else (angle.sin(), angle.cos())
    return torch.cat(parts)[None]
