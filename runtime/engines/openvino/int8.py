"""A bundle's int8 graphs: an engine of that bundle in the engine cache, with its figures."""

from __future__ import annotations

import platform
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from runtime.bundles.bundle import Bundle
from runtime.enginecache.cache import EngineCache
from runtime.enginecache.entry import Entry, Key
from runtime.engines.childprocess import run_child
from runtime.engines.cpu import cpu_name
from runtime.errors import BuildError, EngineError

GRAPHS = {"denoiser": "denoiser.xml", "decoder": "decoder.xml"}
"""role → file; its weights lie beside it as .bin. The text encoder stays in f32."""
RECIPE = "1"
"""to be raised with whatever changes the graphs: frames, layers left out, settings of NNCF"""
LEAST_DB = 30.0
"""int8 is refused where the median frame is further from f32 than this PSNR"""
FAITHFUL_DB = 38.0
"""from this PSNR on ``auto`` may choose int8"""
CHILD = "runtime.quantise.process"


@dataclass(frozen=True, slots=True)
class Int8:
    """Quantised graphs that were checked, and what was measured of them."""

    folder: Path
    digest: str
    """of the graphs' content"""
    figures: Mapping[str, Any]


def int8_key(bundle: Bundle) -> Key:
    """Return what the int8 graphs of a bundle and their figures depend on.

    NNCF's version is only noted: who has the graphs needs no NNCF.
    """
    return Key(
        bundle.manifest.model,
        {
            "kind": "openvino-int8",
            "bundle": bundle.digest(),
            "precision": "int8",
            "recipe": RECIPE,
            "version": version("openvino"),
            "processor": cpu_name(),
            "system": f"{platform.system()} {platform.machine()}",
        },
    )


def installed() -> bool:
    """Whether NNCF is installed; it is not imported."""
    return find_spec("nncf") is not None


def worthwhile(bundle: Bundle, cache: EngineCache | None = None) -> bool:
    """Whether ``auto`` may use int8: graphs that are made already, faithful, calm and faster.

    Faithful is a median of ``FAITHFUL_DB``; calm, no more noise between neighbours than the
    precision it would replace has. ``auto`` never calibrates: that takes minutes.
    """
    try:
        entry = (cache or EngineCache()).find(int8_key(bundle))
        if entry is None:
            return False
        ours, rival = entry.notes["int8"], entry.notes["rival"]
        return bool(
            rival is not None
            and ours["psnr_db"] >= FAITHFUL_DB
            and ours["neighbour_noise"] <= rival["neighbour_noise"]
            and ours["frame_ms"] < rival["frame_ms"]
        )
    except (EngineError, KeyError, TypeError):
        return False


def int8_graphs(bundle: Bundle, cache: EngineCache | None = None) -> Int8:
    """Return the bundle's int8 graphs, which are calibrated first if there are none.

    Raises:
        EngineError: NNCF is missing, fails, or its graphs are below ``LEAST_DB``; or the cache
            holds something that cannot be trusted.
        TargetError: the cache cannot be written.
    """
    cache = cache or EngineCache()
    key = int8_key(bundle)
    entry = cache.find(key)
    if entry is None:
        if not installed():
            raise EngineError(
                "int8 is calibrated by nncf, which is not installed; add it with: "
                "pip install '.[int8]'"
            )
        warnings.warn(
            f"int8 graphs of {key.model} are calibrated once; this takes minutes for a large model",
            RuntimeWarning,
            stacklevel=3,
        )
        entry = cache.get_or_build(
            key, lambda folder: _calibrate(bundle, folder), need_bytes=_size(bundle)
        )
    return _checked(cache, entry)


def _size(bundle: Bundle) -> int:
    files = bundle.manifest.files
    return sum(record.bytes for name, record in files.items() if name.startswith(tuple(GRAPHS)))


def _calibrate(bundle: Bundle, folder: Path) -> dict[str, Any]:
    task = {"bundle": str(bundle.folder), "digest": bundle.digest(), "out": str(folder)}
    try:
        return run_child(CHILD, task, lambda *message: None)
    except BuildError as error:
        raise EngineError(f"int8: {error}") from None


def _checked(cache: EngineCache, entry: Entry) -> Int8:
    try:
        figures = entry.notes["int8"]
        psnr, worst = float(figures["psnr_db"]), float(figures["worst_psnr_db"])
    except (KeyError, TypeError, ValueError):
        kept = cache.quarantine(entry.folder)
        problem = f"the int8 figures of {entry.model} cannot be read; moved to {kept}: start again"
        raise EngineError(problem) from None
    if not psnr >= LEAST_DB:
        raise EngineError(
            f"int8 frames of {entry.model} are {psnr:.1f} dB from f32 (worst {worst:.1f}), below "
            f"{LEAST_DB:.0f} dB: use --precision auto"
        )
    for name in GRAPHS.values():
        for file in (name, Path(name).with_suffix(".bin").name):
            cache.verify(entry, file)
    hashes = sorted(f"{name} {record.sha256}" for name, record in entry.files.items())
    return Int8(entry.folder, "\n".join(hashes), entry.notes)
