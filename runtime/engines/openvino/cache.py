"""What OpenVINO compiled of a bundle, kept in the engine cache and checked like all of it."""

from __future__ import annotations

import atexit
import os
import platform
import shutil
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

from runtime.bundles.bundle import Bundle
from runtime.bundles.files import FileRecord, sha256_file
from runtime.enginecache.cache import EngineCache
from runtime.enginecache.entry import MANIFEST, EntryKey, check_owner, contents, read_entry, seal
from runtime.enginecache.holder import Busy
from runtime.engines.cpu import cpu_name
from runtime.errors import EngineError, TargetError

REWRITING = 2
"""raised when ``folding``, ``narrow`` or ``prologue`` make other graphs than before"""
LOCK_WAIT_S = 120.0
"""how long to wait for another process that compiles the same bundle"""


def openvino_key(
    bundle: Bundle, precision: str, graphs: str = "", part: str = "frames"
) -> EntryKey:
    """Return what OpenVINO's compiled blobs of a bundle depend on.

    ``graphs`` names the content of graphs in place of the bundle's own, ``part`` what they do.
    """
    more = {"graphs": sha256(graphs.encode()).hexdigest()} if graphs else {}
    return key_here(
        bundle, "openvino", precision=precision, part=part, rewriting=str(REWRITING), **more
    )


def key_here(bundle: Bundle, kind: str, **fields: str) -> EntryKey:
    """Return the key of what this OpenVINO makes of a bundle on this processor."""
    return EntryKey(
        bundle.manifest.model,
        {
            "kind": kind,
            "bundle": bundle.digest(),
            **fields,
            "version": version("openvino"),
            "processor": cpu_name(),
            "system": f"{platform.system()} {platform.machine()}",
        },
    )


@contextmanager
def openvino_cache(
    bundle: Bundle,
    precision: str,
    root: Path | None = None,
    graphs: str = "",
    part: str = "frames",
) -> Iterator[Path]:
    """Yield a folder that holds only blobs of these very weights; arguments as ``openvino_key``.

    OpenVINO's own ``CACHE_DIR`` names a blob after the graph's path, so weights replaced under one
    name were answered with the old blob, and a blob with a flipped bit was loaded without a word.
    So the folder is named by content, blobs that do not match the hashes kept beside them are
    deleted and compiled again, and the hashes of new ones are kept when the block ends. The entry
    is locked until then: a second process waits, then finds everything compiled. Where no cache
    can be kept, the folder is a temporary one.

    Raises:
        TargetError: no folder can be written at all.
    """
    key = openvino_key(bundle, precision, graphs, part)
    with ExitStack() as held:
        checked = None
        try:
            folder, checked = held.enter_context(_entry(EngineCache(root), key))
        except Busy as busy:
            warnings.warn(f"{busy}; compiled without its cache", RuntimeWarning, stacklevel=3)
            folder = _temporary()
        except (EngineError, TargetError, OSError):
            folder = _temporary()
        yield folder
        if checked is not None:
            _keep(folder, key, checked)


@contextmanager
def _entry(cache: EngineCache, key: EntryKey) -> Iterator[tuple[Path, dict[str, FileRecord]]]:
    """Hold the entry's lock; yield its folder and what in it was checked just now."""

    def say() -> None:
        warnings.warn(
            f"another process is compiling {key.model}: waiting, {LOCK_WAIT_S:.0f} s at most",
            RuntimeWarning,
            stacklevel=3,
        )

    with cache.locked(key, say, LOCK_WAIT_S):
        folder = cache.folder(key)
        checked = _drop_untrusted(folder) if os.path.lexists(folder) else {}
        folder.mkdir(mode=0o700, exist_ok=True)
        yield folder, checked


def _drop_untrusted(folder: Path) -> dict[str, FileRecord]:
    """Delete what ``_keep`` did not record, or what is not as it was recorded; return the rest."""
    try:
        known = read_entry(folder).files
    except EngineError:
        shutil.rmtree(folder)
        return {}
    checked = {}
    for name, path in contents(folder).items():
        check_owner(path)
        record = sha256_file(path)
        if known.get(name) == record:
            checked[name] = record
        else:
            path.unlink()
    with suppress(OSError):
        os.utime(folder / MANIFEST)
    return checked


def _keep(folder: Path, key: EntryKey, checked: Mapping[str, FileRecord]) -> None:
    """Record the hashes of all blobs; those that cannot be recorded would not be trusted."""
    try:
        if set(contents(folder)) != set(checked) or set(read_entry(folder).files) != set(checked):
            seal(folder, key, known=checked)
    except (EngineError, OSError):
        shutil.rmtree(folder, ignore_errors=True)


def _temporary() -> Path:
    try:
        folder = Path(tempfile.mkdtemp(prefix="wordmorph-"))
    except OSError as error:
        raise TargetError(f"no folder for compiled models can be written: {error}") from None
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
