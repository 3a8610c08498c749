"""The denoiser: a small UNet and its text encoder, trained together to draw in one step."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from export.critters.pictures.draw import SIZE
from export.critters.training.autoencoder import (
    LATENT_SIZE,
    pixel_losses,
    psnr,
    to_tensor,
)
from export.critters.training.coupling import couple_noise
from export.critters.training.dataset import Dataset
from export.critters.training.descent.average import Average
from export.critters.training.descent.muon import Optimizers
from export.critters.training.descent.phase import PhaseRun, Stateful, cosine, train_phase
from export.critters.training.lessons import Lessons, Networks
from export.critters.training.schedule import make_scheduler, sampling_levels
from export.critters.training.unet import freeze

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
    networks: Networks, latents: Tensor, lessons: Lessons, phase: Phase, run: PhaseRun
) -> None:
    """Train UNet, encoder and decoder together; they are averages in the end, ready for use.

    One-step regression: from noise coupled with the picture's style (see ``coupling``) and the
    caption, the UNet predicts ``latents``, float16 [N, 16, 16, 16], scaled to about unit variance.
    The encoder of the pictures stays as it is; the decoder goes on learning from its latents, and
    learns to draw crisply what the denoiser gives it. In-betweens are learned in the same way, from
    mixed text rows.

    The denoiser learns from latents alone: with the pixels' gradient its loss rose from 0.097 to
    0.117 within 120 updates, and its pictures lost 2 dB.

    Raises:
        Interrupted, TargetError: as ``train_phase``.
    """
    learner = _Learner(networks, latents, lessons, phase, run.seed)
    train_phase(phase.name, run, learner.parts, learner.update)
    learner.average.apply()


class _Learner:
    """The updates of one phase, and what they need."""

    def __init__(
        self, networks: Networks, latents: Tensor, lessons: Lessons, phase: Phase, seed: int
    ) -> None:
        self._networks, self._latents, self._lessons = networks, latents, lessons
        self._phase, self._seed, self._device = phase, seed, networks.device
        self._levels = sampling_levels(make_scheduler()).to(self._device)
        (noisiest,) = self._levels.visited[1]
        self._times = torch.full((BATCH,), noisiest, device=self._device)
        faces = torch.from_numpy(lessons.data.face_maps(LATENT_SIZE))[:, None]
        self._focus = 1 + FACE_WEIGHT * faces
        self._focus /= self._focus.mean()
        self._chances = lessons.data.chances(phase.inbetweens)
        unet, encoder, decoder = networks.unet, networks.encoder, networks.autoencoder.decoder
        freeze(unet, later=False)
        self._optimizers = Optimizers(unet, encoder, decoder, hidden_rate=2e-3, rest_rate=1.5e-3)
        self.average = Average(unet, encoder, decoder)
        self.parts: dict[str, Stateful] = {
            "unet": unet,
            "encoder": encoder,
            "decoder": decoder,
            "optimizers": self._optimizers,
            "average": self.average,
        }

    def update(self, done: int, progress: float) -> dict[str, float]:
        """Learn from one batch; see ``train_phase``."""
        rng = np.random.default_rng((self._seed, done, 1))
        picked = self._pick(done)
        self._lessons.data.prefetch(self._pick(done + 1)[:CROPS].numpy())
        target = self._latents[picked].to(self._device).float()
        drawn = self._draw(picked, target.shape, rng)
        first = (drawn - target).square()
        loss = (first * self._focus[picked].to(self._device)).mean()
        figures = {"first": first.mean().item()}
        if progress >= self._phase.decoder_from:
            loss_of_pixels, of_decoder = self._decode(drawn, target, picked, rng)
            loss = loss + loss_of_pixels
            figures |= of_decoder
        self._optimizers.update(loss, self._phase.rate * cosine(progress))
        self.average.update(done)
        return figures

    def _pick(self, done: int) -> Tensor:
        """The batch of an update; its first pictures are the ones that are decoded."""
        rng = np.random.default_rng((self._seed, done))
        return torch.from_numpy(rng.choice(len(self._lessons.data), BATCH, p=self._chances))

    def _draw(self, picked: Tensor, shape: torch.Size, rng: np.random.Generator) -> Tensor:
        """What the denoiser makes, in one step, of noise and text rows: latents of ``shape``."""
        fresh = torch.from_numpy(rng.standard_normal(shape, np.float32)).to(self._device)
        noise = couple_noise(fresh, self._lessons.styles[picked].to(self._device))
        with torch.autocast(self._device.type, torch.bfloat16):
            rows = self._lessons.rows(self._networks.encoder, picked, rng)
            v = self._networks.unet(noise, self._times, rows).sample
        return self._levels.picture(noise, self._times, v.float())

    def _decode(
        self, drawn: Tensor, target: Tensor, picked: Tensor, rng: np.random.Generator
    ) -> tuple[Tensor, dict[str, float]]:
        """The decoder's loss, half on the denoiser's latents and half on the encoder's."""
        half = CROPS // 2
        given = torch.cat([drawn[:half].detach(), target[half:CROPS]]) / self._networks.scale
        decoder, data = self._networks.autoencoder.decoder, self._lessons.data
        output, truth = _decoded_quarters(decoder, given, data, picked[:CROPS], rng)
        squares = (output - truth).detach().square().mean((1, 2, 3))
        return pixel_losses(output, truth).mean(), {
            "own dB": psnr(squares[:half].mean()).item(),
            "true dB": psnr(squares[half:].mean()).item(),
        }


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
