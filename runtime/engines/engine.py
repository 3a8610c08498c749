"""One small protocol over every engine runtime."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from runtime.bundles.bundle import Bundle
from runtime.bundles.manifest import Step
from runtime.errors import EngineError, NotFinite

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Rendered:
    """``pixels`` uint8 [B, H, W, 3] RGB and milliseconds per stage.

    An engine that runs the frame as one CUDA graph reports the whole as ``denoise_ms``.
    """

    pixels: NDArray[np.uint8]
    denoise_ms: float
    decode_ms: float


class Engine(Protocol):
    """A loaded bundle that runs. Not thread-safe: one thread calls it at a time."""

    @property
    def name(self) -> str:
        """The engine runtime that really runs, as ``--backend`` names it (``openvino`` …)."""

    @property
    def precision(self) -> str:
        """What really computes: ``f32``, ``bf16`` or ``f16``."""

    @property
    def device(self) -> str:
        """The processor in words, for readouts and benchmarks."""

    @property
    def batches(self) -> tuple[int, ...]:
        """The batch sizes that are worth while, ascending; 1 is always among them.

        An engine that has no room for a larger batch renders it frame by frame and leaves only 1.
        """

    def encode(self, input_ids: tuple[NDArray[np.int64], ...]) -> tuple[Floats, Floats | None]:
        """Run the text encoder on one prompt's ids, an array [1, T] for each tokenizer.

        Returns the embedding [T, D] and the pooled vector [P] or None.
        """

    def load_basis(self, basis: Floats, pooled: Floats | None) -> None:
        """Make ``basis`` [K, T, D] (and ``pooled`` [K, P]) resident until the next call."""

    def load_noise(self, noise: Floats) -> None:
        """Make ``noise`` [S, C, h, w] resident: first the initial latent (unit variance), then
        the fresh noise of each step that wants it. Shared by the whole batch."""

    def render(
        self, weights: Floats, pooled_weights: Floats | None, steps: tuple[Step, ...]
    ) -> Rendered:
        """Mix, sample and decode. ``weights`` [B, K, T], ``pooled_weights`` [B, K] or None.

        Raises EngineError when the latent is not finite or the device fails.
        """

    def close(self) -> None:
        """Release the device; the engine cannot be used afterwards."""


@runtime_checkable
class Overlapping(Protocol):
    """An engine on which a frame can be begun while the host still takes out the last one's."""

    def begin(
        self, weights: Floats, pooled_weights: Floats | None, steps: tuple[Step, ...]
    ) -> Callable[[], Rendered]:
        """As ``Engine.render``, without waiting: what is returned waits, once, for the frame.

        Frames are taken in the order they were begun, and at most two are under way: a third
        gives up the first. A basis or noise loaded meanwhile counts for what is begun after it.

        Raises EngineError as ``Engine.render`` does, here or when the frame is taken.
        """


@runtime_checkable
class Cancellable(Protocol):
    """An engine, or what renders with one, whose frame can be given up while it is drawn."""

    def cancel(self) -> None:
        """End the frame that is being drawn, from any thread: its ``render`` raises FrameCancelled.

        Where none is, nothing happens; the next is not touched.
        """


def one_by_one(
    render: Callable[[Floats, Floats | None], Rendered],
    weights: Floats,
    pooled_weights: Floats | None,
) -> Rendered:
    """Render a batch as single frames; shapes and milliseconds are those of a batch."""
    singles = [
        render(weights[i : i + 1], None if pooled_weights is None else pooled_weights[i : i + 1])
        for i in range(len(weights))
    ]
    return Rendered(
        np.concatenate([one.pixels for one in singles]),
        sum(one.denoise_ms for one in singles),
        sum(one.decode_ms for one in singles),
    )


def warn_no_batches(backend: str, error: EngineError) -> None:
    """Say once that an engine goes on with single frames."""
    warnings.warn(
        f"{backend} has no room for batches, so films and grids are rendered frame by frame, a "
        f"little slower: {error}",
        RuntimeWarning,
        stacklevel=4,
    )


def warn_no_cuda_graph(what: str, error: EngineError) -> None:
    """Say once that ``what`` (``the frame runs``) goes on without a CUDA graph."""
    warnings.warn(
        f"{what} without a CUDA graph, a little slower: {error}", RuntimeWarning, stacklevel=3
    )


def suited_precision(bundle: Bundle) -> str:
    """Return what ``auto`` computes in where graphs run as they are: what they were made for."""
    return bundle.manifest.precision


def check_precision(bundle: Bundle, precision: str, backend: str) -> None:
    """Raise EngineError if ``backend``, which runs graphs as they are, cannot do ``precision``."""
    made = suited_precision(bundle)
    if precision not in ("auto", made):
        raise EngineError(
            f"{backend} computes as the graphs of {bundle.manifest.model} do, in {made}: "
            f"build it again with --precision {precision}"
        )


TOTAL = "total"
"""the decoder's output that says whether its picture is one; bundles of before have none"""


def check_total(total: Floats | None) -> None:
    """Raise NotFinite if the decoder made values that are not finite: as colours they look real.

    ``total`` f32 [B] are the sums of the pictures before they were rounded.
    """
    if total is not None and not np.isfinite(total).all():
        raise NotFinite(
            "the decoder drew values that are not finite: build the model again with "
            "--precision f32, or from another file"
        )


def check_finite(latent: Floats, remedy: str = "build the model again with") -> None:
    """Raise NotFinite if a latent overflowed; ``remedy`` is how ``--precision f32`` is had."""
    if not np.isfinite(latent).all():
        raise NotFinite(
            f"the latent is not finite: {remedy} --precision f32, or try another seed or expression"
        )
