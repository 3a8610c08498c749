"""Samples held against the drawings that their caption and noise stand for."""

from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import torch
from diffusers import StableDiffusionPipeline
from numpy.typing import NDArray

from export.critters.pictures.captions import ANIMALS, Style, spec_of_caption
from export.critters.pictures.draw import render
from export.critters.pictures.inbetween import Inbetween
from export.critters.sampler import noise_of, sample, text_rows
from export.critters.training.coupling import style_of_noise
from export.critters.training.dataset import calmed
from runtime.perception.psnr import peak_signal_to_noise


@dataclass(frozen=True)
class Halfway:
    """How like the drawn in-between of two animals a picture is, mean PSNR in dB."""

    mixed: float
    """Of the picture of the mixed text rows."""
    crossfade: float
    """Of the two animals' own pictures laid over each other, for comparison."""


def psnrs(pixels: NDArray[np.uint8], truth: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The PSNR of each of some pictures uint8 [N, H, W, 3], float64 [N] in dB."""
    pairs = zip(pixels, truth, strict=True)
    return np.array([peak_signal_to_noise(one, other) for one, other in pairs])


def mean_psnr(pixels: NDArray[np.uint8], truth: NDArray[np.uint8]) -> float:
    """Mean over pictures uint8 [N, H, W, 3] of the PSNR of each, in dB."""
    return float(psnrs(pixels, truth).mean())


def asked_for(
    pipeline: StableDiffusionPipeline, captions: tuple[str, ...], seeds: list[int]
) -> NDArray[np.uint8]:
    """Draw what ``captions`` x ``seeds`` stand for, the style of each read off its seed's noise."""
    specs = [
        replace(spec_of_caption(caption), style=_style(pipeline, seed))
        for caption in captions
        for seed in seeds
    ]
    return np.stack([render(calmed(spec)) for spec in specs])


def halfway(pipeline: StableDiffusionPipeline, steps: int) -> Halfway:
    """Mix every two animals half and half, each pair with a seed of its own."""
    pairs = list(combinations(ANIMALS, 2))
    seeds = list(range(len(pairs)))
    first, second = (text_rows(pipeline, list(words)) for words in zip(*pairs, strict=True))
    mixed, one, other = (
        sample(pipeline, rows, seeds, steps) for rows in ((first + second) / 2, first, second)
    )
    crossfade = ((one.astype(np.float32) + other) / 2).round().astype(np.uint8)
    drawn = []
    for words, seed in zip(pairs, seeds, strict=True):
        style = _style(pipeline, seed)
        a, b = (calmed(replace(spec_of_caption(word), style=style)) for word in words)
        drawn.append(Inbetween(a, b, 0.5).render())
    truth = np.stack(drawn)
    return Halfway(mean_psnr(mixed, truth), mean_psnr(crossfade, truth))


def _style(pipeline: StableDiffusionPipeline, seed: int) -> Style:
    (style,) = style_of_noise(torch.stack([noise_of(pipeline, seed)])).tolist()
    return Style(*style)
