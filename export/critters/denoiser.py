"""The denoiser: a small UNet and its text encoder, trained together to draw in one step."""

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderTiny, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from rich.console import Console
from torch import Tensor, nn
from transformers import CLIPTextModel

from export.critters.autoencoder import (
    LATENT_CHANNELS,
    LATENT_SIZE,
    pixel_loss,
    psnr,
    to_tensor,
)
from export.critters.conditioning import TEXT_WIDTH, Captions, edited_rows, mixed_rows
from export.critters.coupling import couple_noise
from export.critters.dataset import Dataset
from export.critters.draw import SIZE
from export.critters.muon import Optimizers
from export.critters.phase import Budget, cosine, train_phase
from export.critters.rollout import Rollout
from export.critters.schedule import TRAINED_FALL, make_scheduler, sampling_levels

BATCH = 40
LATER_WEIGHT = 0.6
MOOD_WEIGHT = 2.0
"""How much oftener a picture with a mood is picked: moods are the finest thing to see."""
FACE_WEIGHT = 2.0
"""How much more an error in a face counts than one elsewhere."""
CROPS = 16
"""Quarters of pictures that are decoded: half from the denoiser, half from the encoder."""
MENDED = 2
"""How many of the former come from later steps."""
PIXEL_WEIGHT = 1.0
"""Of the decoder's loss.

The denoiser itself learns from latents alone: with the pixels' gradient its loss rose from 0.097
to 0.117 within 120 updates, and its pictures lost 2 dB.
"""


@dataclass(frozen=True)
class Stage:
    """A phase of the denoiser's training."""

    name: str
    inbetweens: float
    """Chance that a picture of the batch is an in-between."""
    rate: float
    """What the learning rates are multiplied by."""
    pixels_from: float
    """Progress at which the decoder begins to learn along, from the denoiser's latents too."""
    slots: int
    """How many pictures go through a later step in every update."""


PICTURES = Stage("denoiser", inbetweens=0, rate=1, pixels_from=0.6, slots=16)
INBETWEENS = Stage("inbetweens", inbetweens=0.4, rate=0.6, pixels_from=0, slots=8)


def make_unet() -> UNet2DConditionModel:
    """An untrained UNet over 16x16, 8x8 and 4x4; the lower two read the text."""
    unet = UNet2DConditionModel(
        sample_size=LATENT_SIZE,
        in_channels=LATENT_CHANNELS,
        out_channels=LATENT_CHANNELS,
        layers_per_block=1,
        block_out_channels=(96, 160, 160),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=TEXT_WIDTH,
        attention_head_dim=5,
        norm_num_groups=32,
    )
    unet.set_attn_processor(AttnProcessor())  # on a CPU its backward pass is the faster one
    return unet.to(memory_format=torch.channels_last)


class Average:
    """An exponential moving average of the weights of some modules."""

    def __init__(self, *modules: nn.Module, decay: float = 0.998) -> None:
        """Start from the present weights."""
        self.modules = modules
        self.copies = [copy.deepcopy(module).requires_grad_(False) for module in modules]
        self.decay = decay

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Move towards the present weights, faster in the first steps."""
        rate = 1 - min(self.decay, (1 + step) / (10 + step))
        for mean, module in zip(self.copies, self.modules, strict=True):
            torch._foreach_lerp_(list(mean.parameters()), list(module.parameters()), rate)

    def state_dict(self) -> dict[str, Any]:
        """The averages."""
        return {"copies": [mean.state_dict() for mean in self.copies]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take them back."""
        for mean, state in zip(self.copies, state_dict["copies"], strict=True):
            mean.load_state_dict(state)


