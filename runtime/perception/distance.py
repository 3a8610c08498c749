"""How different two frames look, and how fast a film changes for the eye."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from runtime.request import Pixels

Floats = NDArray[np.float64]

VISIBLE = 0.01
"""Distances below this are invisible when two frames are flipped: noise of one or two grey levels
and a picture one grey level brighter stay below, a single added whisker stays above."""

_OPPONENT = np.array(
    [[0.2126, 0.7152, 0.0722], [0.3, -0.3, 0.0], [0.15, 0.15, -0.3]], np.float32
).T / np.float32(255)
_BLUR = {8: 0.8, 16: 0.8, 32: 0.7, 64: 0.5, 128: 0.3, 256: 0.15}
_EDGE_SIDES = (64, 128, 256)
_EDGES_SHOWN = 128
_EDGE_CORE = 0.025
_EDGE_CELL = 32
_GAIN = 2.0


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A frame as a point in a space where straight-line distance is visible difference."""

    point: NDArray[np.float32]
    size: tuple[int, int]
    """(H, W) of the frame in pixels"""
    edges: NDArray[np.float32]
    """[h, w], about 32 by 32: how strong the luma edges of each cell are, a part of ``point``. At a
    side of 128 pixels, of 64 in smaller frames; 0 where none rises above noise; [0, 0] below it"""


def describe_frame(pixels: Pixels) -> Descriptor:
    """Describe a frame, uint8 [H, W, 3] sRGB, for comparison; about 2 ms for 256×256.

    The frame is taken apart into opponent colours (luma of BT.709, red against green, yellow
    against blue) on the gamma-coded values, which are already close to even for the eye. Then:

    - its block means at every scale from the pixel to 1/8 of the side, the coarser the heavier,
      as contrast sensitivity falls towards fine detail; the mean of the whole counts half;
    - where its edges are and how strong: the luma gradient at three scales, less a core that
      hides noise, averaged over cells of 1/32 of the side, so that it hardly feels a shift.

    Everything but the core is linear, so distances of descriptors obey the triangle inequality.
    The parts follow the multi-scale comparisons of Laparra et al. 2016 (normalised Laplacian
    pyramid) and Ding et al. 2020 (pooled structure and texture), without trained weights.

    Raises:
        ValueError: not uint8 [H, W, 3], or a side shorter than 8 pixels.
    """
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
        raise ValueError(f"a frame is uint8 [H, W, 3], not {pixels.dtype} {pixels.shape}")
    if min(pixels.shape[:2]) < 8:
        raise ValueError(f"a frame of {pixels.shape[1]}x{pixels.shape[0]} pixels is too small")
    level = pixels.astype(np.float32) @ _OPPONENT
    level -= level.mean((0, 1)) * np.float32(0.5)
    parts: list[NDArray[np.float32]] = []
    begin, shape = 0, (0, 0)
    while True:
        side = 1 << round(math.log2(math.sqrt(level.shape[0] * level.shape[1])))
        parts.append(_rooted(level, _BLUR.get(side, 0.05)))
        if side in _EDGE_SIDES:
            edges = _edges(level[..., 0], side // _EDGE_CELL)
            if side <= _EDGES_SHOWN and shape == (0, 0):
                begin, shape = sum(map(len, parts)), edges.shape
            parts.append(_rooted(edges, 1.0))
        if side <= 8 or min(level.shape[:2]) < 4:
            break
        level = _halved(level)
    point = np.concatenate(parts)
    shown = point[begin : begin + shape[0] * shape[1]].reshape(shape)
    return Descriptor(point, (pixels.shape[0], pixels.shape[1]), shown)


def distance(a: Descriptor, b: Descriptor) -> float:
    """Visible difference in [0, 1): 0 for equal frames, about 0.03 for a whisker, 0.15 for
    another coat, 0.3 for another animal, 0.8 for black against white. Symmetric; a metric.

    Raises:
        ValueError: frames of different sizes.
    """
    if a.size != b.size:
        raise ValueError(f"frames of {a.size} and {b.size} pixels cannot be compared")
    difference = a.point - b.point
    return -math.expm1(-_GAIN * math.sqrt(float(difference @ difference)))


def path(distances: ArrayLike) -> float:
    """Return the total change along a film: the sum of the distances of neighbouring frames."""
    return float(np.sum(np.asarray(distances, np.float64)))


def smoothness(distances: ArrayLike) -> float:
    """Return 1 − Gini of the distances, in (0, 1]: 1 if all are equal, 1/N if one holds everything.

    The measure of He et al. 2024 (attention interpolation of diffusion, AID). A film that never
    changes is perfectly smooth.
    """
    values = np.sort(np.asarray(distances, np.float64))
    total = values.sum()
    if total == 0:
        return 1.0
    n = len(values)
    gini = 2 * float(np.arange(1, n + 1) @ values) / (n * total) - (n + 1) / n
    return float(min(1.0, 1 - gini))


def storm_share(distances: ArrayLike) -> float:
    """Return the share of the path, in [0, 1], in the largest twentieth of the distances."""
    values = np.sort(np.asarray(distances, np.float64))[::-1]
    total = values.sum()
    if total == 0:
        return 0.0
    count = max(1, round(0.05 * len(values)))
    return float(values[:count].sum() / total)


def _halved(level: NDArray[np.float32]) -> NDArray[np.float32]:
    h, w = level.shape[0] // 2 * 2, level.shape[1] // 2 * 2
    even = level[0:h:2] + level[1:h:2]
    out: NDArray[np.float32] = (even[:, 0:w:2] + even[:, 1:w:2]) * np.float32(0.25)
    return out


def _edges(luma: NDArray[np.float32], cell: int) -> NDArray[np.float32]:
    gradient = np.abs(luma[1:, :-1] - luma[:-1, :-1]) + np.abs(luma[:-1, 1:] - luma[:-1, :-1])
    np.maximum(gradient - np.float32(_EDGE_CORE), 0, out=gradient)
    h, w = gradient.shape[0] // cell, gradient.shape[1] // cell
    cells = gradient[: h * cell, : w * cell].reshape(h, cell, w, cell)
    out: NDArray[np.float32] = cells.mean((1, 3))
    return out


def _rooted(values: NDArray[np.float32], weight: float) -> NDArray[np.float32]:
    """Scale so that the squared norm is weight² times the mean over positions."""
    count = values.shape[0] * values.shape[1]
    return (values * np.float32(weight / math.sqrt(max(count, 1)))).ravel()
