"""A folder of files under one manifest of hashes: the form of everything in the engine cache.

A serialised engine is native code to the runtime that loads it, so a folder counts only if this
user owns it, and a file only if its bytes match the manifest, which is written last.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import stat
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from runtime.bundles.files import FileRecord, sha256_file
from runtime.durable import fsync, write_aside
from runtime.errors import EngineError
from runtime.slug import slug

FORMAT = 1
MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class EntryKey:
    """Everything that can change an entry, field by field; ``model`` only labels its folder."""

    model: str
    fields: Mapping[str, str]

    def digest(self) -> str:
        """Return a sha256 in hex over every field."""
        return hashlib.sha256(json.dumps(dict(self.fields), sort_keys=True).encode()).hexdigest()

    def name(self) -> str:
        """Return the entry's folder name: a slug for people, the digest for identity; no dots."""
        return f"{slug(self.model, 40, marks='-')}-{self.digest()[:24]}"


@dataclass(frozen=True, slots=True)
class Entry:
    """A folder in the cache whose manifest was read; its files are not yet checked."""

    folder: Path
    model: str
    fields: Mapping[str, str]
    files: Mapping[str, FileRecord]
    notes: Mapping[str, Any] = field(default_factory=dict)
    """what is recorded but not compared, such as the driver and the build time"""

    @property
    def bytes(self) -> int:
        """Size of all files together."""
        return sum(record.bytes for record in self.files.values())

    @property
    def used(self) -> float:
        """When the entry was last loaded, in seconds since the epoch; 0 if it is gone by now."""
        try:
            return (self.folder / MANIFEST).stat().st_mtime
        except OSError:
            return 0.0


class _Manifest(msgspec.Struct, frozen=True):
    format: int
    model: str
    key: Mapping[str, str]
    files: Mapping[str, FileRecord]
    notes: Mapping[str, Any]


def contents(folder: Path) -> dict[str, Path]:
    """Return every file of ``folder`` but its manifest, by relative name."""
    inside = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): path
        for path in inside
        if not path.name.startswith(MANIFEST)
    }


def seal(
    folder: Path,
    key: EntryKey,
    notes: Mapping[str, Any] | None = None,
    known: Mapping[str, FileRecord] | None = None,
) -> None:
    """Flush every file of ``folder`` to disk, then write its manifest: last, and atomically.

    ``known`` are records of files that the caller has just checked: they are not hashed again.
    """
    files = {}
    for name, path in contents(folder).items():
        if known and name in known:
            files[name] = known[name]
        else:
            fsync(path)
            files[name] = sha256_file(path)
    manifest = _Manifest(FORMAT, key.model, key.fields, files, notes or {})
    with write_aside(folder / MANIFEST) as partial:
        partial.write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n")


def read_entry(folder: Path) -> Entry:
    """Read a folder's manifest.

    Raises:
        EngineError: no manifest, an unreadable one, or one that another user could have written.
    """
    check_owner(folder)
    try:
        made = msgspec.json.decode(read_own(folder / MANIFEST), type=_Manifest)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise EngineError(f"{folder}/{MANIFEST} cannot be read ({error})") from None
    if made.format != FORMAT:
        raise EngineError(f"{folder} has format {made.format}, this program reads {FORMAT}")
    return Entry(folder, made.model, made.key, made.files, made.notes)


def difference(key: EntryKey, entries: Sequence[Entry]) -> str:
    """Return one line: how ``key`` differs from the nearest of ``entries``, the first of equals."""
    if not entries:
        return "nothing was built yet"

    def differing(entry: Entry) -> list[str]:
        return [name for name, value in key.fields.items() if entry.fields.get(name) != value]

    nearest = min(entries, key=lambda entry: len(differing(entry)))
    parts = [
        f"{name} is {_short(key.fields[name])}, "
        f"built for {_short(nearest.fields.get(name, 'none'))}"
        for name in differing(nearest)
    ]
    return "; ".join(parts) or "the nearest entry did not verify"


def _short(value: str) -> str:
    return f"{value[:12]}…" if re.fullmatch(r"[0-9a-f]{64}", value) else value


def check_owner(path: Path) -> None:
    """Refuse a file or folder that another user owns or that is a link.

    Raises:
        EngineError: so it is, or it cannot be looked at.
    """
    try:
        status = path.lstat()
    except OSError as error:
        raise EngineError(f"{path} cannot be read: {error.strerror}") from None
    if stat.S_ISLNK(status.st_mode):
        raise EngineError(f"{path} is a link, not something wordmorph wrote: delete it")
    if sys.platform != "win32" and status.st_uid != os.getuid():
        raise EngineError(
            f"{path} belongs to another user (uid {status.st_uid}), who could plant code in it: "
            "delete it or set XDG_CACHE_HOME to a folder of your own"
        )


def check_private(path: Path) -> None:
    """Refuse a folder as ``check_owner`` does, and one that others may write to.

    Raises:
        EngineError: so it is, or it cannot be looked at.
    """
    check_owner(path)
    if sys.platform != "win32" and path.lstat().st_mode & 0o022:
        raise EngineError(
            f"others may write to {path} and so plant code in it; run: "
            f"chmod 700 {shlex.quote(str(path))}"
        )


def read_own(path: Path) -> bytes:
    """Read a file that this user owns.

    Raises:
        EngineError: another user owns it, it is a link, or it cannot be read.
    """
    check_owner(path)
    try:
        return path.read_bytes()
    except OSError as error:
        raise EngineError(f"{path} cannot be read: {error.strerror}") from None
