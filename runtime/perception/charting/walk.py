"""One walk outward along an axis, until the picture is no longer a calm change of the same thing.

From the start, weight 0, frames are taken every ``SPACING``. The calm ends at the first of:

*Storm.* The picture changes faster than ``FAST`` per unit of weight somewhere, and the end is
where, walking back from there, it neither changes faster than ``BRISK`` nor has more than ``RISEN``
of its empty ground filled: blots and clouds come a little before the tear. Bisection places it
within ``SPACING``/4 by its speed, within ``SPACING``/8 by its ground. So ``storms.find_zones``
reads a film: a run above a lower speed with an interval above a higher one in it. But there the
speeds follow from the film's own calm level, and an axis that bends every picture has a high one:
``kitten - k*tabby`` would come out calmer than ``cat - k*tabby``, where the eye sees the kitten
break first. So here they are fixed.

*Another picture.* The distance from the start exceeds ``OTHER``, however calmly it got there;
bisection places it within ``SPACING``/8.

*Filled ground.* More than ``FILLED`` of the ground that was empty at the start holds something
(``runtime.perception.ground``), however calmly it rose; bisection places it within ``SPACING``/8.

*Flicker.* What ``storms.find_flickers`` finds in the pictures walked past: one to three that leave
and come back. The end is the last picture before them.

*Jump.* An interval, fast for this walk, whose change ``storms.bisect`` cannot break.

*Reach.* Nothing ended it as far as was tried.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import partial
from typing import Literal, TypeVar

import numpy as np

from runtime.perception.distance import VISIBLE, Descriptor, Floats, distance
from runtime.perception.ground import filled
from runtime.perception.storms.storms import bisect, find_flickers, thresholds
from runtime.perception.storms.survey import FOLLOWERS, Survey

Why = Literal["storm", "another picture", "filled ground", "flicker", "jump", "reach"]
Walk = Generator[float, Descriptor, "Side"]
"""Asks for the frame at a weight, is sent its descriptor, returns the side that it walked."""
T = TypeVar("T")

SPACING = 1 / 8
BEYOND = 3
"""Frames taken after the end, to show what lies there."""
FAST, BRISK = 1.0, 0.6
"""Visible change per unit of weight: at 0.6 less than half a unit makes another animal."""
OTHER = 0.24
"""Distance at which a picture shows something else. On the built-in model 95 % of an animal's
moods lie nearer to it than this, and 95 % of the other animals farther (docs/measure.md)."""
FILLED = 0.09
"""Share of the empty ground, set by eye where streaks rise slowly on the built-in model's axes, so
that no end moves where only the subject changes (docs/ranges.md)."""
RISEN = 0.02
"""The same share, where a storm follows: set by eye on the owl and the mouse of the same axes."""
_SUSPECTS = 2
_STORM_DEPTH, _PLACE_DEPTH = 2, 3


@dataclass(frozen=True, eq=False)
class Side:
    """One side of an axis: weights from 0 outward, signed, and where the calm ends."""

    weights: Floats
    """[N]"""
    speeds: Floats
    """[N-1] visible change per unit of weight"""
    from_start: Floats
    """[N] distance from the picture at weight 0"""
    filled: Floats
    """[N] share of the start's empty ground that something rose on"""
    end: float
    why: Why


