"""Which noise draws which picture: the open numbers of a picture are read off its noise.

The mean of channel i of standard normal noise, times the square root of its positions, is a
standard normal number; its quantile is number i of the picture's style. So caption and noise
together decide the picture, and a network can learn to draw it in one step by plain regression,
where independent noise would teach it only the mean of all pictures. At run time nothing is
special: the noise is ``torch.randn``, as for any diffusion model.
"""

import torch
from torch import Tensor

from export.critters.pictures.draw import STYLE_SIZE


def style_of_noise(noise: Tensor) -> Tensor:
    """The style that noise [B, C, H, W] stands for: [B, STYLE_SIZE] in (0, 1)."""
    style: Tensor = torch.special.ndtr(_scores(noise))
    return style


def couple_noise(noise: Tensor, style: Tensor) -> Tensor:
    """Shift standard normal noise [B, C, H, W] so that it stands for ``style`` [B, STYLE_SIZE].

    Only the means of the first STYLE_SIZE channels move, so the result has exactly the
    distribution of standard normal noise given its style.
    """
    positions = noise.shape[-1] * noise.shape[-2]
    wanted = torch.special.ndtri(style.clamp(1e-4, 1 - 1e-4))
    shift = (wanted - _scores(noise)) / positions**0.5
    coupled = noise.clone()
    coupled[:, :STYLE_SIZE] += shift[..., None, None]
    return coupled


def _scores(noise: Tensor) -> Tensor:
    positions = noise.shape[-1] * noise.shape[-2]
    scores: Tensor = noise[:, :STYLE_SIZE].mean((2, 3)) * positions**0.5
    return scores
