"""Compiled engines on disk: found by content, written whole or not at all, checked before use."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import filelock

from runtime.bundles.files import FileRecord, sha256_file
from runtime.durable import NO_SPACE, leftovers, write_aside
from runtime.enginecache.entry import (
    MANIFEST,
    Entry,
    EntryKey,
    check_owner,
    difference,
    read_entry,
    read_own,
    seal,
)
from runtime.enginecache.holder import acquire
from runtime.enginecache.place import Place, is_leftover
from runtime.errors import EngineError, TargetError
from runtime.userfolders import cache_folder


def cache_root() -> Path:
    """Return the folder of every compiled engine: the user's cache directory for wordmorph."""
    return cache_folder() / "engines"


class EngineCache:
    """The entries under one root folder. Safe for several processes at once."""

    def __init__(self, root: Path | None = None) -> None:
        """Use ``root``, or the user's cache directory; nothing is created yet."""
        self.root = cache_root() if root is None else root
        self._place = Place(self.root)

    def find(self, key: EntryKey) -> Entry | None:
        """Return the entry for ``key``, or None; one that cannot be trusted is quarantined.

        Raises:
            EngineError: the cache folder belongs to another user or can be written by others.
        """
        if not self._place.is_there():
            return None
        folder = self.folder(key)
        if not folder.exists():
            return None
        try:
            entry = read_entry(folder)
            if dict(entry.fields) != dict(key.fields):
                raise EngineError(f"{folder} was made for something else")
        except EngineError:
            self.quarantine(folder)
            return None
        return entry

    def load(self, entry: Entry, name: str) -> bytes:
        """Read one file of an entry and check it; only then may it be deserialised.

        Raises:
            EngineError: the file is missing, foreign or altered; the entry is in quarantine now.
        """
        with self._trusting(entry):
            data = read_own(entry.folder / name)
            _match(entry, name, FileRecord(hashlib.sha256(data).hexdigest(), len(data)))
        return data

    def verify(self, entry: Entry, name: str) -> Path:
        """Check one file of an entry where it lies, and return its path: it may be mapped.

        Raises:
            EngineError: as ``load``.
        """
        path = entry.folder / name
        with self._trusting(entry):
            check_owner(path)
            try:
                record = sha256_file(path)
            except OSError as error:
                raise EngineError(f"{path} cannot be read: {error.strerror}") from None
            _match(entry, name, record)
        return path

    def explain_miss(self, key: EntryKey) -> str:
        """Return one line: how ``key`` differs from the nearest entry of its kind.

        An entry that ``find`` has put in quarantine counts too: its fields say why.
        """
        kind = key.fields.get("kind")
        near = [*self._quarantined(key), *self.entries()]
        return difference(key, [entry for entry in near if entry.fields.get("kind") == kind])

    @contextmanager
    def locked(
        self, key: EntryKey, on_wait: Callable[[], None] | None = None, timeout_s: float = -1
    ) -> Iterator[None]:
        """Hold the lock of ``key``'s entry; ``on_wait`` is called if another process has it.

        Raises:
            TargetError: the cache folder cannot be written.
            EngineError: it belongs to another user; or (Busy) the lock was not had in
                ``timeout_s``, or the process that has it is stopped.
        """
        self._place.prepare()
        lock = self._place.lock(key.name())
        try:
            acquire(lock, key.model, on_wait, timeout_s)
        except OSError as error:
            raise TargetError(f"the engine cache cannot be written: {error}") from None
        try:
            yield
        finally:
            lock.release()

    def get_or_build(
        self,
        key: EntryKey,
        build: Callable[[Path], Mapping[str, Any]],
        *,
        need_bytes: int = 0,
        on_wait: Callable[[], None] | None = None,
    ) -> Entry:
        """Return the entry for ``key``; if there is none, let ``build`` fill a folder with it.

        ``build(folder)`` writes the entry's files and returns notes. Nothing is visible until it
        is done; when it raises or is killed, nothing stays. A second process waits, then reuses.

        Raises:
            TargetError: the disk is full or cannot be written, and ``need_bytes`` (a guess at the
                entry's size) says so before the work is done where it can.
            EngineError, BuildError: whatever ``build`` raises.
        """
        with self.locked(key, on_wait):
            found = self.find(key)
            return found if found else self._write(key, build, need_bytes)

    def replace(self, key: EntryKey, build: Callable[[Path], Mapping[str, Any]]) -> Entry:
        """Write the entry for ``key`` anew; the old one stays until the new one is whole."""
        with self.locked(key):
            return self._write(key, build, 0)

    def quarantine(self, folder: Path) -> Path:
        """Move what cannot be trusted out of the way, keeping it for inspection.

        Raises:
            EngineError: it cannot be moved.
        """
        return self._place.quarantine(folder)

    def entries(self) -> list[Entry]:
        """Return every readable entry, last used first.

        Raises:
            EngineError: the cache folder belongs to another user or can be written by others.
        """
        found = []
        for folder in self._place.folders():
            if not is_leftover(folder):
                try:
                    found.append(read_entry(folder))
                except EngineError:
                    continue  # find() quarantines it when it is asked for
        return sorted(found, key=lambda entry: entry.used, reverse=True)

    def prune(self, older_than_s: float) -> tuple[int, int]:
        """Delete quarantine, leftovers, entries unused for ``older_than_s`` seconds, idle locks.

        Returns (how many folders went, how many bytes). What is being built is left alone.

        Raises:
            EngineError: the cache folder belongs to another user or can be written by others.
            TargetError: it cannot be written.
        """
        if not self._place.is_there():
            return 0, 0
        self._place.prepare()
        gone = []
        deadline = time.time() - older_than_s
        for folder in self._place.folders():
            lock = self._place.lock(folder.name)
            with contextlib.suppress(filelock.Timeout), lock.acquire(timeout=0):
                if _is_stale(folder, deadline):
                    gone.append(_delete(folder))
        gone += [_delete(folder) for folder in self._place.quarantined()]
        self._place.drop_locks()
        return len(gone), sum(gone)

    def folder(self, key: EntryKey) -> Path:
        """Return where ``key``'s entry lies, whether or not it is there."""
        folder = self.root / key.name()
        if not folder.resolve().is_relative_to(self.root.resolve()):
            raise EngineError(f"{folder} leaves the engine cache: delete it")
        return folder

    @contextmanager
    def _trusting(self, entry: Entry) -> Iterator[None]:
        """Put an entry that turns out wrong in quarantine; note the use of one that does not."""
        try:
            yield
        except EngineError as error:
            kept = self.quarantine(entry.folder)
            raise EngineError(f"{error}; moved to {kept}: build it again") from None
        with contextlib.suppress(OSError):  # a cache that is only read, or an entry just replaced
            os.utime(entry.folder / MANIFEST)

    def _quarantined(self, key: EntryKey) -> Iterator[Entry]:
        for folder in self._place.quarantined():
            if folder.name.startswith(f"{key.name()}-"):
                with contextlib.suppress(EngineError):
                    yield read_entry(folder)

    def _write(
        self, key: EntryKey, build: Callable[[Path], Mapping[str, Any]], need_bytes: int
    ) -> Entry:
        folder = self.folder(key)
        for left, _ in leftovers(folder):
            shutil.rmtree(left, ignore_errors=True)  # its writer is dead: we hold the lock
        free = shutil.disk_usage(self.root).free
        if free < need_bytes:
            raise TargetError(
                f"the engine needs about {need_bytes / 1e9:.1f} GB, {self.root} has "
                f"{free / 1e9:.1f} GB free: make room, or run: wordmorph engines prune"
            )
        try:
            with write_aside(folder, folder=True) as partial:
                partial.chmod(0o700)
                seal(partial, key, build(partial))
        except OSError as error:
            if error.errno in NO_SPACE:
                raise TargetError(
                    f"the disk filled up while the engine was written to {self.root}: "
                    "make room, or run: wordmorph engines prune"
                ) from None
            raise TargetError(f"the engine cache cannot be written: {error}") from None
        return read_entry(folder)


def _match(entry: Entry, name: str, record: FileRecord) -> None:
    if record != entry.files.get(name):
        raise EngineError(f"the engine file {name} of {entry.model} does not match its sha256")


def _is_stale(folder: Path, deadline: float) -> bool:
    """Whether nobody needs a folder whose lock is held: a leftover, unreadable, or long unused."""
    if is_leftover(folder):
        return True
    try:
        return read_entry(folder).used <= deadline
    except EngineError:
        return True


def _delete(folder: Path) -> int:
    """Delete a folder and return its size in bytes."""
    size = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):
            size += path.stat().st_size if path.is_file() else 0
    shutil.rmtree(folder, ignore_errors=True)
    return size
