"""The calmest way across a map, and the expression that sails it."""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from runtime.language.expression import Expression, Morph, Sum, Term
from runtime.perception.map import SIDE, Point, SeaMap, storms_on

Floats = NDArray[np.float64]

_Node = tuple[int, int]

STATIONS = 9
"""Stations of a route's expression; between two of them it runs straight."""
_MOVES = tuple((a, b) for a in range(-3, 4) for b in range(-3, 4) if math.gcd(a, b) == 1)
_CALM = 0.05
"""Added to every speed: where nothing changes the shorter way is taken."""


def calmest(sea: SeaMap, start: Point = (0.0, 0.0), goal: Point = (1.0, 1.0)) -> tuple[Point, ...]:
    """Return the way from ``start`` to ``goal`` that changes least and gently, evenly paced.

    What lies between two pictures has to change on any way. The way on which it adds up to least,
    travelled so that it changes at an even pace, has the lowest top speed of all; but a wall that
    is steep leaves no room for pacing, so change counts double where it is as fast as around a
    storm. Dijkstra over the 65 × 65 corners of the finest cells, with moves up to three cells to
    a side, by the metric of the cells; then ``STATIONS`` places evenly apart in change.
    """
    metric = sea.along_t**2, sea.along_both, sea.along_u**2
    _, rough = storms_on(sea.speed)
    first, last = _node(start), _node(goal)
    best = {first: 0.0}
    came: dict[_Node, _Node] = {}
    queue = [(0.0, first)]
    while queue:
        cost, here = heapq.heappop(queue)
        if here == last:
            break
        if cost > best[here]:
            continue
        for move in _MOVES:
            there = here[0] + move[0], here[1] + move[1]
            if not (0 <= there[0] <= SIDE and 0 <= there[1] <= SIDE):
                continue
            change, length = _change(metric, here, move), math.hypot(*move) / SIDE
            reached = cost + (change + _CALM * length) * (1 + change / length / rough)
            if reached < best.get(there, math.inf):
                best[there] = reached
                came[there] = here
                heapq.heappush(queue, (reached, there))
    way = [last]
    while way[-1] != first:
        way.append(came[way[-1]])
    way.reverse()
    gone = [0.0]
    for here, there in pairwise(way):
        move = there[0] - here[0], there[1] - here[1]
        gone.append(gone[-1] + _change(metric, here, move) + _CALM * math.hypot(*move) / SIDE)
    return resample([(t / SIDE, u / SIDE) for t, u in way], STATIONS, gone)


def resample(
    way: Sequence[Point], count: int, travelled: Sequence[float] | None = None
) -> tuple[Point, ...]:
    """Return ``count`` places along a polyline, its ends among them, even in ``travelled``.

    ``travelled`` increases along ``way``; it is the length if left out.
    """
    at = np.asarray(way, np.float64)
    gone = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(at, axis=0).T))])
    gone = gone if travelled is None else np.asarray(travelled, np.float64)
    even = np.linspace(0.0, gone[-1], count)
    t, u = (np.interp(even, gone, at[:, axis]).clip(0.0, 1.0) for axis in (0, 1))
    return tuple(zip(t.tolist(), u.tolist(), strict=True))


def straight(start: Point = (0.0, 0.0), goal: Point = (1.0, 1.0)) -> tuple[Point, ...]:
    """Return the straight way with as many places as ``calmest`` has."""
    return resample([start, goal], STATIONS)


def route_expression(expression: Expression, way: Sequence[Point]) -> str:
    """Return the chain of sums that runs along a way through the plane of ``expression``.

    Every place becomes a station: at (t, u) that is the sum of the stations around t and of the
    second axis at u. Weights have three decimals. Holds for lerp only: slerp does not go straight.
    """
    morphs = tuple(
        Morph(tuple(_station(morph, t, u) for t, u in way))
        if len(morph.stations) > 1 or morph.axis is not None
        else morph
        for morph in expression.morphs
    )
    return str(Expression(expression.texts, morphs, expression.whole))


def _change(metric: tuple[Floats, Floats, Floats], here: _Node, move: _Node) -> float:
    """Return the visible change of a move, by the cell in its middle."""
    column = min(max(int(here[0] + move[0] / 2), 0), SIDE - 1)
    row = min(max(int(here[1] + move[1] / 2), 0), SIDE - 1)
    a, b, c = (field[row, column] for field in metric)
    squared = a * move[0] ** 2 + 2 * b * move[0] * move[1] + c * move[1] ** 2
    return math.sqrt(max(0.0, squared)) / SIDE


def _node(place: Point) -> _Node:
    return round(place[0] * SIDE), round(place[1] * SIDE)


def _station(morph: Morph, t: float, u: float) -> Sum:
    rounded = {phrase: round(weight, 3) for phrase, weight in morph.weights_at(t, u).items()}
    kept = tuple(Term(weight, phrase) for phrase, weight in rounded.items() if weight)
    return kept or (Term(0.0, morph.first.phrase),)
