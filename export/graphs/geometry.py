"""The sizes that follow from a checkpoint's configuration and the picture that is wanted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from runtime.errors import BuildError


@dataclass(frozen=True, slots=True)
class Geometry:
    """The picture's size in pixels and the latent's (C, h, w)."""

    width: int
    height: int
    latent: tuple[int, int, int]


def geometry(unet: Any, vae: Any, size: tuple[int, int] | None) -> Geometry:
    """Work out the sizes from the networks' configurations. ``size`` is (width, height).

    Raises:
        BuildError: a size that is not a multiple of what the networks can make.
    """
    scale = 2 ** (len(vae.block_out_channels) - 1)
    channels = int(unet.in_channels)
    if channels != int(unet.out_channels):
        raise BuildError("UNets with extra input channels, such as inpainting, cannot be exported")
    if channels != int(vae.latent_channels):
        raise BuildError(
            f"the decoder reads {vae.latent_channels} channels and the UNet makes {channels}: "
            "they do not belong together"
        )
    own = unet.sample_size
    if own is None and size is None:
        raise BuildError("the checkpoint does not say how large its pictures are: give a --size")
    rows, columns = own if isinstance(own, (list, tuple)) else (own, own)
    width, height = size or (int(columns) * scale, int(rows) * scale)
    if width < scale or height < scale or width % scale or height % scale:
        near = "x".join(str(max(1, round(side / scale)) * scale) for side in (width, height))
        raise BuildError(
            f"{width}x{height} cannot be made: width and height must be multiples of {scale}, "
            f"for instance {near}"
        )
    return Geometry(width, height, (channels, height // scale, width // scale))
