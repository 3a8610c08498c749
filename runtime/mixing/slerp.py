"""Spherical interpolation, row by row."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]

MIN_SINE = 1e-3
"""Below this sine of the angle between two rows slerp is lerp: its weights lose their digits."""


def row_angles(a: Doubles, b: Doubles) -> Doubles:
    """Return the angle in [0, π] between rows ``a`` and ``b`` [R, D]; 0 where a row is zero."""
    norms = np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1)
    known = (norms > 0) & np.isfinite(norms)
    cosine = np.sum(a * b, axis=-1) / np.where(known, norms, 1.0)
    angles: Doubles = np.where(known, np.arccos(np.clip(cosine, -1.0, 1.0)), 0.0)
    return angles


def slerp_weights(angles: Doubles, place: float) -> tuple[Doubles, Doubles]:
    """Return the weights [R] of two rows ``angles`` apart at ``place`` in [0, 1].

    sin((1-p)θ)/sin θ and sin(pθ)/sin θ (Shoemake 1985, "Animating rotation with quaternion
    curves"); 1-p and p where sin θ is tiny.
    """
    sine = np.sin(angles)
    flat = sine < MIN_SINE
    safe = np.where(flat, 1.0, sine)
    return (
        np.where(flat, 1.0 - place, np.sin((1.0 - place) * angles) / safe),
        np.where(flat, place, np.sin(place * angles) / safe),
    )
