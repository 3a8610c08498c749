"""Ranges on disk: what was found once for a model and a request is not looked for again."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from runtime.durable import write_aside
from runtime.perception.charting.walk import BEYOND, BRISK, FAST, FILLED, OTHER, RISEN, SPACING
from runtime.request import Request
from runtime.userfolders import cache_folder

RULES = (6, SPACING, BEYOND, FAST, BRISK, OTHER, FILLED, RISEN)
"""What decides a range besides the model and the request: count the first up with the rules."""


def ranges_root() -> Path:
    """Return the folder of every range: the user's cache directory for wordmorph."""
    return cache_folder() / "ranges"


def range_key(
    digest: str, drawn_by: tuple[str, str], text: str, request: Request, seeds: int, reach: float
) -> str:
    """Return the name under which a range is kept.

    ``digest`` is the bundle's, ``drawn_by`` the engine and the precision, ``text`` the
    expression with its holes; of ``request`` all but its place counts.
    """
    fields = {
        **asdict(request), "expression": text, "t": 0, "u": 0, "drawn_by": drawn_by,
        "digest": digest, "seeds": seeds, "reach": reach, "rules": RULES,
    }  # fmt: skip
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()


def load_range(key: str) -> tuple[float, float] | None:
    """Return the interval (low, high) kept under ``key``; None where none is, or a damaged one."""
    try:
        kept = json.loads((ranges_root() / f"{key}.json").read_text(encoding="utf-8"))
        low, high = float(kept["low"]), float(kept["high"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return (low, high) if math.isfinite(high - low) and low <= 0 <= high else None


def keep_range(key: str, low: float, high: float, more: Mapping[str, Any]) -> None:
    """Keep an interval, with ``more`` for those who read the file; a cache that is full or cannot
    be written keeps nothing, and the range is looked for again next time."""
    path = ranges_root() / f"{key}.json"
    text = json.dumps({"low": low, "high": high, **more}, indent=1)
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with write_aside(path) as partial:
            partial.write_text(text, encoding="utf-8")
