"""Prompts become embeddings once: what the text encoder made of those that were met last."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from runtime.bundles.manifest import Manifest
from runtime.errors import RequestError
from runtime.mixing.mix import Floats, Plan

KEPT = 256
"""Embeddings in memory: those used longest ago are given up first."""


class Embedding(NamedTuple):
    """What the text encoder made of a prompt."""

    rows: Floats
    """[T, D]: a row for each token, BOS first"""
    pooled: Floats | None
    """[P] for models that have one, else None"""


def checked(given: Embedding | Floats, manifest: Manifest) -> Embedding:
    """Return an embedding from outside as f32, if the model can draw it.

    ``given`` is a float array [T, D], or an Embedding for models with a pooled vector.

    Raises:
        RequestError: another shape, values that are not finite, or no pooled vector.
    """
    one = given if isinstance(given, Embedding) else Embedding(given, None)
    if manifest.pooled and one.pooled is None:
        raise RequestError(f"{manifest.model} needs an Embedding with a pooled vector")
    vectors: list[tuple[str, Floats, tuple[int, ...]]] = [
        ("rows", one.rows, (manifest.tokens, manifest.embedding))
    ]
    if one.pooled is not None and manifest.pooled:
        vectors.append(("pooled", one.pooled, (manifest.pooled,)))
    for name, array, shape in vectors:
        if np.shape(array) != shape or not np.isfinite(array).all():
            raise RequestError(f"embedding {name}: need finite numbers of shape {shape}")
    rows, *pooled = (np.asarray(array, np.float32) for _, array, _ in vectors)
    return Embedding(rows, pooled[0] if pooled else None)


class Embeddings:
    """The embeddings of prompts, encoded when they are first asked for."""

    def __init__(self, encode: Callable[[str], tuple[Floats, Floats | None]]) -> None:
        """Let ``encode`` run the text encoder over a prompt."""
        self._encode = encode
        self.of = lru_cache(KEPT)(self._encoded)

    def _encoded(self, prompt: str) -> Embedding:
        """Return a prompt's embedding, read-only; what ``encode`` raises passes through."""
        made = Embedding(*self._encode(prompt))
        for array in made:
            if array is not None:
                array.flags.writeable = False
        return made

    def basis(self, plan: Plan) -> tuple[Floats, Floats | None]:
        """Return a plan's basis [K, T, D], a row of which may be any row of its prompt, and the
        pooled vectors [K, P] of models that have some.
        """
        embedded = [self.of(prompt) for prompt in plan.prompts]
        rows = [one.rows[order] for one, order in zip(embedded, plan.row_map, strict=True)]
        vectors = [one.pooled for one in embedded if one.pooled is not None]
        return np.stack(rows), np.stack(vectors) if vectors else None
