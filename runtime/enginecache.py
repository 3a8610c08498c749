"""Compiled engines on disk: found by content, written whole or not at all, checked before use."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import filelock
import platformdirs

from runtime.bundle import FileRecord
from runtime.cachefolder import (
    MANIFEST,
    Entry,
    Key,
    check_owner,
    fsync,
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
            EngineError: the cache folder belongs to another user.
        """
        folder = self.folder(key)
        if not folder.exists():
            return None
        check_owner(self.root)
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
        os.utime(entry.folder / MANIFEST)
        return data

    def explain_miss(self, key: Key) -> str:
        """Return one line: how ``key`` differs from the nearest entry of its kind."""
        best: tuple[int, Entry] | None = None
        for entry in self.entries():
            if entry.fields.get("kind") != key.fields.get("kind"):
                continue
            same = sum(entry.fields.get(name) == value for name, value in key.fields.items())
            if best is None or same > best[0]:
                best = same, entry
        if best is None:
            return "nothing was built yet"
        theirs = best[1].fields
        differing = [
            f"{name} is {_short(value)}, built for {_short(theirs.get(name, 'none'))}"
            for name, value in key.fields.items()
            if theirs.get(name) != value
        ]
        return "; ".join(differing) or "the nearest entry did not verify"

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
        lock = filelock.FileLock(self.root / LOCKS / f"{key.name()}.lock", mode=0o600)
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
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
        kept = target / f"{folder.name}-{time.time_ns()}"
        try:
            os.replace(folder, kept)
        except FileNotFoundError:
            pass  # another process was first
        except OSError as error:
            raise EngineError(f"{folder} cannot be trusted nor moved away: {error}") from None
        return kept

    def entries(self) -> list[Entry]:
        """Return every readable entry, last used first."""
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

        Returns (how many folders went, how many bytes). Entries being built are left alone.
        """
        count = freed = 0
        deadline = time.time() - older_than_s
        doomed = list((self.root / QUARANTINE).glob("*"))
        for folder in self._folders():
            if folder.name.endswith(PARTIAL):
                lock = filelock.FileLock(
                    self.root / LOCKS / f"{folder.name.removesuffix(PARTIAL)}.lock", mode=0o600
                )
                try:
                    with lock.acquire(timeout=0):
                        doomed.append(folder)
                except filelock.Timeout:
                    continue
            else:
                try:
                    stale = read_entry(folder).used <= deadline
                except EngineError:
                    stale = True
                if stale:
                    doomed.append(folder)
        for folder in doomed:
            freed += sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())
            shutil.rmtree(folder, ignore_errors=True)
            count += 1
        return count, freed

    def folder(self, key: Key) -> Path:
        """Return where ``key``'s entry lies, whether or not it is there."""
        folder = self.root / key.name()
        if not folder.resolve().is_relative_to(self.root.resolve()):
            raise EngineError(f"{folder} leaves the engine cache: delete it")
        return folder

    def _folders(self) -> list[Path]:
        if not self.root.is_dir():
            return []
        inside = (p for p in self.root.iterdir() if p.name not in (QUARANTINE, LOCKS))
        return sorted(p for p in inside if p.is_dir())

    def _prepare(self) -> None:
        try:
            (self.root / LOCKS).mkdir(mode=0o700, parents=True, exist_ok=True)
            check_owner(self.root)
            self.root.chmod(0o700)
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


def _short(value: str) -> str:
    return f"{value[:12]}…" if re.fullmatch(r"[0-9a-f]{64}", value) else value
