"""The denoiser: a small UNet and its text encoder, trained together to draw in one step."""

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderTiny, DDIMScheduler, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from rich.console import Console
from torch import Tensor, nn
from torch.nn import functional
from transformers import CLIPTextModel

from export.critters.autoencoder import (
    LATENT_CHANNELS,
    LATENT_SIZE,
    pixel_loss,
    psnr,
    to_tensor,
)
from export.critters.conditioning import TEXT_WIDTH, Captions, edited_rows
from export.critters.coupling import couple_noise
from export.critters.dataset import Dataset
from export.critters.draw import SIZE
from export.critters.muon import Optimizers
from export.critters.phase import Budget, cosine, train_phase

BATCH = 40
LATER = 12
"""How many of a batch also train a later step."""
OWN_SHARE = 0.75
"""How many later steps start from the model's own picture rather than the true one."""
STEPS = (1, 2, 3, 4)
"""Step counts that are trained for."""
CROPS = 16
"""Quarters of pictures that are decoded: half from the denoiser, half from the encoder."""
MENDED_SHARE = 0.3
"""How many of the former come from later steps."""
PIXEL_WEIGHT = 1.0
PIXELS_FROM = 0.6
"""Progress at which the decoder begins to learn along, from the denoiser's latents too.

The denoiser itself learns from latents alone: with the pixels' gradient its loss rose from 0.097
to 0.117 within 120 updates, and its pictures lost 2 dB.
"""


def make_scheduler() -> DDIMScheduler:
    """Zero terminal SNR, v-prediction; sqrt(alpha_bar) falls about as 1 - (t / 1000)^3.

    So steps after the first see mostly picture, and refine it.
    """
    return DDIMScheduler(
        num_train_timesteps=1000,
        beta_start=1e-8,
        beta_end=3e-4,
        beta_schedule="scaled_linear",
        prediction_type="v_prediction",
        rescale_betas_zero_snr=True,
        timestep_spacing="trailing",
        clip_sample=False,
        set_alpha_to_one=True,
        steps_offset=1,  # trailing spacing ignores it, but Stable Diffusion's pipeline warns at 0
    )


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


@dataclass(frozen=True)
class Levels:
    """The signal and noise shares of the timesteps that sampling visits."""

    first: int
    later: tuple[int, ...]
    signal: Tensor
    """sqrt(alpha_bar), [1000]."""
    noise: Tensor
    """sqrt(1 - alpha_bar), [1000]."""


def sampling_levels(scheduler: DDIMScheduler) -> Levels:
    """Ask the scheduler which timesteps 1 to 4 steps visit."""
    visited = set()
    for count in STEPS:
        scheduler.set_timesteps(count)
        visited |= {int(t) for t in scheduler.timesteps}
    first, *later = sorted(visited, reverse=True)
    bars = scheduler.alphas_cumprod
    return Levels(first, tuple(later), bars.sqrt(), (1 - bars).sqrt())


def train_denoiser(
    unet: UNet2DConditionModel,
    encoder: CLIPTextModel,
    autoencoder: AutoencoderTiny,
    latents: Tensor,
    data: Dataset,
    captions: Captions,
    folder: Path,
    budget: Budget,
    seed: int,
    console: Console,
) -> Average:
    """Train both in place, and the decoder along with them; return the averages, for use.

    One-step regression: from noise coupled with the picture's style (see `coupling`) and the
    caption, the UNet predicts the latents. A part of the batch goes on from its own prediction,
    noised again as the sampler would, so that later steps mend what the first left. The encoder of
    the pictures stays as it is; the decoder goes on learning from its latents, and learns to draw
    crisply what the denoiser gives it.

    Returns the averages of UNet, text encoder and decoder.

    Args:
        unet: Predicts v; its noise-end output is minus the picture.
        encoder: Its rows are what the UNet attends to.
        autoencoder: Its decoder is trained too.
        latents: float16 [N, 16, 16, 16], scaled to about unit variance.
        data: Whose pictures and styles belong to `latents`.
        captions: Theirs, tokenized.
        folder: For checkpoints.
        budget: When to stop.
        seed: Batches depend on it and on the step alone.
        console: For the bar.
    """
    device = next(unet.parameters()).device
    levels = sampling_levels(make_scheduler())
    signal, sigma = levels.signal.to(device), levels.noise.to(device)
    styles = torch.from_numpy(data.styles)
    decoder = autoencoder.decoder
    optimizers = Optimizers(unet, encoder, decoder, hidden_rate=2e-3, rest_rate=1.5e-3)
    average = Average(unet, encoder, decoder)
    scale = autoencoder.config.scaling_factor

    def predict(x: Tensor, timesteps: Tensor, rows: Tensor) -> Tensor:
        with torch.autocast(device.type, torch.bfloat16):
            v = unet(x, timesteps, rows).sample
        a, s = signal[timesteps][:, None, None, None], sigma[timesteps][:, None, None, None]
        x0: Tensor = a * x - s * v.float()
        return x0

    def pick(step: int) -> Tensor:
        """The batch of a step; its first pictures are the ones that are decoded."""
        return torch.from_numpy(np.random.default_rng((seed, step)).integers(0, len(data), BATCH))

    def update(step: int, progress: float) -> dict[str, float]:
        rng = np.random.default_rng((seed, step, 1))
        picked = pick(step)
        data.prefetch(pick(step + 1)[:CROPS].numpy())
        target = latents[picked].to(device).float()
        fresh = torch.from_numpy(rng.standard_normal(target.shape, np.float32)).to(device)
        noise = couple_noise(fresh, styles[picked].to(device))
        with torch.autocast(device.type, torch.bfloat16):
            rows = edited_rows(encoder, captions, picked, rng)

        last = torch.full((BATCH,), levels.first, device=device)
        drawn = predict(noise, last, rows)
        kept = torch.from_numpy(rng.random(LATER) < OWN_SHARE).to(device)[:, None, None, None]
        start = torch.where(kept, drawn[:LATER].detach(), target[:LATER])
        times = torch.from_numpy(rng.choice(levels.later, LATER)).to(device)
        a, s = signal[times][:, None, None, None], sigma[times][:, None, None, None]
        mended = predict(a * start + s * noise[:LATER], times, rows[:LATER])

        first = functional.mse_loss(drawn, target)
        later = functional.mse_loss(mended, target[:LATER])
        loss = first + 0.5 * later
        figures = {"first": first.item(), "later": later.item()}
        if progress >= PIXELS_FROM:
            half = CROPS // 2
            some = torch.from_numpy(rng.random(half) < MENDED_SHARE).to(device)[:, None, None, None]
            own = torch.where(some, mended[:half], drawn[:half]).detach()
            given = torch.cat([own, target[half:CROPS]]) / scale
            output, truth = _decoded_quarters(decoder, given, data, picked[:CROPS], rng)
            loss = loss + PIXEL_WEIGHT * pixel_loss(output, truth)
            squares = (output - truth).detach().square().mean((1, 2, 3))
            figures |= {
                "own dB": psnr(squares[:half].mean()).item(),
                "true dB": psnr(squares[half:].mean()).item(),
            }
        optimizers.step(loss, cosine(progress))
        average.update(step)
        return figures

    parts = {
        "unet": unet,
        "encoder": encoder,
        "decoder": decoder,
        "optimizers": optimizers,
        "average": average,
    }
    train_phase("denoiser", folder, budget, parts, update, console)
    return average


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
