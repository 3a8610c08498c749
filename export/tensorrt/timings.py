"""Kernel timings that TensorRT took on one GPU, kept from one build to the next."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path
from typing import Any

from runtime.enginecache.cache import EngineCache
from runtime.enginecache.entry import EntryKey
from runtime.engines.gpu import Gpu
from runtime.errors import EngineError, MorphError

TIMING = "timing.cache"


class Timings:
    """The timings of one version of TensorRT on one GPU."""

    def __init__(self, cache: EngineCache, backend: str, version: str, gpu: Gpu) -> None:
        """Nothing is read yet."""
        self._cache = cache
        fields = {
            "kind": "timing",
            "engine": backend,
            "version": version,
            "gpu": gpu.name,
            "capability": gpu.capability,
        }
        self._key = EntryKey("timing", fields)

    def read(self, work: Path) -> Path:
        """Copy what is known into the folder ``work``; return the file, there or not."""
        entry = self._cache.find(self._key)
        if entry:
            with contextlib.suppress(EngineError):  # in quarantine now: timings are taken again
                (work / TIMING).write_bytes(self._cache.load(entry, TIMING))
        return work / TIMING

    def keep(self, work: Path) -> None:
        """Keep the timings in ``work``, if there are any, also those of a cancelled build.

        That they cannot be kept is no reason to lose an engine, and hides no other error.
        """

        def copy(folder: Path) -> dict[str, Any]:
            shutil.copyfile(work / TIMING, folder / TIMING)
            return {}

        if (work / TIMING).exists():
            with contextlib.suppress(MorphError):
                self._cache.replace(self._key, copy)
