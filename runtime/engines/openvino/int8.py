"""A bundle's int8 graphs: an engine of that bundle in the engine cache, with its figures."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from runtime.bundles.bundle import Bundle
from runtime.bundles.files import sha256_file
from runtime.enginecache.cache import EngineCache
from runtime.enginecache.entry import Entry, EntryKey
from runtime.engines.childprocess import run_child
from runtime.engines.openvino.cache import key_here
from runtime.errors import BuildError, EngineError

GRAPHS = {"denoiser": "denoiser.xml", "decoder": "decoder.xml"}
"""role → file; its weights lie beside it as .bin. The text encoder stays in f32, and so does a role
whose file is not there."""
RECIPE = "2"
"""to be raised with whatever changes the graphs: frames, layers left out, settings of NNCF"""
LEAST_DB = 30.0
"""int8 is refused where the median frame is further from f32 than this PSNR"""
FAITHFUL_DB = 38.0
"""from this median on ``auto`` may choose int8"""
STEADY_DB = 34.0
"""Where the worst frame is further from f32 than this, one of the graphs stays as it is."""
CALM = 0.5
"""levels of noise between neighbours that ``auto`` may choose where there is no bf16 to compare:
half of what rounding to whole levels makes of a difference at most"""
CHILD = "runtime.quantise.process"


@dataclass(frozen=True, slots=True)
class Int8:
    """Quantised graphs of a bundle."""

    folder: Path
    digest: str
    """of the graphs' content"""
    roles: frozenset[str]
    """which of the bundle's graphs they replace"""

    @classmethod
    def of(cls, folder: Path, roles: Iterable[str]) -> Int8:
        """Describe graphs that lie in ``folder`` and are trusted."""
        names = sorted(name for role in roles for name in files_of(role))
        hashes = [f"{name} {sha256_file(folder / name).sha256}" for name in names]
        return cls(folder, "\n".join(hashes), frozenset(roles))


def files_of(role: str) -> tuple[str, str]:
    """Return the names of a role's quantised graph and of its weights."""
    return GRAPHS[role], Path(GRAPHS[role]).with_suffix(".bin").name


def int8_key(bundle: Bundle) -> EntryKey:
    """Return what the int8 graphs of a bundle and their figures depend on.

    NNCF's version is only noted: who has the graphs needs no NNCF.
    """
    return key_here(bundle, "openvino-int8", precision="int8", recipe=RECIPE)


def installed() -> bool:
    """Whether NNCF is installed; it is not imported."""
    return find_spec("nncf") is not None


def worthwhile(bundle: Bundle, cache: EngineCache | None = None) -> bool:
    """Whether ``auto`` may use int8: graphs that are made already, faithful, calm and faster.

    Faithful is a median of ``FAITHFUL_DB`` and a worst frame of ``STEADY_DB``; calm, no more noise
    between neighbours than the precision it would replace has, or ``CALM`` where that is f32.
    ``auto`` never calibrates: that takes minutes.
    """
    try:
        entry = (cache or EngineCache()).find(int8_key(bundle))
        if entry is None:
            return False
        notes = entry.notes
        ours, rival = notes["int8"], notes["rival"]
        least = notes["f32_ms"] if rival is None else rival["frame_ms"]
        return is_faithful(ours, rival) and bool(ours["frame_ms"] < least)
    except (EngineError, KeyError, TypeError):
        return False


def is_faithful(ours: Mapping[str, float], rival: Mapping[str, float] | None) -> bool:
    """Whether int8 frames are as ``worthwhile`` says, by ``Fidelity`` of each.

    Without a ``rival`` f32 is the alternative.
    """
    noise = CALM if rival is None else rival["neighbour_noise"]
    return bool(
        ours["psnr_db"] >= FAITHFUL_DB
        and ours["worst_psnr_db"] >= STEADY_DB
        and ours["neighbour_noise"] <= noise
    )


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
    roles = [role for role, name in GRAPHS.items() if name in entry.files]
    for role in roles:
        for file in files_of(role):
            cache.verify(entry, file)
    return Int8.of(entry.folder, roles)
