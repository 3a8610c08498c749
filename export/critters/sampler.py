"""Pictures from text rows and seeds, with the model's own scheduler."""

import numpy as np
import torch
from diffusers import StableDiffusionPipeline
from numpy.typing import NDArray
from torch import Tensor

from export.critters.training.autoencoder import to_pixels
from export.critters.training.tokenizer import token_ids

BATCH = 32


@torch.inference_mode()
def text_rows(pipeline: StableDiffusionPipeline, captions: list[str]) -> Tensor:
    """What the text encoder makes of captions: [N, 77, D]."""
    ids = torch.tensor(token_ids(pipeline.tokenizer, captions))
    rows: Tensor = pipeline.text_encoder(ids.to(pipeline.device)).last_hidden_state
    return rows


def noise_of(pipeline: StableDiffusionPipeline, seed: int) -> Tensor:
    """The initial noise of a seed, [C, H, W]: ``torch.randn`` on the CPU."""
    unet = pipeline.unet.config
    shape = (unet.in_channels, unet.sample_size, unet.sample_size)
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@torch.inference_mode()
def sample(
    pipeline: StableDiffusionPipeline, rows: Tensor, seeds: list[int], steps: int
) -> NDArray[np.uint8]:
    """Draw one picture for each pair of rows [N, 77, D] and seed: uint8 [N, H, W, 3].

    The noise is ``noise_of`` the seed; no guidance.
    """
    unet, scheduler, vae = pipeline.unet, pipeline.scheduler, pipeline.vae
    pictures = []
    for start in range(0, len(seeds), BATCH):
        part = rows[start : start + BATCH]
        noise = [noise_of(pipeline, seed) for seed in seeds[start : start + BATCH]]
        latents = torch.stack(noise).to(pipeline.device) * scheduler.init_noise_sigma
        scheduler.set_timesteps(steps, device=pipeline.device)
        for t in scheduler.timesteps:
            v = unet(scheduler.scale_model_input(latents, t), t, part).sample
            latents = scheduler.step(v, t, latents).prev_sample
        pictures.append(to_pixels(vae.decode(latents / vae.config.scaling_factor).sample))
    return np.concatenate(pictures)
