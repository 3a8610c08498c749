"""What is asked of the model, and what comes back: a frame is a pure function of a request."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from runtime.errors import RequestError

EditScope = Literal["word", "tail", "all"]
Interp = Literal["lerp", "slerp"]
Pixels = NDArray[np.uint8]

MAX_SEED = 2**32 - 1


@dataclass(frozen=True, slots=True)
class Request:
    """One picture: an expression, a position on its two axes, and the sampling settings.

    ``t`` in [0, 1] runs along ``->``; ``u`` in [0, 1] runs from the ``from`` to the ``to`` of the
    second axis (0.5 is its middle). ``seed`` in [0, 2³²-1] is that of ``torch.manual_seed`` on the
    CPU. ``steps`` counts denoiser evaluations. ``edit`` says what a slot edits; ``edit_row``
    restricts the edit to one row of the embedding (0 is BOS and is refused).

    Raises:
        RequestError: a position that is not finite or outside [0, 1], a seed, step count or row
            out of range, an unknown ``edit`` or ``interp``.
    """

    expression: str
    t: float = 0.0
    u: float = 0.5
    seed: int = 0
    steps: int = 1
    edit: EditScope = "word"
    edit_row: int | None = None
    interp: Interp = "lerp"

    def __post_init__(self) -> None:  # noqa: D105
        for name, value in (("t", self.t), ("u", self.u)):
            if not (math.isfinite(value) and 0.0 <= value <= 1.0):
                raise RequestError(f"position {name}={value} is not between 0 and 1")
        if not 0 <= self.seed <= MAX_SEED:
            raise RequestError(f"seed {self.seed} is out of range: use 0 to {MAX_SEED}")
        if self.steps < 1:
            raise RequestError(f"{self.steps} steps make no picture: use 1 or more")
        if self.edit not in get_args(EditScope):
            raise RequestError(f"unknown edit {self.edit!r}: use {', '.join(get_args(EditScope))}")
        if self.interp not in get_args(Interp):
            raise RequestError(f"unknown interp {self.interp!r}: use {', '.join(get_args(Interp))}")
        if self.edit_row is not None and self.edit_row < 1:
            raise RequestError(f"row {self.edit_row} cannot be edited: row 0 is BOS, use 1 or more")

    def at(self, t: float, u: float | None = None) -> Request:
        """Return the same request at another position."""
        return replace(self, t=t, u=self.u if u is None else u)


@dataclass(frozen=True, slots=True)
class Frame:
    """A rendered picture: ``pixels`` uint8 [H, W, 3] RGB (read-only), and where the time went.

    ``timings`` maps stage names (``text``, ``mix``, ``denoise``, ``decode``, ``total``) to
    milliseconds; a stage that did not run is absent.
    """

    pixels: Pixels
    request: Request
    timings: Mapping[str, float] = field(default_factory=dict)


RenderMany = Callable[[Sequence[Request]], Iterable[Frame]]
"""Renders requests, in order: ``Pipeline.render_many`` here, or the same on other machines."""


def parse_size(text: str | None) -> tuple[int, int] | None:
    """Read ``512x512`` as (width, height) in pixels; None stays None.

    Raises:
        RequestError: anything else.
    """
    if text is None:
        return None
    match = re.fullmatch(r"(\d{1,5})[x×](\d{1,5})", text.strip().lower())
    width, height = map(int, match.groups()) if match else (0, 0)
    if not (width and height):
        raise RequestError(f"size {text!r} is not WIDTHxHEIGHT, e.g. 512x512")
    return width, height
