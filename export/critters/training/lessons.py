"""What the denoiser's training works with: the networks that learn, and what they are shown."""

from dataclasses import dataclass

import numpy as np
import torch
from diffusers import AutoencoderTiny, UNet2DConditionModel
from torch import Tensor
from transformers import CLIPTextModel

from export.critters.training.conditioning import Captions, edited_rows, mixed_rows
from export.critters.training.dataset import Dataset


@dataclass(frozen=True)
class Networks:
    """The model's networks, trained in place."""

    unet: UNet2DConditionModel
    """Predicts v; its noise-end output is minus the picture."""
    encoder: CLIPTextModel
    """Its rows are what the UNet attends to."""
    autoencoder: AutoencoderTiny

    @property
    def device(self) -> torch.device:
        """Where they are."""
        device: torch.device = next(self.unet.parameters()).device
        return device

    @property
    def scale(self) -> float:
        """What the autoencoder's latents are multiplied by for the UNet."""
        return float(self.autoencoder.config.scaling_factor)


@dataclass(frozen=True)
class Lessons:
    """Pictures with their tokenized captions."""

    data: Dataset
    captions: Captions
    others: Captions
    """The captions that in-betweens go to."""
    styles: Tensor
    """float32 [N, STYLE_SIZE], as ``Dataset.styles``."""
    shares: Tensor
    """float32 [N], as ``Dataset.shares``."""

    @classmethod
    def of(cls, data: Dataset, captions: Captions, others: Captions) -> "Lessons":
        """Read the styles and shares of a data set once."""
        return cls(
            data, captions, others, torch.from_numpy(data.styles), torch.from_numpy(data.shares)
        )

    def rows(self, encoder: CLIPTextModel, picked: Tensor, rng: np.random.Generator) -> Tensor:
        """Text rows [B, 77, TEXT_WIDTH] of the pictures ``picked`` int64 [B], edited or mixed."""
        shares = self.shares[picked]
        between = shares > 0
        rows = edited_rows(encoder, self.captions, picked[~between], rng)
        if between.any():
            mixed = mixed_rows(
                encoder, self.captions, self.others, picked[between], shares[between], rng
            )
            # back to the order of the batch
            rows = torch.cat([rows, mixed])[between.int().argsort(stable=True).argsort()]
        return rows
