"""Files of a folder that a stranger may have made: only regular ones, none longer than agreed."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from dataclasses import dataclass
from io import FileIO
from pathlib import Path


@dataclass(frozen=True, slots=True)
class FileRecord:
    """A file's content: sha256 in hex and its length in bytes."""

    sha256: str
    bytes: int


def size_of(path: Path, *, links: bool = False) -> int:
    """Return the length in bytes of a regular file; a link counts as one only if ``links``.

    Raises:
        OSError: no such file, or another kind of file.
    """
    return _checked(path, path.stat() if links else path.lstat())


def open_regular(path: Path, *, links: bool = False) -> FileIO:
    """Open a regular file to read, unbuffered; nothing else is ever waited for.

    Raises:
        OSError: no such file, or another kind of file.
    """
    size_of(path, links=links)
    # a FIFO that takes the file's place meanwhile must not be waited for either
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    stream = FileIO(os.open(path, flags), "r")
    try:
        _checked(path, os.fstat(stream.fileno()))
    except OSError:
        stream.close()
        raise
    return stream


def read_regular(path: Path, limit: int, *, links: bool = False) -> bytes:
    """Return the content of a regular file of at most ``limit`` bytes.

    Raises:
        OSError: no such file, another kind of file, or a longer one.
    """
    with open_regular(path, links=links) as stream:
        length = os.fstat(stream.fileno()).st_size
        parts = []
        left = limit + 1
        while length <= limit and left and (part := stream.read(min(left, 1 << 20))):
            parts.append(part)
            left -= len(part)
    if length > limit or not left:
        size = max(length, limit + 1 - left)
        raise OSError(errno.EFBIG, f"it has {size} bytes, and {limit} are allowed", str(path))
    return b"".join(parts)


def sha256_file(path: Path) -> FileRecord:
    """Hash a regular file in one pass; links are followed.

    Raises:
        OSError: no such file, or another kind of file.
    """
    with open_regular(path, links=True) as stream:
        hashed = hashlib.file_digest(stream, "sha256").hexdigest()
        return FileRecord(hashed, os.fstat(stream.fileno()).st_size)


def _checked(path: Path, status: os.stat_result) -> int:
    if stat.S_ISLNK(status.st_mode):
        raise OSError(errno.ELOOP, "it is a link, not the file itself", str(path))
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))
    return status.st_size
