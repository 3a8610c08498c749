"""Compiled engines on disk: found by content, written whole or not at all, checked before use."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import filelock
import platformdirs

from runtime.bundles.files import FileRecord
from runtime.durable import fsync
from runtime.enginecache.entry import (
    MANIFEST,
    Entry,
    Key,
    check_private,
    difference,
    read_entry,
    read_own,
    seal,
)
from runtime.errors import EngineError, TargetError

PARTIAL = ".partial"
QUARANTINE = "quarantine"
LOCKS = "locks"

_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def cache_root() -> Path:
    """Return the folder of every compiled engine: the user's cache directory for wordmorph."""
    return platformdirs.user_cache_path("wordmorph", appauthor=False) / "engines"


class EngineCache:
    """The entries under one root folder. Safe for several processes at once."""

    def __init__(self, root: Path | None = None) -> None:
        """Use ``root``, or the user's cache directory; nothing is created yet."""
        self.root = cache_root() if root is None else root

    def find(self, key: Key) -> Entry | None:
        """Return the entry for ``key``, or None; one that cannot be trusted is quarantined.

        Raises:
            EngineError: the cache folder belongs to another user or can be written by others.
        """
        if not self._is_there():
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
        try:
            data = read_own(entry.folder / name)
            record = FileRecord(hashlib.sha256(data).hexdigest(), len(data))
            if record != entry.files.get(name):
                raise EngineError(
                    f"the engine file {name} of {entry.model} does not match its sha256"
                )
        except EngineError as error:
            kept = self.quarantine(entry.folder)
            raise EngineError(f"{error}; moved to {kept}: build it again") from None
        with contextlib.suppress(OSError):  # a cache that is only read, or an entry just replaced
            os.utime(entry.folder / MANIFEST)
        return data

    def explain_miss(self, key: Key) -> str:
        """Return one line: how ``key`` differs from the nearest entry of its kind.

        An entry that ``find`` has put in quarantine counts too: its fields say why.
        """
        kind = key.fields.get("kind")
        near = [*self._quarantined(key), *self.entries()]
        return difference(key, [entry for entry in near if entry.fields.get("kind") == kind])

    @contextmanager
    def locked(
        self, key: Key, on_wait: Callable[[], None] | None = None, timeout_s: float = -1
    ) -> Iterator[None]:
        """Hold the lock of ``key``'s entry; ``on_wait`` is called if another process has it.

        Raises:
            TargetError: the cache folder cannot be written.
            EngineError: it belongs to another user, or the lock was not had in ``timeout_s``.
        """
        self._prepare()
        lock = self._lock(key.name())
        try:
            try:
                lock.acquire(timeout=0)
            except filelock.Timeout:
                if on_wait:
                    on_wait()
                lock.acquire(timeout=timeout_s)
        except filelock.Timeout:
            raise EngineError(f"another process has been building {key.model} too long") from None
        except OSError as error:
            raise TargetError(f"the engine cache cannot be written: {error}") from None
        try:
            yield
        finally:
            lock.release()

    def get_or_build(
        self,
        key: Key,
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

    def replace(self, key: Key, build: Callable[[Path], Mapping[str, Any]]) -> Entry:
        """Write the entry for ``key`` anew; the old one stays until the new one is whole."""
        with self.locked(key):
            return self._write(key, build, 0)

    def quarantine(self, folder: Path) -> Path:
        """Move what cannot be trusted out of the way, keeping it for inspection."""
        target = self.root / QUARANTINE
        kept = target / f"{folder.name}-{time.time_ns()}"
        try:
            target.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.replace(folder, kept)
        except FileNotFoundError:
            pass  # another process was first
        except OSError as error:
            raise EngineError(f"{folder} cannot be trusted nor moved away: {error}") from None
        return kept

    def entries(self) -> list[Entry]:
        """Return every readable entry, last used first.

        Raises:
            EngineError: the cache folder belongs to another user or can be written by others.
        """
        found = []
        for folder in self._folders():
            if not folder.name.endswith(PARTIAL):
                try:
                    found.append(read_entry(folder))
                except EngineError:
                    continue  # find() quarantines it when it is asked for
        return sorted(found, key=lambda entry: entry.used, reverse=True)

    def prune(self, older_than_s: float) -> tuple[int, int]:
        """Delete quarantine, leftovers and entries unused for ``older_than_s`` seconds.

        Returns (how many folders went, how many bytes). What is being built is left alone.

        Raises:
            EngineError: the cache folder belongs to another user or can be written by others.
            TargetError: it cannot be written.
        """
        if not self._is_there():
            return 0, 0
        self._prepare()
        gone = []
        deadline = time.time() - older_than_s
        for folder in self._folders():
            with contextlib.suppress(filelock.Timeout), self._lock(folder.name).acquire(timeout=0):
                if _is_stale(folder, deadline):
                    gone.append(_delete(folder))
        gone += [_delete(folder) for folder in self._in_quarantine()]
        return len(gone), sum(gone)

    def folder(self, key: Key) -> Path:
        """Return where ``key``'s entry lies, whether or not it is there."""
        folder = self.root / key.name()
        if not folder.resolve().is_relative_to(self.root.resolve()):
            raise EngineError(f"{folder} leaves the engine cache: delete it")
        return folder

    def _is_there(self) -> bool:
        if not os.path.lexists(self.root):
            return False
        check_private(self.root)
        return True

    def _folders(self) -> list[Path]:
        if not self._is_there():
            return []
        try:
            inside = [p for p in self.root.iterdir() if p.name not in (QUARANTINE, LOCKS)]
        except OSError as error:
            raise EngineError(f"{self.root} cannot be read: {error.strerror}") from None
        return sorted(p for p in inside if p.is_dir())

    def _in_quarantine(self) -> list[Path]:
        return sorted((self.root / QUARANTINE).glob("*")) if self._is_there() else []

    def _quarantined(self, key: Key) -> Iterator[Entry]:
        for folder in self._in_quarantine():
            if folder.name.startswith(f"{key.name()}-"):
                with contextlib.suppress(EngineError):
                    yield read_entry(folder)

    def _lock(self, name: str) -> filelock.BaseFileLock:
        """Return the lock of an entry by the name of its folder, or of a leftover of it."""
        entry = name.split(".")[0]
        return filelock.FileLock(self.root / LOCKS / f"{entry}.lock", mode=0o600)

    def _prepare(self) -> None:
        try:
            self.root.parent.mkdir(parents=True, exist_ok=True)
            self.root.mkdir(mode=0o700, exist_ok=True)
            check_private(self.root)
            self.root.chmod(0o700)
            (self.root / LOCKS).mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise TargetError(f"the engine cache cannot be written: {error}") from None

    def _write(
        self, key: Key, build: Callable[[Path], Mapping[str, Any]], need_bytes: int
    ) -> Entry:
        folder = self.folder(key)
        partial = folder.with_name(folder.name + PARTIAL)
        shutil.rmtree(partial, ignore_errors=True)  # its writer is dead: we hold the lock
        free = shutil.disk_usage(self.root).free
        if free < need_bytes:
            raise TargetError(
                f"the engine needs about {need_bytes / 1e9:.1f} GB, {self.root} has "
                f"{free / 1e9:.1f} GB free: make room, or run: wordmorph engines prune"
            )
        try:
            partial.mkdir(mode=0o700)
            notes = build(partial)
            seal(partial, key, notes)
            if folder.exists():
                old = folder.with_name(f"{folder.name}.{time.time_ns()}{PARTIAL}")
                os.replace(folder, old)
                os.replace(partial, folder)
                shutil.rmtree(old, ignore_errors=True)
            else:
                os.replace(partial, folder)
            fsync(self.root)
        except OSError as error:
            if error.errno in _NO_SPACE:
                raise TargetError(
                    f"the disk filled up while the engine was written to {self.root}: "
                    "make room, or run: wordmorph engines prune"
                ) from None
            raise TargetError(f"the engine cache cannot be written: {error}") from None
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        return read_entry(folder)


def _is_stale(folder: Path, deadline: float) -> bool:
    """Whether nobody needs a folder whose lock is held: a leftover, unreadable, or long unused."""
    if folder.name.endswith(PARTIAL):
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
