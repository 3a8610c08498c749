"""Where pictures and films go: names that are understood, and files that appear whole."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import av.error

from runtime.durable import NO_SPACE, leftovers, write_aside
from runtime.errors import TargetError

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
    path = Path(target).resolve()
    if Path(target).name in ("", "..") or path == Path.cwd():
        raise TargetError(f"{target} is no name of its own: name a new folder, such as frames/")
    for parent in (Path(target).parent, path.parent):
        if not parent.is_dir():
            raise TargetError(f"{target} cannot be written: there is no folder {parent}")
    if kind == "folder":
        _check_replaceable(path)
    elif path.is_dir():
        raise TargetError(f"{target} cannot be written: it is a folder")
    if not os.access(path.parent, os.W_OK):
        raise TargetError(f"{target} cannot be written: no permission to write in {path.parent}")
    return kind


@contextmanager
def staged(target: Path, *, folder: bool) -> Iterator[Path]:
    """Yield a hidden path beside ``target``, moved there at the end or removed on any error.

    A link is followed: what it points to is written. Those who write to the yielded path do so
    inside ``writing``, so that other errors of the block are not laid at the target's door.

    Raises:
        TargetError: the disk is full or cannot be written, or the block raised an OSError.
    """
    with ExitStack() as aside:
        with writing(target):
            partial = aside.enter_context(write_aside(target.resolve(), folder=folder))
        try:
            yield partial
        except OSError as error:
            raise TargetError(f"{target} was not written: {error}{_spool_hint(error)}") from None
        with writing(target):
            aside.close()


@contextmanager
def writing(target: Path) -> Iterator[None]:
    """Translate what fails in the block, which writes ``target`` and does nothing else.

    Raises:
        TargetError: one line that names ``target``.
    """
    try:
        yield
    except (OSError, av.error.FFmpegError) as error:
        if getattr(error, "errno", None) in NO_SPACE:
            raise TargetError(
                f"no space left for {target}: the partial file was removed, "
                "free some space and try again"
            ) from None
        why = getattr(error, "strerror", None) or error
        raise TargetError(f"{target} cannot be written: {why}") from None


def being_written(target: Path) -> bool:
    """Tell whether this or another process is writing ``target`` (or was killed while it did)."""
    return any(leftovers(target.resolve()))


def _spool_hint(error: OSError) -> str:
    if error.errno not in NO_SPACE:
        return ""
    return f" (temporary files go to {tempfile.gettempdir()}: make room, or set TMPDIR)"


def _check_replaceable(target: Path) -> None:
    if not target.exists():
        return
    if not target.is_dir():
        raise TargetError(f"{target} is a file: name another folder")
    others = [entry.name for entry in target.iterdir() if not _NUMBERED.fullmatch(entry.name)]
    if others:
        raise TargetError(f"{target} holds other things, such as {others[0]}: name a new folder")
