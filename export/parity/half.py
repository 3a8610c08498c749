"""What f16 loses, told by the reference itself: few CPUs compute in f16.

Weights are rounded for good, because a model in f16 is what f16 holds; what its layers make is
rounded only while figures are taken.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils._pytree import tree_map

from export.parity.reference import Reference
from runtime.errors import BuildError
from runtime.perception.psnr import ENOUGH, peak_signal_to_noise


def round_weights(network: nn.Module) -> None:
    """Round a network's f32 weights to f16, in place; they stay f32.

    Raises:
        BuildError: one of them is beyond f16.
    """
    with torch.no_grad():
        for tensor in (*network.parameters(), *network.buffers()):
            if tensor.dtype == torch.float32:
                tensor.copy_(tensor.half())
                if not tensor.isfinite().all():
                    raise BuildError(
                        f"{type(network).__name__} has weights that f16 cannot hold: build it with "
                        "--precision f32"
                    )


@contextmanager
def rounding(*networks: nn.Module) -> Iterator[None]:
    """Let networks round to f16 what every layer makes, as an engine that computes in f16 does.

    Sums inside a layer stay f32, as they do on a GPU; what f16 cannot hold becomes infinite.
    """
    hooks = [
        module.register_forward_hook(lambda _module, _inputs, made: tree_map(_halved, made))
        for network in networks
        for module in network.modules()
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def decodes(vae: Any, decoder: nn.Module, is_xl: bool, expected: Reference) -> bool:
    """Whether a VAE keeps its pictures in f16, judged by those of ``expected``.

    ``decoder`` turns a latent [1, C, h, w] into pixels and their total with it.

    Tiny ones were made for it and are judged with the denoiser. Full ones are tried, except
    SDXL's, which is known to overflow on pictures that a few samples need not show.
    """
    if type(vae).__name__ == "AutoencoderTiny":
        return True
    if is_xl:
        return False
    with torch.no_grad(), rounding(vae):
        for case in expected.cases:
            pixels, total = decoder(torch.from_numpy(case.latent)[None])
            psnr = peak_signal_to_noise(pixels[0].numpy(), case.frame)
            if not total.isfinite().all() or psnr < ENOUGH:
                return False
    return True


def relative(actual: Any, expected: Any) -> float:
    """Return the relative difference of two arrays (L2), infinite where one is not finite."""
    difference = float(np.linalg.norm(np.asarray(actual, np.float64) - expected))
    found = difference / max(float(np.linalg.norm(expected)), 1e-12)
    return found if np.isfinite(found) else float("inf")


def _halved(value: Any) -> Any:
    is_float = isinstance(value, torch.Tensor) and value.dtype == torch.float32
    return value.half().float() if is_float else value
