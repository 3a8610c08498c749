"""The calmest way across a map, and the expression that sails it."""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from itertools import pairwise, product

import numpy as np

from runtime.language.expression import Expression, Morph, Sum, Term
from runtime.perception.charting.map import SIDE, PlaneMap, Point, storms_on
from runtime.perception.distance import Floats

_Node = tuple[int, int]
_Table = list[list[float]]

STATIONS = 9
"""Stations of a route's expression; between two of them it runs straight."""
_FAR = 3
"""Cells that a move takes at most to a side."""
_MOVES = tuple(
    (a, b) for a in range(-_FAR, _FAR + 1) for b in range(-_FAR, _FAR + 1) if math.gcd(a, b) == 1
)
_CALM = 0.05
"""Added to every speed: where nothing changes the shorter way is taken."""


def calmest(
    plane: PlaneMap, start: Point = (0.0, 0.0), goal: Point = (1.0, 1.0)
) -> tuple[Point, ...]:
    """Return the way from ``start`` to ``goal`` that changes least and gently, evenly paced.

    What lies between two pictures has to change on any way. The way on which it adds up to least,
    travelled so that it changes at an even pace, has the lowest top speed of all; but a wall that
    is steep leaves no room for pacing, so change counts double where it is as fast as around a
    storm. Dijkstra over the 65 × 65 corners of the finest cells, with moves up to three cells to
    a side, by the metric of every cell that they cross; then ``STATIONS`` places evenly apart in
    change.
    """
    moves = _moves(plane)
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
        for move, (_, costs) in moves.items():
            there = here[0] + move[0], here[1] + move[1]
            if not (0 <= there[0] <= SIDE and 0 <= there[1] <= SIDE):
                continue
            reached = cost + costs[here[1]][here[0]]
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
        gone.append(gone[-1] + moves[move][0][here[1]][here[0]])
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


def _moves(plane: PlaneMap) -> dict[_Node, tuple[_Table, _Table]]:
    """Return for each move two tables by the corner it starts from, row by u and column by t: the
    change along it, and its cost; both summed over the cells that it crosses, however thin.
    """
    metric = plane.along_t**2, plane.along_both, plane.along_u**2
    _, rough = storms_on(plane.speed)
    tables = {}
    for move in _MOVES:
        t, u = move
        along = math.hypot(t, u) / SIDE
        squared = metric[0] * t**2 + 2 * metric[1] * t * u + metric[2] * u**2
        change = np.sqrt(np.maximum(0.0, squared)) / SIDE
        gone = change + _CALM * along
        cost = gone * (1 + change / along / rough)
        tables[move] = _summed(gone, move), _summed(cost, move)
    return tables


def _summed(field: Floats, move: _Node) -> _Table:
    """Return what a move sums up from each corner: of each cell it crosses, its share of it."""
    padded = np.pad(field, _FAR, mode="edge")
    total = np.zeros((SIDE + 1, SIDE + 1))
    for (column, row), share in _crossed(move).items():
        top, left = _FAR + row, _FAR + column
        total += share * padded[top : top + SIDE + 1, left : left + SIDE + 1]
    table: _Table = total.tolist()
    return table


def _crossed(move: _Node) -> dict[_Node, float]:
    """Return the cells that a move from (0, 0) crosses, and the share of it in each.

    One along a border runs half in the cells on either side.
    """
    shares: dict[_Node, float] = {}
    cuts = sorted({0.0, 1.0} | {i / abs(count) for count in move for i in range(1, abs(count))})
    for begin, end in pairwise(cuts):
        middle = (begin + end) / 2
        beside = [(-1, 0) if count == 0 else (math.floor(middle * count),) for count in move]
        for cell in product(*beside):
            here = cell[0], cell[1]
            share = (end - begin) / (len(beside[0]) * len(beside[1]))
            shares[here] = shares.get(here, 0.0) + share
    return shares


def _node(place: Point) -> _Node:
    return round(place[0] * SIDE), round(place[1] * SIDE)


def _station(morph: Morph, t: float, u: float) -> Sum:
    rounded = {phrase: round(weight, 3) for phrase, weight in morph.weights_at(t, u).items()}
    kept = tuple(Term(weight, phrase) for phrase, weight in rounded.items() if weight)
    return kept or (Term(0.0, morph.first.phrase),)
