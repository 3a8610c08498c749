"""The folder that holds the engine cache: this user's alone, with a lock for every entry."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

import filelock

from runtime.durable import OLD, PARTIAL, rename
from runtime.enginecache.entry import check_private
from runtime.errors import EngineError, TargetError

QUARANTINE = "quarantine"
LOCKS = "locks"


class Place:
    """The root folder, its entries' folders, their locks, and the quarantine."""

    def __init__(self, root: Path) -> None:
        """Nothing is created yet."""
        self.root = root

    def is_there(self) -> bool:
        """Whether the root folder exists.

        Raises:
            EngineError: it belongs to another user or can be written by others.
        """
        if not os.path.lexists(self.root):
            return False
        check_private(self.root)
        return True

    def prepare(self) -> None:
        """Make the root folder.

        Raises:
            EngineError: it belongs to another user or can be written by others.
            TargetError: it cannot be written.
        """
        try:
            self.root.parent.mkdir(parents=True, exist_ok=True)
            self.root.mkdir(mode=0o700, exist_ok=True)
            check_private(self.root)
            self.root.chmod(0o700)
            (self.root / LOCKS).mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise TargetError(f"the engine cache cannot be written: {error}") from None

    def folders(self) -> list[Path]:
        """Return the folders of all entries, and what dead builders left of theirs.

        Raises:
            EngineError: the root folder belongs to another user or cannot be read.
        """
        if not self.is_there():
            return []
        try:
            inside = [p for p in self.root.iterdir() if p.name not in (QUARANTINE, LOCKS)]
        except OSError as error:
            raise EngineError(f"{self.root} cannot be read: {error.strerror}") from None
        return sorted(p for p in inside if p.is_dir())

    def lock(self, name: str) -> filelock.BaseFileLock:
        """Return the lock of an entry by the name of its folder, or of a leftover of it."""
        entry = name.removeprefix(".").split(".")[0]
        return filelock.FileLock(self.root / LOCKS / f"{entry}.lock", mode=0o600)

    def drop_locks(self) -> None:
        """Delete the lock files that no entry needs and nobody holds."""
        needed = {self.lock(folder.name).lock_file for folder in self.folders()}
        for path in (self.root / LOCKS).glob("*.lock"):
            if str(path) in needed:
                continue
            lock = filelock.FileLock(path, mode=0o600)
            with suppress(filelock.Timeout, OSError), lock.acquire(timeout=0):
                # whoever has opened it meanwhile finds it unlinked and opens the next one
                path.unlink(missing_ok=True)

    def quarantine(self, folder: Path) -> Path:
        """Move what cannot be trusted out of the way, keeping it for inspection.

        Raises:
            EngineError: it cannot be moved.
        """
        target = self.root / QUARANTINE
        kept = target / f"{folder.name}-{time.time_ns()}"
        try:
            target.mkdir(mode=0o700, parents=True, exist_ok=True)
            rename(folder, kept)
        except FileNotFoundError:
            pass  # another process was first
        except OSError as error:
            raise EngineError(f"{folder} cannot be trusted nor moved away: {error}") from None
        return kept

    def quarantined(self) -> list[Path]:
        """Return everything in quarantine."""
        return sorted((self.root / QUARANTINE).glob("*")) if self.is_there() else []


def is_leftover(folder: Path) -> bool:
    """Whether a folder is no entry but what a builder is writing, replacing, or left behind."""
    return folder.name.endswith((PARTIAL, OLD))
