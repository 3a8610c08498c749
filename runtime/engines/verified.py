"""How like an engine's frames were to f32 on the CPU: measured once, when it was built.

What computes wrongly on one GPU is not seen by looking at its files, so the figure is kept beside
the compiled engines, under the digests of what was measured.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from runtime.enginecache.cache import EngineCache
from runtime.enginecache.entry import EntryKey
from runtime.engines.gpu import Gpu
from runtime.errors import EngineError

VERIFIED = "verified.json"


def verified_key(
    model: str, backend: str, version: str, gpu: Gpu, measured: Mapping[str, str]
) -> EntryKey:
    """Return the name of what was verified.

    ``measured`` has the sha256 of all that the frames came from.
    """
    fields = {
        "kind": "verified",
        "engine": backend,
        "version": version,
        "gpu": gpu.name,
        "capability": gpu.capability,
        **measured,
    }
    return EntryKey(f"{model}-verified", fields)


def keep_verified(cache: EngineCache, key: EntryKey, psnr_db: float, *, is_like: bool) -> None:
    """Keep a figure; ``is_like`` says whether it shows the same picture.

    Raises:
        TargetError: the engine cache cannot be written.
    """

    def write(folder: Path) -> dict[str, Any]:
        text = json.dumps({"psnr_db": psnr_db, "is_like": is_like})
        (folder / VERIFIED).write_text(text, encoding="utf-8")
        return {}

    cache.replace(key, write)


def read_verified(cache: EngineCache, key: EntryKey) -> bool | None:
    """Return whether what ``key`` names was like f32 on the CPU, None where nobody looked."""
    try:
        entry = cache.find(key)
        return None if entry is None else bool(json.loads(cache.load(entry, VERIFIED))["is_like"])
    except (EngineError, ValueError, KeyError, TypeError):
        return None
