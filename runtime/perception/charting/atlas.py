"""What is known of the way between two words, and what many such ways say of the words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from runtime.language.line import Line
from runtime.perception.distance import (
    Descriptor,
    Floats,
    describe_frame,
    distance,
    path,
    smoothness,
    storm_share,
)
from runtime.perception.storms.storms import find_storms
from runtime.perception.storms.survey import survey
from runtime.request import Frame, Request

FramesOf = Callable[[Sequence[Request]], Iterator[Frame]]

RULER = 1
"""Counted up when the distance or the rules of storms change: old measurements are others then."""
LEAST_FRAMES = 11
"""Fewer pictures leave the rules of storms nothing to compare."""


@dataclass(frozen=True, slots=True)
class LineJob:
    """A line to measure from end to end with ``frames`` evenly spaced pictures."""

    line: Line
    frames: int


@dataclass(frozen=True, slots=True)
class Measurement:
    """What was found along one line with one seed; places are t in [0, 1]."""

    path: float
    """total visible change, in the unit of ``distance``, without noise"""
    straight: float
    """the distance of the two ends: at most the path, but for noise"""
    smoothness: float
    storm_share: float
    """of the path, in the worst 5 % of intervals"""
    storms: tuple[tuple[float, float, float], ...]
    """from, to, and the change inside"""
    jumps: tuple[tuple[float, float], ...]
    """where, and how much"""
    flickers: tuple[tuple[float, float], ...]
    """where, and how much"""

    @property
    def stormy(self) -> float:
        """The share of the path, in [0, 1], that lies in storms and jumps."""
        alone = (
            size
            for at, size in self.jumps
            if not any(start <= at <= end for start, end, _ in self.storms)
        )  # a storm's change holds that of the jumps in it
        rough = sum(change for *_, change in self.storms) + sum(alone)
        return min(1.0, rough / self.path) if self.path else 0.0


def measure_line(frames_of: FramesOf, job: LineJob) -> Measurement:
    """Measure a line with whatever renders requests in order, as ``Pipeline.frames`` does.

    Frames are looked at one by one and forgotten; bisecting intervals that may be jumps takes up to
    108 more.

    Raises:
        MorphError: a frame cannot be rendered.
    """
    places = [i / (job.frames - 1) for i in range(job.frames)]
    ends: list[Descriptor] = []

    def descriptors() -> Iterator[Descriptor]:
        last = None
        for frame in frames_of([job.line.at(place) for place in places]):
            last = describe_frame(frame.pixels)
            if not ends:
                ends.append(last)
            yield last
        if last is not None:
            ends.append(last)

    def descriptor_at(place: float) -> Descriptor:
        (frame,) = frames_of([job.line.at(place)])
        return describe_frame(frame.pixels)

    film = survey(places, descriptors())
    turns = tuple(place for place, _ in job.line.stations)
    found = find_storms(film, descriptor_at, turns)
    distances = film.change.distances
    return Measurement(
        path=path(distances),
        straight=distance(*ends),
        smoothness=smoothness(distances),
        storm_share=storm_share(distances),
        storms=tuple((z.start, z.end, z.path) for z in found.zones if z.kind == "storm"),
        jumps=tuple((jump.t, jump.size) for jump in found.jumps),
        flickers=tuple((flicker.start, flicker.size) for flicker in found.flickers),
    )


@dataclass(frozen=True, slots=True)
class WordPair:
    """All that is known of the way between two words: a measurement for each seed."""

    words: tuple[str, str]
    found: tuple[Measurement, ...]

    @property
    def path(self) -> float:
        """Mean over the seeds."""
        return fmean(one.path for one in self.found)

    @property
    def spread(self) -> float:
        """Standard deviation of the path over all seeds, as far as these tell; 0 for one."""
        paths = [one.path for one in self.found]
        return stdev(paths) if len(paths) > 1 else 0.0

    @property
    def stormy(self) -> float:
        """Share of the path in storms and jumps, mean over the seeds."""
        return fmean(one.stormy for one in self.found)

    @property
    def smoothness(self) -> float:
        """Mean over the seeds."""
        return fmean(one.smoothness for one in self.found)

    @property
    def storms(self) -> int:
        """How many seeds meet a storm."""
        return sum(bool(one.storms) for one in self.found)

    @property
    def jumps(self) -> int:
        """How many seeds meet a jump."""
        return sum(bool(one.jumps) for one in self.found)

    @property
    def flickers(self) -> int:
        """How many seeds meet a flicker."""
        return sum(bool(one.flickers) for one in self.found)

    @property
    def is_calm(self) -> bool:
        """Whether no seed met a storm, a jump or a flicker."""
        return not (self.storms or self.jumps or self.flickers)


@dataclass(frozen=True, eq=False)
class Atlas:
    """Words, the ways between them, and where that puts the words."""

    words: tuple[str, ...]
    ways: tuple[WordPair, ...]
    paths: Floats
    """[N, N] mean path lengths, symmetric, 0 on the diagonal"""
    order: tuple[int, ...]
    """the words so that alike ones are neighbours"""
    places: Floats
    """[N, 2] in the plane, in the unit of the paths, around 0"""
    stress: float
    """how much the plane bends the paths: Kruskal's stress-1, 0 for not at all"""

    def near(self, word: str) -> list[tuple[str, WordPair]]:
        """Return the other words: those by calm water first, each kind by length of the way."""
        reached = [
            (way.words[1 - way.words.index(word)], way) for way in self.ways if word in way.words
        ]
        return sorted(reached, key=lambda one: (not one[1].is_calm, one[1].path))
