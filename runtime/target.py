"""Where pictures and films go: names that are understood, and files that appear whole."""

from __future__ import annotations

import errno
import glob
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av.error

from runtime.errors import TargetError

_PARTIAL = ".partial"
_NUMBERED = re.compile(r"\d{5,}\.png")


def kind_of(target: str) -> str:
    """Return ``mp4``, ``gif``, ``png`` or ``folder`` for a target as the user typed it.

    Raises:
        TargetError: a suffix nothing is written for.
    """
    suffix = "" if target.endswith(("/", os.sep)) else Path(target).suffix.lower()
    if not suffix:
        return "folder"
    if suffix in (".mp4", ".gif", ".png"):
        return suffix[1:]
    raise TargetError(
        f"{target}: nothing here writes {suffix} files: use .mp4, .gif, .png (one picture) "
        "or a folder, which ends in /"
    )


def check_target(target: str) -> str:
    """Return ``kind_of`` a target after looking, without writing, whether it can be written.

    Raises:
        TargetError: what ``open_film`` and ``save_still`` would only say after the model is open.
    """
    kind = kind_of(target)
    path = Path(target)
    if not path.parent.is_dir():
        raise TargetError(f"{path} cannot be written: there is no folder {path.parent}")
    if kind == "folder":
        _check_replaceable(path)
    elif path.is_dir():
        raise TargetError(f"{path} cannot be written: it is a folder")
    if not os.access(path.parent, os.W_OK):
        raise TargetError(f"{path} cannot be written: no permission to write in {path.parent}")
    return kind


@contextmanager
def staged(target: Path, *, folder: bool) -> Iterator[Path]:
    """Yield a hidden path beside ``target``, moved there at the end or removed on any error.

    Raises:
        TargetError: the disk is full or cannot be written.
    """
    partial = target.with_name(f".{target.name}.{os.getpid()}{_PARTIAL}")
    try:
        if folder:
            partial.mkdir()
        else:
            partial.touch(exist_ok=False)
        yield partial
        _sync(partial)
        if folder and target.is_dir():
            aside = target.with_name(f".{target.name}.{os.getpid()}.old")
            os.replace(target, aside)
            os.replace(partial, target)
            shutil.rmtree(aside)
        else:
            os.replace(partial, target)
    except (OSError, av.error.FFmpegError) as error:
        if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
            raise TargetError(
                f"no space left for {target}: the partial file was removed, "
                "free some space and try again"
            ) from None
        why = getattr(error, "strerror", None) or error
        raise TargetError(f"{target} cannot be written: {why}") from None
    finally:
        if folder:
            shutil.rmtree(partial, ignore_errors=True)
        else:
            partial.unlink(missing_ok=True)


def being_written(target: Path) -> bool:
    """Tell whether this or another process is writing ``target`` (or was killed while it did)."""
    return any(target.parent.glob(f".{glob.escape(target.name)}.*{_PARTIAL}"))


def _check_replaceable(target: Path) -> None:
    if not target.exists():
        return
    if not target.is_dir():
        raise TargetError(f"{target} is a file: name another folder")
    others = [entry.name for entry in target.iterdir() if not _NUMBERED.fullmatch(entry.name)]
    if others:
        raise TargetError(f"{target} holds other things, such as {others[0]}: name a new folder")


def _sync(path: Path) -> None:
    if path.is_file():
        with path.open("rb+") as stream:
            os.fsync(stream.fileno())
