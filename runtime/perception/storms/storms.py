"""Where a morph is calm, where it storms, where it flickers and where it jumps.

The rules, on N frames at increasing positions t with distances s(i) = d(f(i), f(i+1)):

*Flicker.* 1 to 3 frames that leave the film and come back: both distances at its edges are visible
and at least twice the distance across, between the frames before and after it, and no station of a
chain stands there.

*Fresh breeze.* Speeds are those of ``runtime.perception.storms.change``: noise is no change. The
calm level c is the median speed of the slower half of them (flickers left out), its spread σ is
1.4826 times the median absolute deviation there. An interval is fast above
``c + max(4σ, 2c, FAINT)``: a film may storm for two thirds of its length and still be read.

*Jump.* A fast, visible interval that bisection cannot break: of the two halves the one with the
greater distance is followed until its distance is below 0.4 of the whole's (a slope, however
steep) or 1/128 of the interval is left (a jump).

*Storm.* A run of distances with a fast one among them, extended on both sides while the speed stays
above the middle between c and fast, that brings visible change; runs closer than 2 % of the film
are one. Jumps alone are no storm. What is no storm is calm.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from runtime.perception.distance import VISIBLE, Descriptor, Floats, distance
from runtime.perception.storms.change import LOUD
from runtime.perception.storms.survey import FOLLOWERS, Survey

DescriptorAt = Callable[[float], Descriptor]

FAINT = 0.2
"""A speed at which a whole film would change no more than a coat colour."""
_DEPTH = 7
_STAYS = 0.4
_LOUD = 0.75
"""Change, in units of the noise, that noise alone may pretend: of an interval of 1.25 times the
noise, (1.25² - 1)^½ = 0.75 of it is left."""
_NEAR = 0.02
_MAX_PROBED = 12
_ALIKE = 1e-9
"""Speeds that differ by less, as a share, are one speed that a stretch's intervals share."""


@dataclass(frozen=True, slots=True)
class Zone:
    """An interval [start, end] of t, ``calm`` or ``storm``, and the change inside it."""

    kind: Literal["calm", "storm"]
    start: float
    end: float
    path: float


@dataclass(frozen=True, slots=True)
class Flicker:
    """Frames ``first`` … ``last`` look different from both neighbours, which look alike."""

    first: int
    last: int
    start: float
    end: float
    size: float
    """the smaller of the distances at its two edges"""


@dataclass(frozen=True, slots=True)
class Jump:
    """A change of ``size`` at ``t`` that does not shrink with the interval, so far as was tried."""

    t: float
    width: float
    """of the smallest interval that still holds it"""
    size: float


@dataclass(frozen=True, slots=True)
class StormReport:
    """All that was found; zones tile [0, 1] in order, flickers and jumps are sorted by t."""

    zones: tuple[Zone, ...]
    flickers: tuple[Flicker, ...]
    jumps: tuple[Jump, ...]
    fast: float
    """the speed above which an interval is fast"""


def find_storms(
    film: Survey, descriptor_at: DescriptorAt, turns: Sequence[float] = ()
) -> StormReport:
    """Find zones, flickers and jumps; ``descriptor_at(t)`` renders in-between frames for bisection.

    It is called for the 12 fastest distances at most, up to 9 times each. ``turns`` are the t of a
    chain's stations between its ends: what leaves and comes back there is no flicker.
    """
    flickers = find_flickers(film, turns)
    shaken = np.zeros(len(film.distances), bool)
    for flicker in flickers:
        shaken[flicker.first - 1 : flicker.last + 1] = True
    speed = film.speed
    calm, fast = thresholds(speed[~shaken])
    jumps: list[Jump] = []
    suspects = [
        int(i)
        for i in np.argsort(-speed, kind="stable")
        if speed[i] > fast and film.distances[i] > max(VISIBLE, film.noise) and not shaken[i]
    ]
    jumpy = shaken.copy()
    for i in suspects[:_MAX_PROBED]:
        jump = bisect(
            descriptor_at, float(film.positions[i]), float(film.positions[i + 1]), film.noise
        )
        if jump is not None:
            jumps.append(jump)
            jumpy[i] = True
    loud = _LOUD * film.change.noise / float(np.median(np.diff(film.positions[list(film.posts)])))
    zones = find_zones(film, jumpy, min(fast, max((calm + fast) / 2, loud)), fast)
    return StormReport(zones, flickers, tuple(sorted(jumps, key=lambda jump: jump.t)), fast)


def find_flickers(film: Survey, turns: Sequence[float] = ()) -> tuple[Flicker, ...]:
    """Find frames that leave and come back, the shortest first where several overlap.

    A way that turns round at a station, as in cat -> dog -> cat, leaves and comes back by being
    walked: nothing there is a flicker.
    """
    at, distances = film.positions, film.distances
    taken = np.zeros(len(distances), bool)
    found: list[Flicker] = []
    for width in range(1, FOLLOWERS):
        across = film.reach[width]  # d(f(i-1), f(i+width))
        for before in range(len(across)):
            out, back = before, before + width
            size = min(distances[out], distances[back])
            if size < VISIBLE or 2 * across[before] > size or taken[out : back + 1].any():
                continue
            if any(at[out] < turn < at[back + 1] for turn in turns):
                continue
            taken[out : back + 1] = True
            first, last = out + 1, back
            found.append(Flicker(first, last, float(at[first]), float(at[last]), float(size)))
    return tuple(sorted(found, key=lambda flicker: flicker.first))


