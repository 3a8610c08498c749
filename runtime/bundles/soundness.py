"""Which bundles were found sound before: the same bytes by the same rules are sound again.

To follow every operator of a graph takes a good part of the time in which a model opens; the hashes
of the files, which are always computed, say that nothing has changed.
"""

from __future__ import annotations

import functools
import hashlib
import os
import stat
import sys
from contextlib import suppress
from importlib import resources
from pathlib import Path

from runtime.bundles.manifest import Manifest
from runtime.durable import write_aside
from runtime.userfolders import cache_folder


class Soundness:
    """The verdict on a manifest and the files it names, kept in the user's own cache folder."""

    def __init__(self, manifest: Manifest) -> None:
        """Ask about a manifest, whose hashes stand for its files."""
        state = hashlib.sha256(_rules())
        state.update(repr(manifest).encode())
        self._path = cache_folder() / "sound" / state.hexdigest()

    def is_known(self) -> bool:
        """Whether such a bundle was found sound; what another user wrote does not count."""
        try:
            return all(map(_is_ours, (self._path.parent, self._path)))
        except OSError:
            return False

    def keep(self) -> None:
        """Remember that the bundle is sound; where that cannot be written it is checked again."""
        with suppress(OSError):
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with write_aside(self._path) as partial:
                partial.write_bytes(b"")
                partial.chmod(0o600)


def _is_ours(path: Path) -> bool:
    status = path.lstat()
    if sys.platform == "win32":
        return True
    others = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return status.st_uid == os.getuid() and not others and not stat.S_ISLNK(status.st_mode)


@functools.cache
def _rules() -> bytes:
    """Return a hash of the code that judges bundles: other rules, other verdicts."""
    state = hashlib.sha256()
    for package in ("runtime.bundles", "runtime.bundles.graphs"):
        for entry in sorted(resources.files(package).iterdir(), key=lambda one: one.name):
            if entry.name.endswith(".py"):
                state.update(entry.read_bytes())
    return state.digest()
