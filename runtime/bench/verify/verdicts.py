"""What ``wordmorph verify`` found, as values that JSON holds: ``to_json`` and ``from_json``."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from runtime.bench.figures import Spread, indented
from runtime.bench.machine import GraphicsCard, Machine
from runtime.errors import BundleError

FORMAT: Literal[1] = 1
Word = Literal["alike", "coarse", "differs", "failed", "unusable"]
"""``coarse``: the same picture, below what a precision should reach. ``failed``: it could not be
built, opened or run although it is installed. ``unusable``: it is not to be had here."""
BAD: tuple[Word, ...] = ("differs", "failed")

_FOLDERS = re.compile(r"(?<![\w.:/\\])(?:[A-Za-z]:)?[/\\](?:[^\s/\\'\":;,()]+[/\\])+")


@dataclass(frozen=True, slots=True)
class Bounds:
    """PSNRs, in dB, that a frame is judged by."""

    enough: float
    """what a frame in bf16 or f16 should reach, and one in f32 must"""
    least: float
    """what a frame in bf16 or f16 must reach: below, another picture is drawn"""


@dataclass(frozen=True, slots=True)
class Likeness:
    """How like one frame is to f32 on the CPU."""

    what: str
    psnr: float
    """dB, 99 for equal pictures"""
    levels: int
    """the largest difference of a colour value, of 255"""


@dataclass(frozen=True, slots=True)
class Speed:
    """How fast an engine is. Milliseconds unless the name says otherwise."""

    open_seconds: float
    first_frame_ms: float
    frame: Spread
    """one at a time, every frame a new position"""
    batch: int
    batched: Spread
    """a frame, when as many as ``batch`` are drawn at once"""
    new_word: Spread
    scrub: Spread | None
    """from a key to its frame, while idle time fills the cache as in the player"""
    peak_bytes: int
    """the most memory that the engine's process held"""
    gpu_bytes: int | None
    """how much more of the GPU's memory was taken at the end than before opening"""
    others: float | None
    """share of all cores that other programs used meanwhile, 0 to 1"""

    @property
    def fps(self) -> float:
        """Frames a second, one at a time: by the median."""
        return 1e3 / self.frame.median


@dataclass(frozen=True, slots=True)
class Verdict:
    """One engine runtime."""

    backend: str
    word: Word
    reason: str | None = None
    """why it is not ``alike``"""
    precision: str | None = None
    device: str | None = None
    built_seconds: float | None = None
    """what building its engines took, next to nothing where they were there"""
    frames: tuple[Likeness, ...] = ()
    speed: Speed | None = None

    @property
    def worst(self) -> Likeness | None:
        """The frame that is least like f32 on the CPU."""
        return min(self.frames, key=lambda frame: frame.psnr, default=None)


@dataclass(frozen=True, slots=True)
class Report:
    """One machine and one model."""

    format: Literal[1]
    date: str
    """YYYY-MM-DD, in UTC"""
    model: str
    digest: str
    width: int
    height: int
    steps: int
    """the step count that the speeds are of"""
    graphs: str
    """the precision that the bundle was built in"""
    machine: Machine
    card: GraphicsCard | None
    bounds: Bounds
    verdicts: tuple[Verdict, ...]

    @property
    def passed(self) -> bool:
        """Whether an engine runtime works here, and none draws wrongly or fails."""
        words = [verdict.word for verdict in self.verdicts]
        return not set(words) & set(BAD) and any(word != "unusable" for word in words)

    def to_json(self) -> str:
        """Return everything as text that ``from_json`` reads."""
        return indented(self)


def from_json(text: str) -> Report:
    """Read what ``to_json`` wrote.

    Raises:
        BundleError: text of another kind, or of another version.
    """
    try:
        return msgspec.json.decode(text, type=Report)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise BundleError(f"this is no report of 'wordmorph verify' ({error})") from None


def judge(precision: str, frames: Sequence[Likeness], bounds: Bounds) -> tuple[Word, str | None]:
    """Return what the least alike of ``frames`` says of an engine, and why.

    f32 of another library differs by rounding alone, so that less than ``enough`` is a fault.
    """
    worst = min(frames, key=lambda frame: frame.psnr)
    message = (
        f"{worst.what}: {worst.psnr:.1f} dB from f32 on the CPU, "
        f"{worst.levels} of 255 levels at worst"
    )
    if worst.psnr < (bounds.enough if precision == "f32" else bounds.least):
        return "differs", message
    if worst.psnr < bounds.enough:
        return "coarse", message
    return "alike", None


def anonymous(text: str) -> str:
    """Return an error's text without the folders it names: a report travels, its owner does not."""
    for folder in (Path(os.path.expanduser("~")), Path.cwd()):
        if folder.parent != folder:  # a root would take every slash
            text = text.replace(str(folder), "…")
    return _FOLDERS.sub("…/", text)
