"""What a hostile folder is, and what must become of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

DRAWN = "drawn"


@dataclass(frozen=True)
class Case:
    """``spoil`` alters a whole bundle; ``wanted`` is in the line that refuses it, or ``DRAWN``."""

    name: str
    spoil: Callable[[Path], object]
    wanted: str = ""
