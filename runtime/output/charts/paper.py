"""What the charts share: a white sheet and its pixels, frames without ticks, words cut short."""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING, Literal

import numpy as np
from PIL import Image

from runtime.request import Pixels as Pixels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def sheet(
    size: tuple[float, float], dpi: int, layout: Literal["constrained"] | None = None
) -> Figure:
    """Return a white figure of ``size`` (width, height) in inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # slow to import
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, dpi=dpi, facecolor="white", layout=layout)
    FigureCanvasAgg(figure)
    return figure


def painted(figure: Figure) -> Pixels:
    """Return a figure as uint8 [H, W, 3]."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")
        figure.savefig(buffer, format="png")
    return np.asarray(Image.open(buffer).convert("RGB"))


def framed(axes: Axes, colour: str, width: float = 0.8) -> None:
    """Leave a frame of ``width`` points round ``axes``, and no ticks."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_color(colour)
    axes.spines[:].set_linewidth(width)


def clip(text: str, most: int) -> str:
    """Return ``text``, cut short with … where it has more than ``most`` letters."""
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"
