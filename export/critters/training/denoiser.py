"""The denoiser: a small UNet and its text encoder, trained together to draw in one step."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderTiny, UNet2DConditionModel
from rich.console import Console
from torch import Tensor, nn
from transformers import CLIPTextModel

from export.critters.pictures.draw import SIZE
from export.critters.training.autoencoder import (
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
from export.critters.training.schedule import make_scheduler, sampling_levels
from export.critters.training.unet import set_apart

BATCH = 40
FACE_WEIGHT = 2.0
"""How much more an error in a face counts than one elsewhere."""
CROPS = 16
"""Quarters of pictures that the decoder learns from: half of the denoiser's, half of the
encoder's latents."""


@dataclass(frozen=True)
class Phase:
    """A phase of the denoiser's training."""

    name: str
    inbetweens: float
    """Chance that a picture of the batch is an in-between."""
    rate: float
    """What the learning rates are multiplied by."""
    decoder_from: float
    """Progress at which the decoder begins to learn along."""


PICTURES = Phase("denoiser", inbetweens=0, rate=1, decoder_from=0.6)
INBETWEENS = Phase("inbetweens", inbetweens=0.4, rate=0.6, decoder_from=0)


def train_denoiser(
    unet: UNet2DConditionModel,
    encoder: CLIPTextModel,
    autoencoder: AutoencoderTiny,
    latents: Tensor,
    data: Dataset,
    captions: Captions,
    others: Captions,
    phase: Phase,
    folder: Path,
    budget: Budget,
    seed: int,
    console: Console,
) -> None:
    """Train both and the decoder along with them; they are averages in the end, ready for use.

    One-step regression: from noise coupled with the picture's style (see `coupling`) and the
    caption, the UNet predicts the latents. The encoder of the pictures stays as it is; the decoder
    goes on learning from its latents, and learns to draw crisply what the denoiser gives it.
    In-betweens are learned in the same way, from mixed text rows.

    The denoiser learns from latents alone: with the pixels' gradient its loss rose from 0.097 to
    0.117 within 120 updates, and its pictures lost 2 dB.

    Args:
        unet: Predicts v; its noise-end output is minus the picture.
        encoder: Its rows are what the UNet attends to.
        autoencoder: Its decoder is trained too.
        latents: float16 [N, 16, 16, 16], scaled to about unit variance.
        data: Whose pictures and styles belong to `latents`.
        captions: Theirs, tokenized.
        others: The captions that in-betweens go to.
        phase: Of what, and how.
        folder: For checkpoints.
        budget: When to stop.
        seed: Batches depend on it and on the step alone.
        console: For the bar.
    """
    device = next(unet.parameters()).device
    levels = sampling_levels(make_scheduler()).to(device)
    (noisiest,) = levels.visited[1]
    styles = torch.from_numpy(data.styles)
    focus = 1 + FACE_WEIGHT * torch.from_numpy(data.face_maps(LATENT_SIZE))[:, None]
    focus /= focus.mean()
    shares = torch.from_numpy(data.shares)
    chances = data.chances(phase.inbetweens)
    decoder = autoencoder.decoder
    set_apart(unet, later=False)
    optimizers = Optimizers(unet, encoder, decoder, hidden_rate=2e-3, rest_rate=1.5e-3)
    average = Average(unet, encoder, decoder)
    scale = autoencoder.config.scaling_factor

    def pick(step: int) -> Tensor:
        """The batch of a step; its first pictures are the ones that are decoded."""
        return torch.from_numpy(
            np.random.default_rng((seed, step)).choice(len(data), BATCH, p=chances)
        )

    def update(step: int, progress: float) -> dict[str, float]:
        rng = np.random.default_rng((seed, step, 1))
        picked = pick(step)
        data.prefetch(pick(step + 1)[:CROPS].numpy())
        target = latents[picked].to(device).float()
        fresh = torch.from_numpy(rng.standard_normal(target.shape, np.float32)).to(device)
        noise = couple_noise(fresh, styles[picked].to(device))
        times = torch.full((BATCH,), noisiest, device=device)
        with torch.autocast(device.type, torch.bfloat16):
            rows = rows_of(encoder, captions, others, picked, shares[picked], rng)
            v = unet(noise, times, rows).sample
        drawn = levels.picture(noise, times, v.float())

        first = (drawn - target).square()
        loss = (first * focus[picked].to(device)).mean()
        figures = {"first": first.mean().item()}
        if progress >= phase.decoder_from:
            half = CROPS // 2
            given = torch.cat([drawn[:half].detach(), target[half:CROPS]]) / scale
            output, truth = _decoded_quarters(decoder, given, data, picked[:CROPS], rng)
            loss = loss + pixel_losses(output, truth).mean()
            squares = (output - truth).detach().square().mean((1, 2, 3))
            figures |= {
                "own dB": psnr(squares[:half].mean()).item(),
                "true dB": psnr(squares[half:].mean()).item(),
            }
        optimizers.step(loss, phase.rate * cosine(progress))
        average.update(step)
        return figures

    parts = {
        "unet": unet,
        "encoder": encoder,
        "decoder": decoder,
        "optimizers": optimizers,
        "average": average,
    }
    train_phase(phase.name, folder, budget, parts, update, console)
    for module, mean in zip(average.modules, average.copies, strict=True):
        module.load_state_dict(mean.state_dict())


def _decoded_quarters(
    decoder: nn.Module, latents: Tensor, data: Dataset, picked: Tensor, rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Decode a random quarter of each [N, 16, 16, 16]; return it and the true pixels there."""
    count, cells, shrink = len(latents), LATENT_SIZE // 2, SIZE // LATENT_SIZE
    places = rng.integers(0, LATENT_SIZE - cells + 1, (count, 2)).tolist()
    part = torch.stack(
        [latents[i, :, y : y + cells, x : x + cells] for i, (y, x) in enumerate(places)]
    )
    pixels = data.pixels(picked.numpy())
    side = cells * shrink
    cut = [
        picture[y * shrink : y * shrink + side, x * shrink : x * shrink + side]
        for picture, (y, x) in zip(pixels, places, strict=True)
    ]
    with torch.autocast(latents.device.type, torch.bfloat16):
        output = decoder(part.contiguous(memory_format=torch.channels_last))
    return output.float(), to_tensor(np.stack(cut), latents.device)
