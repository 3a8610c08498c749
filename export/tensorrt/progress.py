"""How far a TensorRT build is: its phases and the clock as one bar with the time left."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Self

from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)

HEAVY = {"Building engine from subgraph": 0.9, "Computing profile costs": 0.9}
"""Phases that take most of their parent's time, and how much of it; the rest share evenly."""


class PhaseTree:
    """The nested phases that ``IProgressMonitor`` reports, as one number."""

    def __init__(self) -> None:
        """Start with nothing known."""
        self._size: dict[str, int] = {}
        self._done: dict[str, int] = {}
        self._parent: dict[str, str | None] = {}
        self._finished: dict[str, float] = {}
        self._furthest = 0.0

    def start(self, phase: str, parent: str | None, size: int) -> None:
        """A phase of ``size`` parts begins inside ``parent``, or is the root."""
        self._size[phase] = max(1, size)
        self._done[phase] = 0
        self._parent[phase] = parent
        self._finished[phase] = 0.0

    def advance(self, phase: str, part: int) -> None:
        """Part number ``part`` (from 0) of a phase is complete."""
        if phase in self._done:
            self._done[phase] = min(self._size[phase], max(self._done[phase], part + 1))

    def finish(self, phase: str) -> None:
        """A phase ends, with or without all its parts."""
        if phase not in self._parent:
            return
        parent = self._parent.pop(phase)
        if parent is None:
            self._furthest = 1.0
        elif parent in self._finished:
            self._finished[parent] += HEAVY.get(phase, 0.0)
        for table in (self._size, self._done, self._finished):
            table.pop(phase, None)

    @property
    def current(self) -> str:
        """The innermost phase that runs, or an empty text."""
        return next(reversed(self._parent), "")

    @property
    def fraction(self) -> float:
        """How much is done, 0 to 1; never less than it was."""
        for root in (name for name, parent in self._parent.items() if parent is None):
            self._furthest = max(self._furthest, self._share(root))
        return self._furthest

    def _share(self, phase: str) -> float:
        children = [name for name, parent in self._parent.items() if parent == phase]
        heavy = [name for name in children if name in HEAVY]
        share = self._done[phase] / self._size[phase]
        if heavy or self._finished[phase]:
            weight = min(1.0, self._finished[phase] + sum(HEAVY[name] for name in heavy))
            running = sum(HEAVY[name] * self._share(name) for name in heavy)
            return min(1.0, self._finished[phase] + running + (1.0 - weight) * share)
        # Before the long phase of the whole build begins, the short ones count for little.
        return share * (0.1 if self._parent[phase] is None else 1.0)


class Estimate:
    """How much of several builds is done, from what each should take and what its phases say."""

    def __init__(
        self, expected: Mapping[str, float], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """``expected`` maps each engine's name to a guess in seconds."""
        self._expected = {name: max(0.1, seconds) for name, seconds in expected.items()}
        self._clock = clock
        self._past: set[str] = set()
        self._name = ""
        self._started = 0.0
        self._phase = 0.0
        self._shown = 0.0

    def update(self, name: str, phases: float) -> None:
        """Engine ``name`` is done by ``phases`` (0 to 1), as its phases tell."""
        if name != self._name:
            self._name, self._started = name, self._clock()
        self._phase = phases
        if phases >= 1.0:
            self._past.add(name)

    def left(self) -> float:
        """Seconds that are left for all engines."""
        begun = (self._name, *self._past)
        waiting = sum(s for name, s in self._expected.items() if name not in begun)
        return waiting + max(0.0, self._current_total() - self._elapsed())

    def fraction(self) -> float:
        """How much of all engines is done, 0 to 1; never less than it was."""
        total = sum(self._expected.values())
        done = sum(self._expected[name] for name in self._past)
        if self._name and self._name not in self._past:
            share = min(0.98, self._elapsed() / self._current_total())
            done += self._expected[self._name] * share
        self._shown = max(self._shown, min(1.0, done / total))
        return self._shown

    def _elapsed(self) -> float:
        running = self._name and self._name not in self._past
        return self._clock() - self._started if running else 0.0

    def _current_total(self) -> float:
        """The guess gives way to what the phases say as they proceed."""
        if not self._name or self._name in self._past:
            return 0.0
        guess, elapsed = self._expected[self._name], self._elapsed()
        measured = elapsed / self._phase if self._phase > 0.01 else guess
        return max((1 - self._phase) * guess + self._phase * measured, elapsed / 0.98, 1e-6)


class BuildBar:
    """A bar over several engines, with the running phase and the time left."""

    def __init__(self, expected: Mapping[str, float], console: Console | None = None) -> None:
        """``expected`` maps each engine's name to a guess in seconds."""
        self._estimate = Estimate(expected)
        self._bar = _Ticking(self._tick, console or Console(stderr=True))
        self._task = self._bar.add_task("", total=1.0, left="")

    def show(self, name: str, phases: float, phase: str = "") -> None:
        """Engine ``name`` is done by ``phases`` (0 to 1)."""
        self._estimate.update(name, phases)
        text = f"{name}: {phase}" if phase else name
        self._bar.update(self._task, description=text[:40])

    def say(self, text: str) -> None:
        """Print a line above the bar."""
        self._bar.console.print(text, highlight=False, markup=False, soft_wrap=True)

    def _tick(self) -> None:
        seconds = round(self._estimate.left())
        left = f"{seconds // 60}:{seconds % 60:02} left"
        self._bar.update(self._task, completed=self._estimate.fraction(), left=left)

    def __enter__(self) -> Self:  # noqa: D105
        self._bar.start()
        return self

    def __exit__(self, *raised: object) -> None:  # noqa: D105
        self._bar.stop()


class _Ticking(Progress):
    """Calls ``tick`` before every refresh, so that the bar moves with the clock."""

    def __init__(self, tick: Callable[[], None], console: Console) -> None:
        self._before = tick
        self._ready = False
        super().__init__(
            TextColumn("{task.description:<40}"),
            BarColumn(),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"),
            console=console,
        )
        self._ready = True

    def get_renderables(self) -> Iterable[RenderableType]:
        if self._ready and self.tasks:
            self._before()
        yield from super().get_renderables()