def train_denoiser(
    unet: UNet2DConditionModel,
    encoder: CLIPTextModel,
    autoencoder: AutoencoderTiny,
    latents: Tensor,
    data: Dataset,
    captions: Captions,
    others: Captions,
    stage: Stage,
    folder: Path,
    budget: Budget,
    seed: int,
    console: Console,
) -> None:
    """Train both and the decoder along with them; they are averages in the end, ready for use.

    One-step regression: from noise coupled with the picture's style (see `coupling`) and the
    caption, the UNet predicts the latents. Some pictures go on from there as the sampler would
    (see `rollout`), so that later steps can mend what the first left. The encoder of the pictures
    stays as it is; the decoder goes on learning from its latents, and learns to draw crisply what
    the denoiser gives it. In-betweens are learned in the same way, from mixed text rows.

    Args:
        unet: Predicts v; its noise-end output is minus the picture.
        encoder: Its rows are what the UNet attends to.
        autoencoder: Its decoder is trained too.
        latents: float16 [N, 16, 16, 16], scaled to about unit variance.
        data: Whose pictures and styles belong to `latents`.
        captions: Theirs, tokenized.
        others: The captions that in-betweens go to.
        stage: Of what, and how.
        folder: For checkpoints.
        budget: When to stop.
        seed: Batches depend on it and on the step alone.
        console: For the bar.
    """
    device = next(unet.parameters()).device
    levels = sampling_levels(make_scheduler(TRAINED_FALL)).to(device)
    (noisiest,) = levels.visited[1]
    styles = torch.from_numpy(data.styles)
    focus = 1 + FACE_WEIGHT * torch.from_numpy(data.face_maps(LATENT_SIZE))[:, None]
    focus /= focus.mean()
    shares = torch.from_numpy(data.shares)
    chances = np.array([MOOD_WEIGHT if d.first.mood else 1.0 for d in data.drawings])
    for kind, chance in ((shares == 0, 1 - stage.inbetweens), (shares > 0, stage.inbetweens)):
        chances[kind] *= chance / max(chances[kind].sum(), 1e-9)
    decoder = autoencoder.decoder
    optimizers = Optimizers(unet, encoder, decoder, hidden_rate=2e-3, rest_rate=1.5e-3)
    average = Average(unet, encoder, decoder)
    rollout = Rollout(levels, stage.slots)
    scale = autoencoder.config.scaling_factor

    def predict(x: Tensor, timesteps: Tensor, rows: Tensor) -> Tensor:
        with torch.autocast(device.type, torch.bfloat16):
            v = unet(x, timesteps, rows).sample
        signal, sigma = levels.shares(timesteps)
        x0: Tensor = signal * x - sigma * v.float()
        return x0

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
        mixed = shares[picked] > 0
        plain, between = picked[~mixed], picked[mixed]
        with torch.autocast(device.type, torch.bfloat16):
            rows = edited_rows(encoder, captions, plain, rng)
            if len(between):
                tweened = mixed_rows(encoder, captions, others, between, shares[between], rng)
                # back to the order of the batch
                rows = torch.cat([rows, tweened])[mixed.int().argsort(stable=True).argsort()]

        drawn = predict(noise, torch.full((BATCH,), noisiest, device=device), rows)
        rollout.refill(rng, picked, drawn, noise, rows, target)
        mended, goal, sigma = rollout.advance(predict)

        first = (drawn - target).square()
        later = (mended - goal).square()
        loss = (first * focus[picked].to(device)).mean()
        # v reaches the picture through sigma: without this its gradient would be as small
        loss = loss + LATER_WEIGHT * (later * focus[rollout.picked].to(device) / sigma).mean()
        figures = {"first": first.mean().item(), "later": later.mean().item()}
        if progress >= stage.pixels_from:
            half = CROPS // 2
            own = torch.cat([mended[:MENDED], drawn[: half - MENDED]]).detach()
            given = torch.cat([own, target[half - MENDED : CROPS - MENDED]]) / scale
            shown = torch.cat([rollout.picked[:MENDED], picked[: CROPS - MENDED]])
            output, truth = _decoded_quarters(decoder, given, data, shown, rng)
            loss = loss + PIXEL_WEIGHT * pixel_loss(output, truth)
            squares = (output - truth).detach().square().mean((1, 2, 3))
            figures |= {
                "own dB": psnr(squares[:half].mean()).item(),
                "true dB": psnr(squares[half:].mean()).item(),
            }
        optimizers.step(loss, stage.rate * cosine(progress))
        average.update(step)
        return figures

    parts = {
        "unet": unet,
        "encoder": encoder,
        "decoder": decoder,
        "optimizers": optimizers,
        "average": average,
    }
    train_phase(stage.name, folder, budget, parts, update, console)
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