def walk(sign: int, reach: float) -> Walk:
    """Walk outward from 0 to ``sign * reach`` at most, asking for a frame at a time."""
    start = yield 0.0
    weights, from_start, ground = [0.0], [0.0], [0.0]
    recent, reached = deque([start], FOLLOWERS), [list[float]() for _ in range(FOLLOWERS)]
    stop = reach
    while weights[-1] < stop - 1e-9:
        ahead = weights[-1] + SPACING
        # a last interval that is much shorter than the others would hold more noise than change
        weights.append(ahead if reach - ahead >= SPACING / 2 else reach)
        now = yield sign * weights[-1]
        for row, earlier in zip(reached, reversed(recent), strict=False):
            row.append(distance(earlier, now))
        from_start.append(distance(start, now))
        ground.append(filled(start, now))
        recent.append(now)
        over = reached[0][-1] / (weights[-1] - weights[-2]) > FAST or from_start[-1] > OTHER
        if (over or ground[-1] > FILLED) and stop == reach:
            stop = min(reach, weights[-1] + BEYOND * SPACING)
    at, rows = np.asarray(weights), tuple(np.asarray(row, np.float64) for row in reached)
    change = rows[0]
    speeds = change / np.diff(at)
    end: float = reach
    why: Why = "reach"
    far = _first_over(from_start, OTHER)
    if far is not None:
        low, high = float(at[far - 1]), float(at[far])
        end = yield from _narrow(sign, low, high, partial(distance, start), OTHER)
        why = "another picture"
    begins = _storm(speeds, ground)
    if begins is not None and at[begins] < end:
        low, high = float(at[begins]), float(at[begins + 1])
        storm = high
        if speeds[begins] > BRISK:
            storm = yield from _storm_start(sign, low, high)
        if ground[begins + 1] > RISEN:
            by_ground = yield from _narrow(sign, low, high, partial(filled, start), RISEN)
            storm = min(storm, by_ground)
        if storm < end:  # else it begins in the interval of the other picture, but after that
            end, why = storm, "storm"
    risen = _first_over(ground, FILLED)
    if risen is not None and at[risen - 1] < end:
        low, high = float(at[risen - 1]), float(at[risen])
        place = yield from _narrow(sign, low, high, partial(filled, start), FILLED)
        if place < end:
            end, why = place, "filled ground"
    for flicker in find_flickers(Survey(at, rows, (), np.empty(0))):
        last = float(at[flicker.first - 1])
        if last <= end:  # its edges are fast: what else ends the calm there is the flicker
            end, why = last, "flicker"
    # what ended in an interval by its distance or its ground may have jumped there
    inside = at[:-1] <= end if why in ("another picture", "filled ground") else at[1:] <= end
    jump = yield from _first_jump(sign, at, change[inside])
    if jump is not None:
        end, why = jump, "jump"
    return Side(
        sign * at, speeds, np.asarray(from_start), np.asarray(ground), sign * end + 0.0, why
    )


def _first_over(measured: list[float], most: float) -> int | None:
    return next((i for i, value in enumerate(measured) if value > most), None)


def _storm(speeds: Floats, ground: list[float]) -> int | None:
    """Return the first interval of the first storm; ``ground`` is the share filled at each weight.

    The interval is brisk, or its end is the first at which more than ``RISEN`` is filled.
    """
    fast = np.flatnonzero(speeds > FAST)
    if len(fast) == 0:
        return None
    first = int(fast[0])
    while first > 0 and (speeds[first - 1] > BRISK or ground[first] > RISEN):
        first -= 1
    return first


def _narrow(
    sign: int, low: float, high: float, measure: Callable[[Descriptor], float], most: float
) -> Generator[float, Descriptor, float]:
    """Bisect for the greatest weight at which the picture does not yet measure over ``most``."""
    for _ in range(_PLACE_DEPTH):
        middle = (low + high) / 2
        if measure((yield sign * middle)) > most:
            high = middle
        else:
            low = middle
    return low


def _storm_start(sign: int, low: float, high: float) -> Generator[float, Descriptor, float]:
    """Bisect an interval that is brisk as a whole for the place from where it is."""
    left = yield sign * low
    for _ in range(_STORM_DEPTH):
        middle = (low + high) / 2
        centre = yield sign * middle
        if distance(left, centre) > BRISK * (middle - low):
            high = middle
        else:
            low, left = middle, centre
    return low


def _first_jump(
    sign: int, at: Floats, change: Floats
) -> Generator[float, Descriptor, float | None]:
    """Return where the first jump in ``change`` [M] lies; the largest intervals alone are tried."""
    speeds = change / np.diff(at[: len(change) + 1])
    _, fast = thresholds(speeds)
    suspects = [
        i
        for i in np.argsort(-speeds, kind="stable")
        if change[i] > 2 * VISIBLE and speeds[i] > fast
    ]
    found: list[float] = []
    for i in suspects[:_SUSPECTS]:
        low, high = float(at[i]), float(at[i + 1])
        jump = yield from _asking(sign, lambda descriptor, a=low, b=high: bisect(descriptor, a, b))  # type: ignore[misc]
        if jump is not None:
            found.append(jump.t - jump.width / 2)
    return min(found, default=None)


def _asking(
    sign: int, function: Callable[[Callable[[float], Descriptor]], T]
) -> Generator[float, Descriptor, T]:
    """Run a function that looks frames up, asking for each the first time that it is missing."""
    known: dict[float, Descriptor] = {}
    while True:
        try:
            return function(known.__getitem__)
        except KeyError as missing:
            place = missing.args[0]
        known[place] = yield sign * place
