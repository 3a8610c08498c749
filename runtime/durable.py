"""Files and folders that appear whole or not at all, and are on the disk before they are named."""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PARTIAL = ".partial"
"""ends the name of what is being written"""
OLD = ".old"
"""ends the name of a folder that is being replaced"""
NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""the error numbers of a disk, a quota or a file that is full"""
UNFINISHED: set[Path] = set()
"""what this process is writing aside: to be removed if it must end at once"""
_OCCUPIED = (errno.ENOTEMPTY, errno.EEXIST)
_TRIES = 100
WINDOWS = sys.platform == "win32"
SCANNER_S = 10.0
"""how long Windows' virus scanners may hold new files of several GB"""


@contextmanager
def write_aside(target: Path, *, folder: bool = False) -> Iterator[Path]:
    """Yield a hidden file, or folder, beside ``target``: it takes that name when the block ends.

    If anything is raised it is removed, and ``target`` is what it was. Flushing what lies inside
    a folder is for the block to do.

    Raises:
        OSError: it cannot be made, flushed or moved.
    """
    partial = beside(target)
    if folder:
        partial.mkdir()
    else:
        partial.touch(exist_ok=False)
    UNFINISHED.add(partial)
    try:
        yield partial
        fsync(partial)
        put(partial, target)
    finally:
        UNFINISHED.discard(partial)
        if folder:
            shutil.rmtree(partial, ignore_errors=True)
        else:
            partial.unlink(missing_ok=True)


def beside(target: Path, end: str = PARTIAL) -> Path:
    """Return a hidden path beside ``target`` that nobody else uses; ``leftovers`` knows it."""
    unique = secrets.token_hex(4)  # in containers every process may be pid 1
    return target.with_name(f".{target.name}.{os.getpid()}.{unique}{end}")


def put(made: Path, target: Path) -> None:
    """Rename ``made`` to ``target``; a folder that is there is moved aside and then removed.

    Of several writers who do so at once, the last one's stays.

    Raises:
        OSError: it cannot be moved; what was there stays.
    """
    aside: list[Path] = []
    try:
        for tried in range(1, _TRIES + 1):
            try:
                rename(made, target)
                break
            except OSError as error:
                # the folder in the way may be gone already, moved aside by another writer
                in_the_way = error.errno in _OCCUPIED or target.is_dir()
                if tried == _TRIES or not (in_the_way and made.is_dir()):
                    raise
            old = beside(target, OLD)
            with suppress(FileNotFoundError):  # another writer was faster
                rename(target, old)
                aside.append(old)
    except OSError:
        if aside and not target.exists():
            rename(aside.pop(), target)
        raise
    finally:
        for old in aside:
            shutil.rmtree(old, ignore_errors=True)
    with suppress(OSError):  # it is there; some file systems flush no folders
        fsync(target.parent)


def rename(source: Path, target: Path) -> None:
    """Rename a file or folder, waiting on Windows while a virus scanner holds it.

    A folder in the way is no scanner: that is said at once.

    Raises:
        OSError: it cannot be renamed, on Windows after ``SCANNER_S`` seconds.
    """
    deadline = time.monotonic() + SCANNER_S
    while True:
        try:
            os.replace(source, target)
            return
        except PermissionError:
            held = WINDOWS and not target.is_dir()
            if not held or time.monotonic() > deadline:
                raise
        time.sleep(0.1)


def leftovers(target: Path) -> Iterator[tuple[Path, int]]:
    """Yield what writers of ``target`` have beside it, or left there, and their process ids."""
    name = re.escape(target.name)
    left = re.compile(rf"\.{name}\.(\d{{1,9}})\.[^.]+({re.escape(PARTIAL)}|{re.escape(OLD)})")
    for path in list(target.parent.iterdir()) if target.parent.is_dir() else ():
        if match := left.fullmatch(path.name):
            yield path, int(match[1])


def tidy(target: Path, is_whole: Callable[[Path], bool] = Path.exists) -> None:
    """Remove what dead writers of ``target`` left beside it.

    A folder that one of them was about to replace is put back if it ``is_whole``.
    """
    for stale, pid in leftovers(target):
        if _is_alive(pid):
            continue
        if stale.suffix == OLD and not target.exists() and is_whole(stale):
            rename(stale, target)
        elif stale.is_dir():
            shutil.rmtree(stale, ignore_errors=True)
        else:
            stale.unlink(missing_ok=True)


def fsync(path: Path) -> None:
    """Flush a file or folder to the disk; Windows flushes no folders."""
    folder = path.is_dir()
    if folder and sys.platform == "win32":
        return
    # Windows refuses to flush a file that was opened for reading only
    descriptor = os.open(path, os.O_RDONLY if folder else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _is_alive(pid: int) -> bool:
    if sys.platform == "win32":  # there, signal 0 is no question but Ctrl-C
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
