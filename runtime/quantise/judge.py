"""How far frames in a coarser precision are from f32, and how much of that flickers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from runtime.perception.psnr import peak_signal_to_noise
from runtime.pipeline import Pipeline
from runtime.quantise.frames import neighbour
from runtime.request import Request


@dataclass(frozen=True, slots=True)
class FramePairs:
    """Frames uint8 [N, 2, H, W, 3], each with its neighbour, and what one took."""

    pixels: NDArray[np.uint8]
    frame_ms: float
    """median of denoising and decoding"""


@dataclass(frozen=True, slots=True)
class Fidelity:
    """How like f32 one precision draws, and how fast."""

    psnr_db: float
    """median over frames of PSNR over 255 levels"""
    worst_psnr_db: float
    neighbour_noise: float
    """median over pairs of neighbours (1/400) of the root mean square, in levels, of what their
    errors differ by: an error that both share is not seen to flicker"""
    frame_ms: float


def draw(pipeline: Pipeline, requests: Sequence[Request]) -> FramePairs:
    """Render every request and its neighbour; a frame is timed after one that is not."""
    pipeline.render(requests[0])
    pairs, took = [], []
    for request in requests:
        frames = [pipeline.render(one) for one in (request, neighbour(request))]
        pairs.append(np.stack([frame.pixels for frame in frames]))
        took += [frame.timings["denoise"] + frame.timings["decode"] for frame in frames]
    return FramePairs(np.stack(pairs), float(np.median(took)))


def compare(got: FramePairs, exact: FramePairs) -> Fidelity:
    """Judge frames by those of the same requests in f32."""
    psnr, noise = [], []
    for ours, theirs in zip(got.pixels, exact.pixels, strict=True):
        error = ours.astype(np.float32) - theirs.astype(np.float32)
        psnr.append(peak_signal_to_noise(ours[0], theirs[0]))
        noise.append(float(np.sqrt(np.mean((error[1] - error[0]) ** 2))))
    return Fidelity(float(np.median(psnr)), float(min(psnr)), float(np.median(noise)), got.frame_ms)
