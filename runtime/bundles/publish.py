"""Bundles come to light whole or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from runtime.bundles.bundle import Bundle, open_bundle
from runtime.bundles.files import sha256_file
from runtime.bundles.manifest import MANIFEST, Manifest
from runtime.durable import NO_SPACE, beside, fsync, put, tidy
from runtime.errors import TargetError

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
        remove_leftovers(target)
        folder = beside(target)
        folder.mkdir(mode=0o700)
    except OSError as error:
        raise TargetError(f"{target} cannot be written: {error.strerror}") from None
    try:
        yield folder
    except OSError as error:
        if error.errno in NO_SPACE:
            raise TargetError(f"no space left for {target}: free some and build again") from None
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def remove_leftovers(target: Path) -> None:
    """Remove what killed builds of ``target`` left; a bundle they were replacing is put back."""
    tidy(target.resolve(), is_whole=lambda old: (old / MANIFEST).is_file())


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
        put(staged, target)
    except OSError as error:
        raise TargetError(f"{target} cannot be written: {error.strerror}") from None
    return Bundle(target, manifest)


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
