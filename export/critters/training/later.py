"""The steps after the first: what their own layers of the UNet learn, from pixels."""

from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderTiny, UNet2DConditionModel
from rich.console import Console
from torch import Tensor
from transformers import CLIPTextModel

from export.critters.training.autoencoder import (
    LATENT_CHANNELS,
    LATENT_SIZE,
    pixel_losses,
    psnr,
    to_tensor,
)
from export.critters.training.average import Average
from export.critters.training.conditioning import Captions, rows_of
from export.critters.training.coupling import couple_noise
from export.critters.training.dataset import Dataset
from export.critters.training.muon import Optimizers
from export.critters.training.phase import Budget, cosine, train_phase
from export.critters.training.rollout import Rollout
from export.critters.training.schedule import make_scheduler, sampling_levels
from export.critters.training.unet import set_apart

SLOTS = 14
"""How many pictures go one step further in every update."""
INBETWEENS = 0.3
"""Chance that one of them is an in-between."""
RATE = 0.5
"""What the learning rates are multiplied by."""


def train_later(
    unet: UNet2DConditionModel,
    encoder: CLIPTextModel,
    autoencoder: AutoencoderTiny,
    data: Dataset,
    captions: Captions,
    others: Captions,
    folder: Path,
    budget: Budget,
    seed: int,
    console: Console,
) -> None:
    """Train what only the later steps use; the UNet is its average in the end, ready for use.

    The first step has learned the encoder's latents. Those that decode best are others: found by
    gradient descent for one picture, they decode 2 dB nearer to it. So the later steps start from
    the first one's pictures, as the sampler does (see `rollout`), and learn from pixels, through
    the decoder. All else stays as it is, and with it the picture of one step.

    Args:
        unet: Predicts v.
        encoder: Its rows are what the UNet attends to.
        autoencoder: Its decoder shows what the latents are worth.
        data: The pictures.
        captions: Theirs, tokenized.
        others: The captions that in-betweens go to.
        folder: For the checkpoint.
        budget: When to stop.
        seed: Batches depend on it and on the step alone.
        console: For the bar.
    """
    device = next(unet.parameters()).device
    levels = sampling_levels(make_scheduler()).to(device)
    (noisiest,) = levels.visited[1]
    first = torch.full((SLOTS,), noisiest, device=device)
    styles, shares = torch.from_numpy(data.styles), torch.from_numpy(data.shares)
    chances = data.chances(INBETWEENS)
    set_apart(unet, later=True)
    encoder.requires_grad_(False)
    autoencoder.requires_grad_(False)
    optimizers = Optimizers(unet, hidden_rate=2e-3, rest_rate=1.5e-3)
    average = Average(unet)
    rollout = Rollout(levels, SLOTS)
    scale = autoencoder.config.scaling_factor

    def predict(x: Tensor, timesteps: Tensor, rows: Tensor) -> Tensor:
        with torch.autocast(device.type, torch.bfloat16):
            v = unet(x, timesteps, rows).sample
        return levels.picture(x, timesteps, v.float())

    def update(step: int, progress: float) -> dict[str, float]:
        rng = np.random.default_rng((seed, step))
        picked = torch.from_numpy(rng.choice(len(data), SLOTS, p=chances))
        fresh = rng.standard_normal((SLOTS, LATENT_CHANNELS, LATENT_SIZE, LATENT_SIZE), np.float32)
        noise = couple_noise(torch.from_numpy(fresh).to(device), styles[picked].to(device))
        with torch.no_grad():
            with torch.autocast(device.type, torch.bfloat16):
                rows = rows_of(encoder, captions, others, picked, shares[picked], rng)
            rollout.refill(rng, picked, predict(noise, first, rows), noise, rows)
        mended, sigma = rollout.advance(predict)
        with torch.autocast(device.type, torch.bfloat16):
            output = autoencoder.decoder(mended / scale).float()
        truth = to_tensor(data.pixels(rollout.picked.numpy()), device)
        # v reaches the picture through sigma: without this its gradient would be as small
        loss = (pixel_losses(output, truth) / sigma).mean()
        optimizers.step(loss, RATE * cosine(progress))
        average.update(step)
        square = (output - truth).detach().square().mean((1, 2, 3))
        return {"dB": psnr(square).mean().item()}

    parts = {"unet": unet, "optimizers": optimizers, "average": average}
    train_phase("later", folder, budget, parts, update, console)
    unet.load_state_dict(average.copies[0].state_dict())
