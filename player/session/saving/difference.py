"""How two pictures differ, as a picture."""

from __future__ import annotations

import numpy as np

from runtime.request import Frame, Request


def difference(first: Frame, second: Frame, request: Request) -> Frame:
    """Return |first - second| by channel, brightened so that its largest value is white.

    The frame stands for ``request``. Equal pictures are black.
    """
    gap = np.abs(first.pixels.astype(np.int16) - second.pixels)
    most = int(gap.max())
    pixels = (gap * (255 / most) if most else gap).astype(np.uint8)
    pixels.flags.writeable = False
    return Frame(pixels, request)
