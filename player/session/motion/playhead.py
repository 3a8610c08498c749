"""Where we are on the two axes and how we move: pure values, no window."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from runtime.language.line import DIVISIONS, TICKS
from runtime.request import Request

FINE = TICKS // DIVISIONS
"""Ticks in a division. Ctrl divides a division by this, Shift multiplies it."""
RATE = 20.0
"""Divisions a second when playing at speed 1, and the frame rate of films and recordings."""
HELD_SPEED = 40.0
"""Divisions a second while an arrow key is held."""
SPEEDS = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)

Loop = Literal["bounce", "wrap", "once"]
"""What playing does at an end: turn round, begin anew, or stop."""

TickPoint = tuple[int, int]
"""A position in ticks on both axes."""


@dataclass(frozen=True, eq=False)
class Warp:
    """Perceptual time: ``cumulative`` [n], the share of all change seen by t = i/(n-1).

    It rises strictly from 0 to 1, so it can be inverted.
    """

    cumulative: NDArray[np.float64]

    @classmethod
    def of_distances(cls, distances: NDArray[np.float64]) -> Warp:
        """Make perceptual time from the distances [n-1] between consecutive frames.

        A hundredth of real time is mixed in, so that stretches without any change still pass.
        """
        total = float(distances.sum())
        count = len(distances)
        share = distances / total if total > 0 else np.full(count, 1 / count)
        share = 0.99 * share + 0.01 / count
        cumulative = np.concatenate([[0.0], np.cumsum(share)])
        return cls(cumulative / cumulative[-1])

    def seen(self, t: float) -> float:
        """Return the share of all change seen by ``t``."""
        return float(np.interp(t, np.linspace(0, 1, len(self.cumulative)), self.cumulative))

    def time(self, seen: float) -> float:
        """Return the t at which that share has been seen."""
        return float(np.interp(seen, self.cumulative, np.linspace(0, 1, len(self.cumulative))))

    def steep(self, t: float) -> bool:
        """Tell whether more than the average happens around ``t``."""
        count = len(self.cumulative) - 1
        index = min(int(t * count), count - 1)
        return float(self.cumulative[index + 1] - self.cumulative[index]) * count > 1.0


@dataclass(frozen=True, slots=True)
class Playhead:
    """A position, how it moves, and two marks.

    ``x`` and ``y`` count ticks along t and u; they are whole after a move or a seek, and may be
    fractions while moving. ``grain`` is what the shown position is rounded to: whole divisions
    while moving on or playing, so that a second pass meets the cached frames, single ticks after a
    fine move. 0 is for a position between two ticks where something was opened: until the playhead
    moves, it stands for exactly that.
    """

    x: float = 0.0
    y: float = TICKS / 2
    grain: int = 1
    playing: bool = False
    direction: int = 1
    speed: float = 1.0
    mark_a: TickPoint | None = None
    mark_b: TickPoint | None = None
    loop: Loop = "bounce"
    between: bool = False
    """whether playing stays between the marks, where both are set"""
    warp: Warp | None = field(default=None, compare=False)

    def rest_at(self, t: float, u: float) -> Playhead:
        """Return the same playhead resting at the tick nearest to (t, u), in raw time; ``grain``
        says whether that is exactly there.
        """
        x, y = round(t * TICKS), round(u * TICKS)
        grain = int((x / TICKS, y / TICKS) == (t, u))
        return replace(self, x=float(x), y=float(y), grain=grain, warp=None)

    @property
    def point(self) -> TickPoint:
        """The shown position in whole ticks."""
        grain = self.grain or 1
        if self.warp is not None and self.warp.steep(self.x / TICKS):
            grain = 1
        return _snap(self.x, grain), _snap(self.y, self.grain or 1)

    @property
    def t(self) -> float:
        """The shown position along the morph, 0 to 1."""
        return self.point[0] / TICKS

    @property
    def u(self) -> float:
        """The shown position along the second axis, 0 to 1."""
        return self.point[1] / TICKS

    def request(self, base: Request) -> Request:
        """Return ``base`` at the shown position on both axes."""
        return base.at(self.t, self.u)

    def at_rest(self) -> Playhead:
        """Rest exactly where the shown position is."""
        x, y = self.point
        return replace(self, x=float(x), y=float(y), grain=1)

    def move(self, dx: int = 0, dy: int = 0) -> Playhead:
        """Stop playing and move by ticks, staying on the axes."""
        rest = replace(self.at_rest(), playing=False)
        x = float(_snap(rest._moved(rest.x, dx), 1))
        if x == rest.x and dx:  # in perceptual time, a move inside a storm is less than a tick
            x = _clamp(x + (1 if dx > 0 else -1))
        return replace(rest, x=x, y=_clamp(rest.y + dy), direction=rest._facing(dx))

    def seek(self, t: float | None = None, u: float | None = None) -> Playhead:
        """Jump to the division nearest to ``t`` and ``u``; None keeps that axis."""
        rest = self.at_rest()
        x = rest.x if t is None else float(_snap(t * TICKS, FINE))
        y = rest.y if u is None else float(_snap(u * TICKS, FINE))
        return replace(rest, x=x, y=y, direction=rest._facing(x - rest.x))

    def move_on(self, dt: float, vx: float = 0.0, vy: float = 0.0) -> Playhead:
        """Move for ``dt`` seconds at ``vx`` and ``vy`` ticks a second, stopping at the ends."""
        grain = FINE if max(abs(vx), abs(vy)) >= FINE * RATE else 1
        return replace(
            self,
            x=self._moved(self.x, vx * dt),
            y=_clamp(self.y + vy * dt),
            grain=grain,
            playing=False,
            direction=self._facing(vx),
        )

    def play(self, dt: float, *, pad: bool = True) -> Playhead:
        """Move for ``dt`` seconds at the playing speed; ``loop`` says what happens at an end.

        Without ``pad`` there is one axis, and marks that differ in u alone are one place.
        """
        if not self.playing:
            return self
        here, low, high = self._along(pad)
        span = high - low
        gone = min(max(here, low), high) - low
        way = RATE * FINE * self.speed * dt
        if self.loop == "bounce":
            travelled = ((gone if self.direction > 0 else 2 * span - gone) + way) % (2 * span)
            forward = travelled < span
            gone = travelled if forward else 2 * span - travelled
            moved = replace(self, direction=1 if forward else -1)
        else:
            gone += self.direction * way
            over = not 0 <= gone <= span
            moved = replace(self, playing=not (over and self.loop == "once"))
            if over:
                gone = gone % span if self.loop == "wrap" else min(max(gone, 0.0), span)
        return replace(moved._placed(low + gone, pad), grain=FINE)

    def toggle(self, *, pad: bool = True) -> Playhead:
        """Play or pause; from an end, play away from it, or begin anew where that is the loop."""
        if self.playing:
            return replace(self.at_rest(), playing=False)
        here, low, high = self._along(pad)
        direction = self.direction
        if self.loop == "bounce":
            direction = 1 if here <= low else -1 if here >= high else direction
        elif direction > 0 and here >= high:
            return replace(self._placed(low, pad), playing=True)
        elif direction < 0 and here <= low:
            return replace(self._placed(high, pad), playing=True)
        return replace(self, playing=True, direction=direction)

    def next_loop(self) -> Playhead:
        """Take the next kind of loop, forwards in all but the first."""
        kinds = get_args(Loop)
        kind = kinds[(kinds.index(self.loop) + 1) % len(kinds)]
        return replace(self, loop=kind, direction=self.direction if kind == "bounce" else 1)

    def faster(self, change: int) -> Playhead:
        """Go ``change`` places up or down the list of speeds."""
        place = SPEEDS.index(self.speed) + change
        return replace(self, speed=SPEEDS[min(max(place, 0), len(SPEEDS) - 1)])

    def mark(self, name: str) -> Playhead:
        """Set mark ``a`` or ``b`` here."""
        if name == "a":
            return replace(self, mark_a=self.point)
        return replace(self, mark_b=self.point)

    def flip(self) -> Playhead:
        """Jump to mark A, or from mark A to mark B; stay if there is none."""
        target = self.mark_b if self.point == self.mark_a else self.mark_a or self.mark_b
        if target is None:
            return self
        return self.jump(target)

    def jump(self, target: TickPoint) -> Playhead:
        """Rest at a position."""
        rest = replace(self.at_rest(), playing=False)
        return replace(rest, x=float(target[0]), y=float(target[1]))

    def _way(self, pad: bool) -> tuple[tuple[float, float], tuple[float, float]]:
        """Return the ends (x, y) of what is played: the marks where that is wanted and they lie
        apart, else those of the line.
        """
        if self.between and self.mark_a is not None and self.mark_b is not None:
            (x, y), (last_x, last_y) = sorted((self.mark_a, self.mark_b))
            if x != last_x or (pad and y != last_y):
                return (x, y if pad else self.y), (last_x, last_y if pad else self.y)
        return (0.0, self.y), (float(TICKS), self.y)

    def _along(self, pad: bool) -> tuple[float, float, float]:
        """Return where on the way we are and its two ends, in ticks of u where u alone changes on
        it, else in ticks of time as it is moved in.
        """
        (x, y), (last_x, last_y) = self._way(pad)
        if x == last_x:
            return self.y, y, last_y
        return self._seen(self.x), self._seen(x), self._seen(last_x)

    def _placed(self, place: float, pad: bool) -> Playhead:
        """Return the same playhead at a place of the way, counted as ``_along`` does."""
        (x, y), (last_x, last_y) = self._way(pad)
        if x == last_x:
            return replace(self, x=float(x), y=place)
        here = self._unseen(place)
        if y == last_y:  # marks of one u leave u to whoever moves it
            return replace(self, x=here)
        return replace(self, x=here, y=y + (last_y - y) * (here - x) / (last_x - x))

    def _moved(self, x: float, dx: float) -> float:
        if not dx:
            return x
        return self._unseen(_clamp(self._seen(x) + dx))

    def _seen(self, x: float) -> float:
        return x if self.warp is None else self.warp.seen(x / TICKS) * TICKS

    def _unseen(self, s: float) -> float:
        return s if self.warp is None else self.warp.time(s / TICKS) * TICKS

    def _facing(self, dx: float) -> int:
        return self.direction if dx == 0 else 1 if dx > 0 else -1


def _clamp(value: float) -> float:
    return min(max(value, 0.0), float(TICKS))


def _snap(value: float, grain: int) -> int:
    return int(_clamp(round(value / grain) * grain))
