"""The order in which idle time fills a line with pictures."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from itertools import pairwise

COARSE = 32
"""The first pass divides a line into this many stretches before anything else is filled."""

AHEAD = 40
"""Divisions kept filled in front of the playhead, in its direction of travel."""


def coarse_order(divisions: int, stretches: int = COARSE) -> Iterator[int]:
    """Yield indices of a line, ends first, then its middle, quarters, eighths …; each once."""
    seen: set[int] = set()
    parts = 1
    while True:
        for k in range(parts + 1):
            index = round(divisions * k / parts)
            if index not in seen:
                seen.add(index)
                yield index
        if parts >= min(stretches, divisions):
            return
        parts *= 2


def next_to_fill(
    have: Collection[int],
    divisions: int,
    at: int,
    direction: int,
    differences: Mapping[tuple[int, int], float],
) -> int | None:
    """Return which index in 0..``divisions`` to render next, or None when the line is full.

    Coarse first; then up to ``AHEAD`` in front of ``at`` in ``direction`` (+1 or -1); then the
    middle of the gap whose two frames differ most according to ``differences``, keyed by the
    neighbouring indices ``(low, high)``; of equals the widest.
    """
    known = set(have)
    if len(known) > divisions:
        return None
    for index in coarse_order(divisions):
        if index not in known:
            return index
    for index in range(at, at + direction * (AHEAD + 1), direction):
        if 0 <= index <= divisions and index not in known:
            return index
    ordered = sorted(known)
    gaps = [pair for pair in pairwise(ordered) if pair[1] - pair[0] > 1]
    low, high = max(gaps, key=lambda pair: (differences.get(pair, 0.0), pair[1] - pair[0]))
    return (low + high) // 2
