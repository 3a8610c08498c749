"""The shortest time of something that is done again and again."""

from __future__ import annotations

import time
from collections.abc import Callable

SECONDS = 0.6
"""how long each thing is tried"""


def best_seconds(run: Callable[[], object]) -> float:
    """Return the shortest time of ``run`` over at least three tries and ``SECONDS``; one before
    them is not counted.
    """
    run()
    best, tries, begun = float("inf"), 0, time.perf_counter()
    while tries < 3 or time.perf_counter() - begun < SECONDS:
        start = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - start)
        tries += 1
    return best