def thresholds(speed: Floats) -> tuple[float, float]:
    """Return the calm level and the speed from which on it is fast; infinite for no distances."""
    if len(speed) == 0:
        return 0.0, float("inf")
    slow = np.sort(speed)[: max(1, (len(speed) + 1) // 2)]
    calm = float(np.median(slow))
    spread = 1.4826 * float(np.median(np.abs(slow - calm)))
    return calm, calm + max(4 * spread, 2 * calm, FAINT)


def grades(speed: Floats) -> Floats:
    """Return how stormy each speed looks beside the others, for colours: 0 calm, 1 fast; NaN stays.

    ``speed`` may have any shape.
    """
    calm, fast = thresholds(speed[~np.isnan(speed)])
    return np.clip((speed - calm) / (fast - calm), 0, 1) ** 2


def bisect(
    descriptor_at: DescriptorAt, start: float, end: float, noise: float = 0.0
) -> Jump | None:
    """Follow the greater half of the change between two positions; None if it is a slope.

    ``noise`` is ``Survey.noise``: it does not shrink with the interval, and is no jump.
    """

    def change(a: Descriptor, b: Descriptor) -> float:
        return math.sqrt(max(0.0, distance(a, b) ** 2 - noise**2))

    left, right = descriptor_at(start), descriptor_at(end)
    whole = size = change(left, right)
    for _ in range(_DEPTH):
        middle = (start + end) / 2
        if not start < middle < end:
            break
        centre = descriptor_at(middle)
        first, second = change(left, centre), change(centre, right)
        if first >= second:
            right, end, size = centre, middle, first
        else:
            left, start, size = centre, middle, second
        if size < _STAYS * whole:
            return None
    return Jump((start + end) / 2, end - start, size)


def find_zones(
    film: Survey, left_out: NDArray[np.bool_], rising: float, fast: float
) -> tuple[Zone, ...]:
    """Tile the film with calm and stormy zones by hysteresis between ``rising`` and ``fast``.

    Intervals in ``left_out`` [N-1] (flickers, jumps) neither start a storm nor end one.
    """
    speed, distances = film.speed, film.change.distances
    stormy = np.zeros(len(speed), bool)
    faint = _faint_beside_loud(film)
    run: list[int] = []
    for i in range(len(speed) + 1):
        if i < len(speed) and (left_out[i] or speed[i] > rising):
            run.append(i)
            continue
        inside = [j for j in run if not left_out[j]]
        if any(speed[inside] > fast) and distances[inside].sum() > VISIBLE:
            run = list(range(inside[0], inside[-1] + 1))
            heard = [j for j in run if not faint[j]] or run
            first, last = _edges(speed, heard[0], heard[-1])
            stormy[first : last + 1] = True
        run = []
    near = _NEAR * float(film.positions[-1] - film.positions[0])
    for a, b in pairwise(_turns(stormy)):
        if not stormy[a] and film.positions[b] - film.positions[a] < near:
            stormy[a:b] = True
    return tuple(
        Zone(
            "storm" if stormy[begin] else "calm",
            float(film.positions[begin]),
            float(film.positions[end]),
            float(distances[begin:end].sum()),
        )
        for begin, end in pairwise([0, *_turns(stormy), len(speed)])
    )


def _turns(stormy: NDArray[np.bool_]) -> list[int]:
    """Return the intervals that are stormy where the one before is calm, or the other way."""
    return (np.flatnonzero(stormy[1:] != stormy[:-1]) + 1).tolist()


def _faint_beside_loud(film: Survey) -> NDArray[np.bool_]:
    """Mark the intervals [N-1] that hold no more than noise in a stretch that is told apart.

    What ``change_of`` leaves over of such a stretch it spreads evenly, which is enough to lift
    still intervals beside a storm above the level where storms end.
    """
    speed, starts = film.speed, film.posts[:-1]
    slowest, fastest = np.minimum.reduceat(speed, starts), np.maximum.reduceat(speed, starts)
    uneven = np.repeat(fastest > slowest * (1 + _ALIKE), np.diff(film.posts))
    return uneven & (film.distances <= LOUD * film.change.noise)


def _edges(speed: Floats, first: int, last: int) -> tuple[int, int]:
    """Place the two ends of a storm of intervals ``first`` … ``last`` more finely than its posts.

    Intervals between two posts share one speed. Where a storm begins among them that speed lies
    between the one before and the one behind; the beginning is where stretches of those two make
    it.
    """
    begin = first + _slow_intervals(speed[: last + 1], first)
    if begin > last:
        return first, last
    mirrored = speed[begin:][::-1]
    return begin, last - _slow_intervals(mirrored, len(speed) - 1 - last)


def _slow_intervals(speed: Floats, first: int) -> int:
    """Return how many of the intervals of one speed from ``first`` on are still outside a storm."""
    if first == 0:
        return 0
    mean, outside = float(speed[first]), float(speed[first - 1])
    alike = np.abs(speed[first:] - mean) <= _ALIKE * mean
    count = len(alike) if alike.all() else int(np.argmin(alike))
    if count == len(alike):
        return 0
    inside = float(speed[first + count])
    if not outside < mean < inside:
        return 0
    return min(round(count * (inside - mean) / (inside - outside)), count - 1)
