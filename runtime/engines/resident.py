"""What an engine holds between frames: the basis and the noise, uploaded only when they change."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from runtime.bundles.manifest import Manifest
from runtime.engines.engine import Engine, Floats
from runtime.noise import randn
from runtime.request import Request


@dataclass(frozen=True, slots=True)
class Mixture:
    """What one frame mixes of the basis."""

    prompts: tuple[int, ...]
    """rows of the basis whose weight is not 0, ascending"""
    weights: Floats
    """[K, T]: of each prompt at each token"""
    pooled_weights: Floats | None
    """[K], None for models without a pooled vector"""


def prompts_of(mixtures: Sequence[Mixture]) -> tuple[int, ...]:
    """Return the prompts that any of them mixes, ascending."""
    return tuple(sorted(set().union(*(mixture.prompts for mixture in mixtures))))


class Resident:
    """Knows what is loaded. A failed upload never passes for a loaded one."""

    def __init__(self, manifest: Manifest) -> None:
        """Start with an engine that holds nothing; the bundle's ``manifest`` gives the shapes."""
        self._manifest = manifest
        self._basis: Hashable = None
        self._noise: Hashable = None

    def forget(self) -> None:
        """Start anew with an engine that holds nothing."""
        self._basis = self._noise = None

    def load(
        self,
        engine: Engine,
        key: Hashable,
        request: Request,
        mixtures: Sequence[Mixture],
        basis: Floats,
        pooled: Floats | None,
    ) -> tuple[Floats, Floats | None]:
        """Make what ``mixtures`` mix of a basis [K, T, D] (and pooled [K, P]) and the noise of
        ``request``'s seed resident.

        ``key`` names the basis; None is one that is never met again. Returns the weights [B, K, T]
        and the pooled weights [B, K], over as many prompts as the engine holds.
        """
        chosen = prompts_of(mixtures)
        if key is None or (key, chosen) != self._basis:
            self._basis = None
            engine.load_basis(
                self._pad(basis, chosen), None if pooled is None else self._pad(pooled, chosen)
            )
            self._basis = None if key is None else (key, chosen)
        self._load_noise(engine, request)
        weights = np.stack([self._pad(mixture.weights, chosen) for mixture in mixtures])
        if pooled is None:
            return weights, None
        given = [one.pooled_weights for one in mixtures if one.pooled_weights is not None]
        return weights, np.stack([self._pad(one, chosen) for one in given])

    def _load_noise(self, engine: Engine, request: Request) -> None:
        steps = self._manifest.steps[request.steps]
        count = 1 + sum(step.noise != 0 for step in steps)
        key = (request.seed, count)
        if key != self._noise:
            self._noise = None
            engine.load_noise(randn(request.seed, count, self._manifest.latent))
            self._noise = key

    def _pad(self, values: Floats, chosen: tuple[int, ...]) -> Floats:
        """Return the chosen rows of [K, ...] first, then zeros, as many as the engine holds."""
        padded = np.zeros((self._manifest.basis, *values.shape[1:]), np.float32)
        padded[: len(chosen)] = values[list(chosen)]
        return padded
