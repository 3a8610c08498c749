"""What a benchmark found, as values that JSON holds: ``to_json`` and ``from_json``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
import numpy as np

from runtime.bench.limits.limits import Limits
from runtime.bench.machine import Machine
from runtime.errors import BundleError

FORMAT: Literal[1] = 1


@dataclass(frozen=True, slots=True)
class Spread:
    """Several measurements of one thing: the middle one, and what 10 and 90 % lie below."""

    median: float
    p10: float
    p90: float
    count: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Summarise at least one value."""
        p10, median, p90 = (float(x) for x in np.percentile(values, (10, 50, 90)))
        return cls(median, p10, p90, len(values))


def in_ms(spread: Spread) -> str:
    """Return times in ms in words, such as ``12.3 ms (11.0 to 14.2)``."""
    return f"{spread.median:.1f} ms ({spread.p10:.1f} to {spread.p90:.1f})"


@dataclass(frozen=True, slots=True)
class StageFigures:
    """One part of a frame. The counts are None for parts that are no graph."""

    ms: Spread
    gflop: float | None = None
    gflops: float | None = None
    """GFLOP a second"""
    bytes: float | None = None
    """what must cross the memory bus at the least"""
    limit_ms: float | None = None
    """the least time the machine could take, by its measured rates"""
    share: float | None = None
    """how much of the limit's speed is reached: ``limit_ms`` over the median"""


@dataclass(frozen=True, slots=True)
class Fill:
    """Frames nobody waits for, as films and grids are rendered."""

    batch: int
    """the engine's largest, or 1 where fewer frames than that were timed"""
    ms: Spread
    """a frame"""


@dataclass(frozen=True, slots=True)
class Denoising:
    """GFLOP of one run of the denoiser, by what they depend on."""

    text: float
    """what is computed for every frame"""
    noise: float
    """what hears no text: computed once for each seed"""
    step: float
    """what depends on the step alone, the projections of its time"""


@dataclass(frozen=True, slots=True)
class Layer:
    """All operations of a kind in one graph, in one run of it."""

    stage: str
    """``denoise`` or ``decode``"""
    operation: str
    kernel: str
    """the engine runtime's name for the code that ran"""
    count: int
    ms: float
    """the median of several runs"""
    share: float
    """of all operations of the graph, 0 to 1"""


@dataclass(frozen=True, slots=True)
class PeerFigures:
    """Another program drawing the same frames in turn with ours; or why it did not."""

    name: str
    reason: str | None = None
    """why it cannot run here; then nothing below is known"""
    ms: Spread | None = None
    ours_ms: Spread | None = None
    """our frames of the same turns"""
    ratio: Spread | None = None
    """its time over ours, turn by turn"""
    psnr: float | None = None
    """dB between its frames and ours; the worst of them"""
    open_seconds: float | None = None
    """until it was ready: loading, compiling, the first frame"""
    note: str = ""
    others: float | None = None
    """share of all cores that neither it nor ours used meanwhile, 0 to 1"""


@dataclass(frozen=True, slots=True)
class Benchmark:
    """One run. Milliseconds unless the name says otherwise."""

    format: Literal[1]
    model: str
    digest: str
    random_weights: bool
    width: int
    height: int
    steps: int
    expression: str
    engine: str
    precision: str
    device: str
    machine: Machine
    open_seconds: float
    first_frame_ms: float
    frame: Spread
    """one frame at a time, every frame a new position"""
    stages: dict[str, StageFigures]
    """``text``, ``mix``, ``denoise``, ``decode``"""
    fill: Fill
    scrub: Spread | None
    """from a key to its frame while idle time fills the cache, as in the player"""
    new_word: Spread
    """what a frame of words never met before takes"""
    peak_bytes: int
    """of a process that does nothing else, the engine cache being warm"""
    others: float | None
    """share of all cores that other programs used while ours drew alone, 0 to 1"""
    limits: Limits
    """of the engine's precision"""
    peers: tuple[PeerFigures, ...] = ()
    command: str | None = None
    """what measures the same again"""
    more_limits: tuple[Limits, ...] = ()
    """of the other precisions that a graph computes in"""
    denoising: Denoising | None = None
    """None for an engine that computes all of it for every frame"""
    layers: tuple[Layer, ...] | None = None
    """None if they were not asked for, empty if the engine does not tell"""

    @property
    def fps(self) -> float:
        """Frames a second, one at a time: by the median."""
        return 1e3 / self.frame.median

    @property
    def busiest(self) -> float | None:
        """The largest share of all cores that other programs used during a part; None: unknown."""
        known = (self.others, *(peer.others for peer in self.peers))
        return max((share for share in known if share is not None), default=None)

    def to_json(self) -> str:
        """Return everything as text that ``from_json`` reads."""
        return indented(self)


def indented(value: Any) -> str:
    """Return a value of dataclasses as JSON for people: indented, its last line ended."""
    return msgspec.json.format(msgspec.json.encode(value), indent=1).decode() + "\n"


def from_json(text: str) -> Benchmark:
    """Read what ``to_json`` wrote; what older figures lack is as if it had not been measured.

    Raises:
        BundleError: text of another kind, or of another version.
    """
    try:
        return msgspec.json.decode(text, type=Benchmark)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise BundleError(f"these are no benchmark figures of this version ({error})") from None
