"""The steps after the first: what their own layers of the UNet learn, from pixels."""

import numpy as np
import torch
from torch import Tensor

from export.critters.training.autoencoder import (
    LATENT_CHANNELS,
    LATENT_SIZE,
    pixel_losses,
    psnr,
    to_tensor,
)
from export.critters.training.coupling import couple_noise
from export.critters.training.descent.average import Average
from export.critters.training.descent.muon import Optimizers
from export.critters.training.descent.phase import PhaseRun, Stateful, cosine, train_phase
from export.critters.training.lessons import Lessons, Networks
from export.critters.training.rollout import Rollout
from export.critters.training.schedule import make_scheduler, sampling_levels
from export.critters.training.unet import freeze

SLOTS = 14
"""How many pictures go one step further in every update."""
INBETWEENS = 0.3
"""Chance that one of them is an in-between."""
RATE = 0.5
"""What the learning rates are multiplied by."""


def train_later(networks: Networks, lessons: Lessons, run: PhaseRun) -> None:
    """Train what only the later steps use; the UNet is its average in the end, ready for use.

    The first step has learned the encoder's latents. Those that decode best are others: found by
    gradient descent for one picture, they decode 2 dB nearer to it. So the later steps start from
    the first one's pictures, as the sampler does (see ``rollout``), and learn from pixels, through
    the decoder. All else stays as it is, and with it the picture of one step.

    Raises:
        Interrupted, TargetError: as ``train_phase``.
    """
    unet, encoder, decoder = networks.unet, networks.encoder, networks.autoencoder.decoder
    data, device, scale = lessons.data, networks.device, networks.scale
    levels = sampling_levels(make_scheduler()).to(device)
    (noisiest,) = levels.visited[1]
    first = torch.full((SLOTS,), noisiest, device=device)
    chances = data.chances(INBETWEENS)
    freeze(unet, later=True)
    encoder.requires_grad_(False)
    networks.autoencoder.requires_grad_(False)
    optimizers = Optimizers(unet, hidden_rate=2e-3, rest_rate=1.5e-3)
    average = Average(unet)
    rollout = Rollout(levels, SLOTS)

    def predict(x: Tensor, timesteps: Tensor, rows: Tensor) -> Tensor:
        with torch.autocast(device.type, torch.bfloat16):
            v = unet(x, timesteps, rows).sample
        return levels.picture(x, timesteps, v.float())

    def update(done: int, progress: float) -> dict[str, float]:
        rng = np.random.default_rng((run.seed, done))
        picked = torch.from_numpy(rng.choice(len(data), SLOTS, p=chances))
        fresh = rng.standard_normal((SLOTS, LATENT_CHANNELS, LATENT_SIZE, LATENT_SIZE), np.float32)
        noise = couple_noise(torch.from_numpy(fresh).to(device), lessons.styles[picked].to(device))
        with torch.no_grad():
            with torch.autocast(device.type, torch.bfloat16):
                rows = lessons.rows(encoder, picked, rng)
            rollout.refill(rng, picked, predict(noise, first, rows), noise, rows)
        mended, sigma = rollout.advance(predict)
        with torch.autocast(device.type, torch.bfloat16):
            output = decoder(mended / scale).float()
        truth = to_tensor(data.pixels(rollout.picked.numpy()), device)
        # v reaches the picture through sigma: without this its gradient would be as small
        loss = (pixel_losses(output, truth) / sigma).mean()
        optimizers.update(loss, RATE * cosine(progress))
        average.update(done)
        square = (output - truth).detach().square().mean((1, 2, 3))
        return {"dB": psnr(square).mean().item()}

    parts: dict[str, Stateful] = {"unet": unet, "optimizers": optimizers, "average": average}
    train_phase("later", run, parts, update)
    average.apply()
