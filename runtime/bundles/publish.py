"""Bundles come to light whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from runtime.bundles.bundle import Bundle, open_bundle
from runtime.bundles.files import sha256_file
from runtime.bundles.manifest import MANIFEST, Manifest
from runtime.durable import fsync
from runtime.errors import TargetError

PARTIAL = ".partial"
"""ends the name of a folder that is being written"""
OLD = ".old"
"""ends the name of a bundle that is being replaced"""
FULL = (errno.ENOSPC, errno.EDQUOT)
OCCUPIED = (errno.ENOTEMPTY, errno.EEXIST)
LOOKS = 5
LOOK_AGAIN_S = 0.01


@contextmanager
def staging(target: Path) -> Iterator[Path]:
    """Yield an invisible folder beside ``target`` for ``write_bundle``; it is gone afterwards.

    What killed builds of the same target left behind is removed first; a bundle that one of them
    was about to replace is put back.

    Raises:
        TargetError: ``target`` exists and is no bundle, or cannot be written.
    """
    target = target.resolve()
    if _is_foreign(target):
        raise TargetError(f"{target} exists and is not a bundle: choose another folder")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _tidy(target)
        prefix = f".{target.name}.{os.getpid()}."
        folder = Path(tempfile.mkdtemp(prefix=prefix, suffix=PARTIAL, dir=target.parent))
    except OSError as error:
        raise TargetError(f"{target} cannot be written: {error.strerror}") from None
    try:
        yield folder
    except OSError as error:
        if error.errno in FULL:
            raise TargetError(f"no space left for {target}: free some and build again") from None
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def write_bundle(staged: Path, manifest: Manifest, target: Path) -> Bundle:
    """Hash every file of ``staged``, add the manifest last, and put the folder at ``target``.

    ``manifest.files`` is filled in here. An older bundle at ``target`` is replaced; of two
    builders that finish together, the later one stays.

    Raises:
        TargetError: the folder cannot be moved into place.
        BundleError: what was written does not read back.
    """
    target = target.resolve()
    names = sorted(path.name for path in staged.iterdir() if path.name != MANIFEST)
    for name in names:
        fsync(staged / name)
    manifest = replace(manifest, files={name: sha256_file(staged / name) for name in names})
    path = staged / MANIFEST
    path.write_text(manifest.to_json(), encoding="utf-8")
    fsync(path)
    fsync(staged)
    open_bundle(staged)
    staged.chmod(0o755)
    try:
        _put(staged, target)
    except OSError as error:
        raise TargetError(f"{target} cannot be written: {error.strerror}") from None
    return Bundle(target, manifest)


def _put(folder: Path, target: Path) -> None:
    """Rename ``folder`` to ``target``; a bundle that is there is moved aside and then removed."""
    aside: list[Path] = []
    try:
        for attempt in range(100):
            try:
                os.replace(folder, target)
                break
            except OSError as error:
                # the folder in the way may be gone already, moved aside by another builder
                if attempt == 99 or (error.errno not in OCCUPIED and not target.is_dir()):
                    raise
            old = folder.with_name(f"{folder.name.removesuffix(PARTIAL)}{attempt}{OLD}")
            try:
                os.replace(target, old)
                aside.append(old)
            except FileNotFoundError:  # another builder was faster
                continue
    except OSError:
        if aside and not target.exists():
            os.replace(aside.pop(), target)
        raise
    finally:
        for old in aside:
            shutil.rmtree(old, ignore_errors=True)
    fsync(target.parent)


def _tidy(target: Path) -> None:
    """Remove what dead builders of ``target`` left beside it."""
    ends = f"{re.escape(OLD)}|{re.escape(PARTIAL)}"
    left = re.compile(rf"\.{re.escape(target.name)}\.(\d{{1,9}})\.[^.]+({ends})")
    for stale in list(target.parent.iterdir()):
        match = left.fullmatch(stale.name)
        if match is None or _is_alive(int(match[1])):
            continue
        if stale.suffix == OLD and not target.exists() and (stale / MANIFEST).is_file():
            os.replace(stale, target)
        else:
            shutil.rmtree(stale, ignore_errors=True)


def _is_foreign(target: Path) -> bool:
    """Whether something other than a bundle stands there, and stays there.

    A bundle that another builder is replacing can look foreign for an instant, so look again.
    """
    for _ in range(LOOKS):
        if not target.exists() or (target / MANIFEST).is_file():
            return False
        with contextlib.suppress(OSError):
            if not os.listdir(target):
                return False
        time.sleep(LOOK_AGAIN_S)
    return True


def _is_alive(pid: int) -> bool:
    if os.name == "nt":  # there, signal 0 is no question but Ctrl-C
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
