"""Seed to latent noise, equal to what ``torch.randn`` draws on the CPU, without torch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from runtime.errors import RequestError
from runtime.request import MAX_SEED

BLOCK = 16
"""torch fills normals in blocks: eight radii, then eight angles."""


def randn(seed: int, count: int, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Draw ``count`` successive standard-normal tensors from one seeded generator.

    Returns float32 [count, *shape], where ``out[i]`` is the i-th ``torch.randn(shape,
    generator=g)`` after ``g = torch.Generator().manual_seed(seed)``, to within float rounding
    (5e-7). The recipe is ATen's ``normal_fill`` (DistributionTemplates.h): MT19937, 24-bit
    uniforms, Box–Muller; a tail shorter than a block is drawn again as a whole block.

    Raises:
        RequestError: a seed outside [0, 2³²-1].
        ValueError: a shape of fewer than 16 values, for which torch uses another recipe.
    """
    if not 0 <= seed <= MAX_SEED:
        raise RequestError(f"seed {seed} is out of range: use 0 to {MAX_SEED}")
    size = int(np.prod(shape))
    if size < BLOCK:
        raise ValueError(f"noise of {size} values: at least {BLOCK} are needed")
    tail = BLOCK if size % BLOCK else 0
    generator = np.random.RandomState(seed)
    bits = generator.randint(0, 2**32, size=(count, size + tail), dtype=np.uint32)
    uniform = (bits & 0xFFFFFF).astype(np.float32) * np.float32(2.0**-24)
    whole = size - size % BLOCK
    values = np.empty((count, size), np.float32)
    values[:, :whole] = _box_muller(uniform[:, :whole])
    if tail:
        values[:, -BLOCK:] = _box_muller(uniform[:, size:])
    return values.reshape(count, *shape)


def _box_muller(uniform: NDArray[np.float32]) -> NDArray[np.float32]:
    pairs = uniform.reshape(*uniform.shape[:-1], -1, 2, BLOCK // 2)
    radius = np.sqrt(np.float32(-2.0) * np.log(np.float32(1.0) - pairs[..., 0, :]))
    angle = np.float32(2.0 * np.pi) * pairs[..., 1, :]
    normal = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=-2)
    return normal.reshape(uniform.shape)
