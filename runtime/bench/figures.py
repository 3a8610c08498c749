"""What a benchmark found, as values that JSON holds: ``to_json`` and ``from_json``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from runtime.bench.limits import Limits
from runtime.bench.machine import Machine
from runtime.errors import BundleError

FORMAT = 1


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


@dataclass(frozen=True, slots=True)
class Stage:
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
    """Frames nobody waits for, in the engine's largest batch, as films and grids are rendered."""

    batch: int
    ms: Spread
    """a frame"""


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


@dataclass(frozen=True, slots=True)
class Benchmark:
    """One run. Milliseconds unless the name says otherwise."""

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
    stages: dict[str, Stage]
    """``text``, ``mix``, ``denoise``, ``decode``"""
    fill: Fill
    scrub: Spread | None
    """from a key to its frame while idle time fills the cache, as in the player"""
    new_word: Spread
    """what a frame of words never met before takes"""
    peak_bytes: int
    """of a process that does nothing else, the engine cache being warm"""
    others: float | None
    """share of all cores that other programs used meanwhile, 0 to 1"""
    limits: Limits
    peers: tuple[PeerFigures, ...] = ()

    @property
    def fps(self) -> float:
        """Frames a second, one at a time: by the median."""
        return 1e3 / self.frame.median

    def to_json(self) -> str:
        """Return everything as text that ``from_json`` reads."""
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=1) + "\n"


def from_json(text: str) -> Benchmark:
    """Read what ``to_json`` wrote.

    Raises:
        BundleError: text of another kind, or of another version.
    """
    try:
        raw = json.loads(text)
        if raw.pop("format") != FORMAT:
            raise BundleError("benchmark figures of another version: measure again")
        machine = raw["machine"]
        fill = raw["fill"]
        return Benchmark(
            **{
                **raw,
                "machine": Machine(**{**machine, "features": tuple(machine["features"])}),
                "frame": Spread(**raw["frame"]),
                "stages": {name: _stage(stage) for name, stage in raw["stages"].items()},
                "fill": Fill(fill["batch"], Spread(**fill["ms"])),
                "scrub": _spread(raw["scrub"]),
                "new_word": Spread(**raw["new_word"]),
                "limits": Limits(**raw["limits"]),
                "peers": tuple(_peer(peer) for peer in raw["peers"]),
            }
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BundleError(f"these are no benchmark figures ({error!r})") from None


def _spread(raw: Mapping[str, Any] | None) -> Spread | None:
    return None if raw is None else Spread(**raw)


def _stage(raw: Mapping[str, Any]) -> Stage:
    return Stage(**{**raw, "ms": Spread(**raw["ms"])})


def _peer(raw: Mapping[str, Any]) -> PeerFigures:
    spreads = {name: _spread(raw[name]) for name in ("ms", "ours_ms", "ratio")}
    return PeerFigures(**{**raw, **spreads})
