"""OpenVINO's own cache of compiled models, kept inside the engine cache and checked like it."""

from __future__ import annotations

import atexit
import os
import platform
import shutil
import tempfile
from importlib.metadata import version
from pathlib import Path

from runtime.bundle import Bundle, sha256_file
from runtime.cachefolder import MANIFEST, Key, check_owner, contents, read_entry, seal
from runtime.enginecache import EngineCache
from runtime.engines.cpu import cpu_name
from runtime.errors import EngineError, TargetError


def openvino_key(bundle: Bundle, precision: str) -> Key:
    """Return what OpenVINO's compiled blobs of a bundle depend on."""
    return Key(
        bundle.manifest.model,
        {
            "kind": "openvino",
            "bundle": bundle.digest(),
            "precision": precision,
            "version": version("openvino"),
            "processor": cpu_name(),
            "system": f"{platform.system()} {platform.machine()}",
        },
    )


def openvino_cache(bundle: Bundle, precision: str, root: Path | None = None) -> Path:
    """Return a folder for OpenVINO's ``CACHE_DIR`` that holds only blobs of these very weights.

    OpenVINO names a blob after the graph's path, so weights replaced under one name were answered
    with the old blob, and a blob with a flipped bit was loaded without a word. So the folder is
    named by content, and blobs that do not match the hashes that ``seal_openvino`` kept are
    deleted here and compiled again. Where no cache can be kept, the folder is a temporary one.

    Raises:
        TargetError: no folder can be written at all.
    """
    cache = EngineCache(root)
    key = openvino_key(bundle, precision)
    try:
        with cache.locked(key):
            folder = cache.folder(key)
            if folder.exists():
                _drop_untrusted(folder)
            folder.mkdir(mode=0o700, exist_ok=True)
            return folder
    except (EngineError, TargetError, OSError):
        pass
    try:
        temporary = Path(tempfile.mkdtemp(prefix="wordmorph-"))
    except OSError as error:
        raise TargetError(f"no folder for compiled models can be written: {error}") from None
    atexit.register(shutil.rmtree, temporary, ignore_errors=True)
    return temporary


def seal_openvino(folder: Path, bundle: Bundle, precision: str, root: Path | None = None) -> None:
    """Record the hashes of the blobs that OpenVINO wrote to ``folder``: call it after compiling.

    Blobs that are never sealed are compiled again at the next start.
    """
    key = openvino_key(bundle, precision)
    try:
        with EngineCache(root).locked(key):
            seal(folder, key, known=read_entry(folder).files if _sealed(folder) else {})
    except (EngineError, TargetError, OSError):
        shutil.rmtree(folder, ignore_errors=True)  # unsealed blobs would be recompiled anyway


def _sealed(folder: Path) -> bool:
    return (folder / MANIFEST).exists()


def _drop_untrusted(folder: Path) -> None:
    """Delete what ``seal_openvino`` did not record, or what is not as it was recorded."""
    try:
        known = read_entry(folder).files
    except EngineError:
        shutil.rmtree(folder)
        return
    for name, path in contents(folder).items():
        check_owner(path)
        if known.get(name) != sha256_file(path):
            path.unlink()
    os.utime(folder / MANIFEST)
