"""How fast the picture changes over the plane of two axes, sampled where it changes.

The unit square of (t, u) is cut into cells. Each corner is a frame, each side of a cell the
distance of its two frames. A cell whose sides hold visible change is cut in four, the one with
the greatest first, so that frames go where the picture moves. The frames come from outside, a
round at a time: in batches, or from other machines.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np
from numpy.typing import NDArray

from runtime.errors import RequestError
from runtime.perception.distance import VISIBLE, Descriptor, Floats, describe_frame, distance
from runtime.perception.storms.storms import thresholds
from runtime.request import Frame, Pixels, RenderMany, Request

Point = tuple[float, float]
"""(t, u)"""
_Node = tuple[int, int]
"""(t, u) in units of 1/SIDE"""
_Square = tuple[int, int, int]
"""t, u and size of a cell, likewise"""

SIDE = 64
"""The finest cells are 1/64 wide."""
LEAST, MOST = 9, 4096
"""Frames of a map."""
COARSEST, COARSE = 2, 8
"""Cells along each side at first, and before the picture decides which are cut; between them all
are cut in four, so that there is a map soon however slow the frames are."""
_TELLING = 16
TOO_FEW = "too few to tell a storm"
"""said of fewer cells than ``_TELLING``: half of them tell what is calm here"""
_RESOLVED = 3 * VISIBLE
"""A cell is not cut further when no side of it changes more than this."""
_ROUND = 24
_KEPT = 96


@dataclass(frozen=True, slots=True)
class Cell:
    """A square [t, t + size] × [u, u + size] and the speed of change along both axes in it."""

    t: float
    u: float
    size: float
    along_t: float
    """visible change per unit of t"""
    along_u: float
    """visible change per unit of u"""
    along_both: float
    """how far the two add up (> 0) or cancel (< 0) when both move: the third number of the metric,
    ``along(dt, du)² = (along_t·dt)² + 2·along_both·dt·du + (along_u·du)²``"""

    @property
    def steepest(self) -> float:
        """The visible change per unit of way in the direction in which it is greatest."""
        a, b, c = self.along_t**2, self.along_both, self.along_u**2
        return math.sqrt((a + c) / 2 + math.hypot((a - c) / 2, b))


@dataclass(frozen=True, eq=False)
class PlaneMap:
    """The plane as far as it was sampled: cells that tile it, and the places of the frames."""

    cells: tuple[Cell, ...]
    places: tuple[Point, ...]

    @property
    def along_t(self) -> Floats:
        """[SIDE, SIDE] visible change per unit of t; row by u, column by t, both ascending."""
        return _painted(self.cells, lambda cell: cell.along_t)

    @property
    def along_u(self) -> Floats:
        """[SIDE, SIDE] visible change per unit of u."""
        return _painted(self.cells, lambda cell: cell.along_u)

    @property
    def along_both(self) -> Floats:
        """[SIDE, SIDE] how far both add up."""
        return _painted(self.cells, lambda cell: cell.along_both)

    @property
    def speed(self) -> Floats:
        """[SIDE, SIDE] visible change per unit of way in the steepest direction."""
        return _painted(self.cells, lambda cell: cell.steepest)

    @property
    def tells_storms(self) -> bool:
        """Whether it has enough cells for half of them to tell what is calm here."""
        return len(self.cells) >= _TELLING

    @property
    def steepest(self) -> Cell:
        """The cell in which the picture changes fastest."""
        return max(self.cells, key=lambda cell: cell.steepest)


class PlaneMesh:
    """Cells over a plane, cut where it changes.

    Give the frames ``wanted(most)`` to ``take``, until nothing is wanted.
    """

    def __init__(self, request: Request, frames: int) -> None:
        """Cut the plane around ``request``'s expression with at most ``frames`` frames.

        Raises:
            RequestError: a count of frames that makes no map.
        """
        if not LEAST <= frames <= MOST:
            raise RequestError(f"{frames} frames make no map: use {LEAST} to {MOST}")
        self.frames = frames
        self._request = request
        spacing = SIDE // COARSEST
        self._cells = [
            (t, u, spacing) for u in range(0, SIDE, spacing) for t in range(0, SIDE, spacing)
        ]
        self._cut_next: list[_Square] = []
        self._pixels: dict[_Node, Pixels] = {}
        self._descriptor = lru_cache(_KEPT)(partial(_described, self._pixels))
        """describes a frame; pixels are kept, a fifth of the size, and few descriptors"""
        self._sides: dict[tuple[_Node, _Node], float] = {}
        self._wanted = [
            (t, u) for u in range(0, SIDE + 1, spacing) for t in range(0, SIDE + 1, spacing)
        ]

    @property
    def done(self) -> int:
        """How many frames were taken."""
        return len(self._pixels)

    @property
    def is_mapped(self) -> bool:
        """Whether enough was taken for a map."""
        return self.done >= LEAST

    def wanted(self) -> tuple[Request, ...]:
        """Return the frames of the next round; empty when the map is as good as it gets."""
        if not self._wanted:
            self._cut()
        return tuple(self._request.at(t / SIDE, u / SIDE) for t, u in self._wanted)

    def take(self, frames: Iterable[Frame]) -> None:
        """Take what was ``wanted``, all or only some of it."""
        for frame in frames:
            node = round(frame.request.t * SIDE), round(frame.request.u * SIDE)
            self._pixels[node] = frame.pixels
        self._wanted = [node for node in self._wanted if node not in self._pixels]
        if not self._wanted:
            self._split()

    def pixels(self, place: Point) -> Pixels:
        """Return the frame nearest to a place, of those that were taken."""
        t, u = place[0] * SIDE, place[1] * SIDE
        return self._pixels[min(self._pixels, key=lambda n: (n[0] - t) ** 2 + (n[1] - u) ** 2)]

    def map(self) -> PlaneMap:
        """Return the plane as far as it is known.

        Raises:
            ValueError: the first round was not taken yet.
        """
        cells = [self._cell(*cell) for cell in self._cells]
        places = tuple((t / SIDE, u / SIDE) for t, u in self._pixels)
        return PlaneMap(tuple(cells), places)

    def _cell(self, t: int, u: int, size: int) -> Cell:
        unit = size / SIDE
        south, north, west, east = self._edges(t, u, size)
        rising = self._apart((t, u), (t + size, u + size))
        falling = self._apart((t, u + size), (t + size, u))
        both = (rising**2 - falling**2) / (4 * unit**2)
        along_t, along_u = (south + north) / (2 * unit), (west + east) / (2 * unit)
        most = along_t * along_u  # beyond it a direction would change less than nothing
        return Cell(t / SIDE, u / SIDE, unit, along_t, along_u, float(np.clip(both, -most, most)))

    def _cut(self) -> None:
        """Cut the cells that change most and want the frames at their new corners."""
        along = SIDE // max(size for *_, size in self._cells)
        if along < COARSE and len(self._cells) == along**2 and (2 * along + 1) ** 2 <= self.frames:
            cut = list(self._cells)
            self._wanted = list(dict.fromkeys(node for cell in cut for node in self._fresh(cell)))
            self._cut_next = cut
            return
        room = self.frames - len(self._pixels)
        scores = {cell: max(self._edges(*cell)) for cell in self._cells if cell[2] > 1}
        wanted: dict[_Node, None] = {}
        cut = []
        for cell in sorted(scores, key=lambda cell: -scores[cell]):
            if scores[cell] <= _RESOLVED or len(wanted) >= _ROUND:
                break
            fresh = [node for node in self._fresh(cell) if node not in wanted]
            if len(wanted) + len(fresh) > room:
                break
            wanted |= dict.fromkeys(fresh)
            cut.append(cell)
        self._wanted, self._cut_next = list(wanted), cut
        if cut and not wanted:  # all its corners are there already
            self._split()
            self._cut()

    def _fresh(self, cell: _Square) -> list[_Node]:
        """Return the corners that cutting a cell makes, without those that are there."""
        t, u, size = cell
        half = size // 2
        corners = (
            (t + half, u + half),
            (t + half, u),
            (t + half, u + size),
            (t, u + half),
            (t + size, u + half),
        )
        return [node for node in corners if node not in self._pixels]

    def _split(self) -> None:
        """Replace the cells that were cut, now that all their corners are known."""
        for t, u, size in self._cut_next:
            half = size // 2
            self._cells.remove((t, u, size))
            self._cells += [(t + a, u + b, half) for a in (0, half) for b in (0, half)]
        self._cut_next = []

    def _edges(self, t: int, u: int, size: int) -> tuple[float, float, float, float]:
        """Return the distances along the sides of a cell: south, north (t), west, east (u)."""
        a, b, c, d = (t, u), (t + size, u), (t, u + size), (t + size, u + size)
        return self._apart(a, b), self._apart(c, d), self._apart(a, c), self._apart(b, d)

    def _apart(self, a: _Node, b: _Node) -> float:
        known = self._sides.get((a, b))
        if known is None:
            known = self._sides[a, b] = distance(self._descriptor(a), self._descriptor(b))
        return known


def _described(pixels: dict[_Node, Pixels], node: _Node) -> Descriptor:
    if node not in pixels:
        raise ValueError("the frames of this map were not all taken")
    return describe_frame(pixels[node])


def sample(
    mesh: PlaneMesh,
    render: RenderMany,
    go_on: Callable[[], bool] = lambda: True,
    tell: Callable[[int], None] = lambda frames: None,
) -> PlaneMap:
    """Render what a mesh wants while ``go_on()``, which is asked after each frame; ``tell``
    hears how many there are.

    The first ``LEAST`` are always rendered: without them there is no map.
    """
    while wanted := mesh.wanted():
        for frame in render(wanted):
            mesh.take([frame])
            tell(mesh.done)
            if mesh.is_mapped and not go_on():
                return mesh.map()
    return mesh.map()


def storms_on(speed: Floats) -> tuple[NDArray[np.bool_], float]:
    """Return where a field [n, n] storms, and the speed around its storms.

    The rule of ``storms.find_storms``, over the area: fast is judged by the slower half of it; a
    storm is a patch above the middle between calm and fast with something fast in it.
    """
    calm, fast = thresholds(speed.ravel())
    rising = (calm + fast) / 2
    storm = speed > fast
    brisk = speed > rising
    while True:  # grow the fast places over the brisk ones around them
        grown = storm.copy()
        grown[1:] |= storm[:-1]
        grown[:-1] |= storm[1:]
        grown[:, 1:] |= storm[:, :-1]
        grown[:, :-1] |= storm[:, 1:]
        grown &= brisk
        grown |= storm
        if (grown == storm).all():
            return storm, rising
        storm = grown


def _painted(cells: Iterable[Cell], value: Callable[[Cell], float]) -> Floats:
    field = np.zeros((SIDE, SIDE))
    for cell in cells:
        t, u, size = (round(x * SIDE) for x in (cell.t, cell.u, cell.size))
        field[u : u + size, t : t + size] = value(cell)
    return field
