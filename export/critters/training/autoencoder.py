"""The autoencoder: 256x256 pictures as 16x16 latents of 16 channels, and back."""

import numpy as np
import torch
from diffusers import AutoencoderTiny
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from export.critters.training.dataset import Dataset
from export.critters.training.descent.muon import Optimizers
from export.critters.training.descent.phase import PhaseRun, restarted_cosine, train_phase

LATENT_CHANNELS = 16
LATENT_SIZE = 16
LEVELS = 5
WIDTH = 32
BATCH = 16
CROP = 128
LATENT_NOISE = 0.02
SQUARE_WEIGHT = 2.0


def make_autoencoder() -> AutoencoderTiny:
    """An untrained autoencoder, most of whose work is done below 128x128 to keep frames cheap."""
    model = AutoencoderTiny(
        latent_channels=LATENT_CHANNELS,
        encoder_block_out_channels=(WIDTH,) * LEVELS,
        decoder_block_out_channels=(WIDTH,) * LEVELS,
        num_encoder_blocks=(0, 0, 2, 3, 3),
        num_decoder_blocks=(4, 5, 4, 1, 0),
    )
    return model.to(memory_format=torch.channels_last)


def to_tensor(pixels: NDArray[np.uint8], device: torch.device) -> Tensor:
    """Pictures uint8 [B, H, W, 3] as float32 [B, 3, H, W] in [-1, 1], channels last in memory."""
    return torch.from_numpy(pixels).to(device).permute(0, 3, 1, 2).float() / 127.5 - 1


def to_pixels(pictures: Tensor) -> NDArray[np.uint8]:
    """Pictures [B, 3, H, W] in [-1, 1] as uint8 [B, H, W, 3]."""
    scaled = (pictures.float().clamp(-1, 1) + 1) * 127.5
    pixels: NDArray[np.uint8] = scaled.round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
    return pixels


def psnr(mean_square: Tensor) -> Tensor:
    """Peak signal-to-noise ratio in dB of a mean squared error between pictures in [-1, 1]."""
    return 10 * torch.log10(4 / mean_square)


def pixel_losses(output: Tensor, target: Tensor) -> Tensor:
    """The loss of every picture, [B], from pixels [B, 3, H, W].

    Absolute and squared error, and the absolute error of neighbours' differences: crisp edges.
    """
    error = output - target
    loss = error.abs().mean((1, 2, 3)) + SQUARE_WEIGHT * error.square().mean((1, 2, 3))
    for axis in (-1, -2):
        loss = loss + error.diff(dim=axis).abs().mean((1, 2, 3))
    return loss


def train_autoencoder(model: AutoencoderTiny, data: Dataset, run: PhaseRun) -> None:
    """Train in place, on random crops; the latents are kept near zero mean and unit variance."""
    device = next(model.parameters()).device
    optimizer = Optimizers(model, hidden_rate=3e-3, rest_rate=2e-3)

    def update(done: int, progress: float) -> dict[str, float]:
        rng = np.random.default_rng((run.seed, done))
        pictures = to_tensor(data.crops(rng, BATCH, CROP), device)
        with torch.autocast(device.type, torch.bfloat16):
            latents = model.encoder(pictures)
        latents = latents.float()
        noise = torch.from_numpy(rng.standard_normal(latents.shape, np.float32)).to(device)
        with torch.autocast(device.type, torch.bfloat16):
            output = model.decoder(latents + LATENT_NOISE * noise)
        output = output.float()
        channels = latents.transpose(0, 1).flatten(1)
        spread = (channels.mean(1).square() + (channels.std(1) - 1).square()).mean()
        square = functional.mse_loss(output, pictures)
        loss = pixel_losses(output, pictures).mean() + 0.02 * spread
        optimizer.update(loss, restarted_cosine(progress))
        return {
            "loss": loss.item(),
            "psnr": psnr(square.detach()).item(),
            "spread": spread.item(),
        }

    parts = {"model": model, "optimizer": optimizer}
    train_phase("autoencoder", run, parts, update)


@torch.inference_mode()
def encode_dataset(model: AutoencoderTiny, data: Dataset, batch: int = 16) -> Tensor:
    """Latents of every picture: float16 [N, 16, 16, 16], on the CPU."""
    device = next(model.parameters()).device
    latents = torch.empty(len(data), LATENT_CHANNELS, LATENT_SIZE, LATENT_SIZE, dtype=torch.half)
    for start in range(0, len(data), batch):
        indices = np.arange(start, min(start + batch, len(data)))
        with torch.autocast(device.type, torch.bfloat16):
            part = model.encoder(to_tensor(data.pixels(indices), device))
        latents[start : start + len(indices)] = part.half().cpu()
    return latents
