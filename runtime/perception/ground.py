"""How much of a picture's empty ground something has risen on.

A mix pushed too far breaks a picture before it changes much of it: streaks and specks rise where
nothing was. Speed and distance feel that late, since both weigh a picture as a whole; but another
coat, mood or size hardly touches the ground far from the subject. Another place does: what rises
then is no tear, but no longer the same scene either.
"""

from __future__ import annotations

import numpy as np

from runtime.perception.distance import Descriptor

_LEAST = 0.05
"""Share of the cells that must be empty at the start to tell anything."""


def filled(start: Descriptor, now: Descriptor) -> float:
    """Return the share, in [0, 1], of the empty cells of ``start`` that hold an edge ``now``.

    A cell is empty where neither it nor one of the eight around it holds an edge that rises above
    noise, so an outline that moves a little fills nothing. 0 where hardly any is empty, or frames
    are too small for edges.

    Raises:
        ValueError: frames of different sizes.
    """
    if start.size != now.size:
        raise ValueError(f"frames of {start.size} and {now.size} pixels cannot be compared")
    if start.edges.size == 0:
        return 0.0
    around = np.pad(start.edges > 0, 1)
    held = np.lib.stride_tricks.sliding_window_view(around, (3, 3)).any((2, 3))
    if (~held).mean() < _LEAST:
        return 0.0
    return float((now.edges[~held] > 0).mean())
