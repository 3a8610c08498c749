"""The peak signal-to-noise ratio: how little two pictures differ."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

ENOUGH = 35.0
"""dB that a frame in bf16 or f16 should reach; less is said"""
LEAST = 28.0
"""dB that a frame in f16 must reach: below, another picture is drawn. A one-step sampler multiplies
what the network rounds by up to 15, so that a sound f16 engine may lie between the two."""
EQUAL = 99.0
"""the PSNR, in dB, that stands for equal pictures"""


def peak_signal_to_noise(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    """Return the PSNR of two uint8 pictures in dB, at most 99."""
    error = float(np.mean((a.astype(np.float64) - b) ** 2))
    return EQUAL if error == 0 else min(EQUAL, 10 * float(np.log10(255.0**2 / error)))
