"""What was measured, kept: a line of a model on an engine is never measured twice."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, Self

import filelock
import msgspec

from runtime.durable import rename
from runtime.errors import TargetError
from runtime.perception.charting.atlas import RULER, LineJob, Measurement
from runtime.userfolders import data_folder

SUFFIX = ".sqlite"
_OURS = 0x776D6174  # "wmat", in the file's header
_FORMAT = 1
_WAIT_S = 30.0
_TABLE = (
    "CREATE TABLE measurements (key TEXT PRIMARY KEY, subject TEXT NOT NULL, found TEXT NOT NULL, "
    "digest TEXT NOT NULL) WITHOUT ROWID"
)
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_ROOM = 1 << 20
"""A disk with less room than this is called full when writing fails."""
_DECIDE = ("digest", "width", "height", "engine", "precision", "device", "library")
"""what of ``Pipeline.settings`` and ``Pipeline.drawn_by`` decides a measurement"""


def default_place() -> Path:
    """Return where measurements are kept unless the user says otherwise."""
    return data_folder() / f"atlas{SUFFIX}"


def subject_of(settings: Mapping[str, Any], job: LineJob) -> dict[str, Any]:
    """Return all that decides what is measured; ``settings`` are those of the pipeline, with what
    it is ``drawn_by``.
    """
    line = job.line.start
    return {
        **{name: settings[name] for name in _DECIDE},
        **asdict(line.request),
        "axis": line.axis,
        "frames": job.frames,
        "ruler": RULER,
    }


def key_of(subject: Mapping[str, Any]) -> str:
    """Return the key of a subject: equal for equal subjects alone."""
    return hashlib.sha256(json.dumps(subject, sort_keys=True).encode()).hexdigest()


class Measurements:
    """A SQLite file. Several programs may use one; what is kept is on the disk at once."""

    def __init__(self, path: Path, say: Callable[[str], None]) -> None:
        """Open or make ``path``. A damaged file is set aside, ``say`` is told, and it starts anew.

        Raises:
            TargetError: a name without .sqlite, a database of another program or version, or a
                place that cannot be written.
        """
        if path.suffix != SUFFIX:
            raise TargetError(f"{path}: measurements lie in a file with a name in {SUFFIX}")
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise TargetError(f"{path} cannot be written: {error.strerror}") from None
        if path.is_dir():
            raise TargetError(f"{path} cannot be written: it is a folder")
        with self._telling():
            try:
                self._connection = _open(path)
            except sqlite3.DatabaseError as error:
                if not _is_damaged(path, error):
                    raise
                self._connection = _begin_anew(path, say)

    def get(self, subject: Mapping[str, Any]) -> Measurement | None:
        """Return what is known of a subject; None where it is not, or no longer readable."""
        with self._telling():
            row = self._connection.execute(
                "SELECT found, digest FROM measurements WHERE key = ?", (key_of(subject),)
            ).fetchone()
        if row is None or not isinstance(row[0], str) or row[1] != _digest(row[0]):
            return None
        with suppress(ValueError):
            return msgspec.json.decode(row[0], type=Measurement)
        return None

    def keep(self, subject: Mapping[str, Any], found: Measurement) -> None:
        """Keep a measurement for good.

        Raises:
            TargetError: the disk is full or fails; what was kept before stays.
        """
        text = json.dumps(asdict(found))
        row = key_of(subject), json.dumps(subject, sort_keys=True), text, _digest(text)
        with self._telling(), self._connection:
            self._connection.execute("INSERT OR REPLACE INTO measurements VALUES (?, ?, ?, ?)", row)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def __enter__(self) -> Self:  # noqa: D105
        return self

    def __exit__(self, *raised: object) -> None:  # noqa: D105
        self.close()

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """Translate what SQLite says."""
        try:
            yield
        except (sqlite3.Error, OSError, UnicodeDecodeError) as error:
            raise TargetError(self._words(error)) from None

    def _words(self, error: Exception) -> str:
        code = _code(error)
        free = shutil.disk_usage(self.path.parent).free
        if code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and free < _ROOM):
            return (
                f"no space left for {self.path}: free some and run the same command, which goes on "
                "where this one stopped"
            )
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return f"{self.path} is being written by another program: try again when that is done"
        if code in _DAMAGED or isinstance(error, UnicodeDecodeError):
            return f"{self.path} was damaged meanwhile: run the same command, which sets it aside"
        return f"{self.path} cannot be written: {error}"


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=_WAIT_S)
    # damage may have made anything of a text; whoever reads it compares it with its digest
    connection.text_factory = partial(str, encoding="utf-8", errors="replace")
    try:
        (sound,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if sound != "ok":
            raise _damage(sound)
        # the table first: whoever makes the file commits all three at once, perhaps just now
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        (owner,) = connection.execute("PRAGMA application_id").fetchone()
        (made,) = connection.execute("PRAGMA user_version").fetchone()
        if tables and owner != _OURS:
            raise TargetError(f"{path} is a database of another program: name another --store")
        if tables and made != _FORMAT:
            raise TargetError(
                f"{path} is of format {made}, this program keeps format {_FORMAT}: name another "
                "--store"
            )
        if tables and connection.execute("SELECT sql FROM sqlite_master").fetchall() != [(_TABLE,)]:
            raise _damage("another table")
        with connection:
            connection.execute("BEGIN IMMEDIATE")  # of two that make it, one makes it
            connection.execute(f"PRAGMA application_id = {_OURS}")
            connection.execute(f"PRAGMA user_version = {_FORMAT}")
            connection.execute(_TABLE.replace("TABLE", "TABLE IF NOT EXISTS", 1))
    except UnicodeDecodeError:  # of what SQLite says of the damage, in words out of the file
        connection.close()
        raise _damage("no text") from None
    except BaseException:
        connection.close()
        raise
    return connection


def _begin_anew(path: Path, say: Callable[[str], None]) -> sqlite3.Connection:
    """Set a damaged file aside, unless another program has done so meanwhile, and open a new one.

    Raises:
        OSError, sqlite3.Error: it cannot be done.
    """
    lock = filelock.FileLock(path.with_name(f".{path.name}.lock"), timeout=_WAIT_S)
    try:
        with lock:
            try:
                return _open(path)
            except sqlite3.DatabaseError as error:
                if not _is_damaged(path, error):
                    raise
            say(f"{path} is damaged: set aside as {_set_aside(path).name}, started anew")
            return _open(path)
    except filelock.Timeout:
        raise TargetError(f"{path} is being set aside by another program: try again") from None


def _set_aside(path: Path) -> Path:
    """Rename a damaged file, and the journal that belongs to it, to a name that is free."""
    number = 1
    while (aside := path.with_name(f"{path.stem}.damaged-{number}{SUFFIX}")).exists():
        number += 1
    rename(path, aside)
    with suppress(FileNotFoundError):
        rename(Path(f"{path}-journal"), Path(f"{aside}-journal"))
    return aside


def _damage(what: str) -> sqlite3.DatabaseError:
    error = sqlite3.DatabaseError(what)
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error


def _is_damaged(path: Path, error: sqlite3.DatabaseError) -> bool:
    """Tell whether an error in opening ``path`` comes of what is in it.

    A header that asks for another SQLite is no damage to SQLite, but is to a file of ours.
    """
    if _code(error) in _DAMAGED:
        return True
    if _code(error) not in (sqlite3.SQLITE_ERROR, sqlite3.SQLITE_READONLY):
        return False
    with suppress(OSError), path.open("rb") as file:
        header = file.read(100)
        return header[68:72] == _OURS.to_bytes(4, "big") and os.access(path, os.W_OK)
    return False


def _code(error: Exception) -> int:
    """Return the primary code of what SQLite says, without what it adds of where."""
    return int(getattr(error, "sqlite_errorcode", -1)) & 0xFF


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
