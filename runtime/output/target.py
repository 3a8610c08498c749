"""Where pictures and films go: names that are understood, and files that appear whole."""

from __future__ import annotations

import contextlib
import os
import re
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from runtime.durable import NO_SPACE, leftovers, write_aside
from runtime.errors import TargetError
from runtime.output.settings import KEY

_NUMBERED = re.compile(r"\d{5,}\.png")
_PNG = b"\x89PNG\r\n\x1a\n"
_TEXT_AT = len(_PNG) + 25
"""where the first chunk after the header begins: four bytes of length, then its type"""
_RECORD = b"tEXt" + KEY.encode() + b"\0"
_SPECIAL = (
    (stat.S_ISLNK, "a link"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


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
    check_place(target, folder=kind == "folder")
    return kind


def check_place(target: str, *, folder: bool = False) -> None:
    """Look, without writing, whether a file, or a folder of frames, can be written at ``target``.

    Raises:
        TargetError: a link or a device, no such folder, no permission, or something else is there.
    """
    refuse_special(Path(target))
    path = Path(target).resolve()
    if Path(target).name in ("", "..") or path == Path.cwd():
        raise TargetError(f"{target} is no name of its own: name a new folder, such as frames/")
    for parent in (Path(target).parent, path.parent):
        if not parent.is_dir():
            raise TargetError(f"{target} cannot be written: there is no folder {parent}")
    if folder:
        check_replaceable(path)
    elif path.is_dir():
        raise TargetError(f"{target} cannot be written: it is a folder")
    if not os.access(path.parent, os.W_OK):
        raise TargetError(f"{target} cannot be written: no permission to write in {path.parent}")


def check_picture(target: str, what: str) -> None:
    """Look whether ``target`` can hold one picture; ``what`` it is called (a chart, a grid).

    Raises:
        TargetError: its name does not end in .png, or ``check_target`` refuses it.
    """
    if Path(target).suffix.lower() != ".png":
        raise TargetError(f"{target}: a {what} is one picture, so its name ends in .png")
    check_target(target)


@contextmanager
def staged(target: Path, *, folder: bool) -> Iterator[Path]:
    """Yield a hidden path beside ``target``, moved there at the end or removed on any error.

    Those who write to the yielded path do so inside ``writing``, so that other errors of the
    block are not laid at the target's door.

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


def encoder_errors() -> tuple[type[Exception], ...]:
    """Return what may be raised while a film is written: the video encoder's own errors too.

    The encoder is looked for, not imported: that takes as long as numpy, and most who write
    pictures never need it.
    """
    encoder = sys.modules.get("av.error")
    return (OSError,) if encoder is None else (OSError, encoder.FFmpegError)


@contextmanager
def writing(target: Path) -> Iterator[None]:
    """Translate what fails in the block, which writes ``target`` and does nothing else.

    Raises:
        TargetError: one line that names ``target``.
    """
    try:
        yield
    except encoder_errors() as error:
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


def refuse_special(target: Path) -> None:
    """Raise TargetError if ``target`` is a link, a pipe or a device: those are never replaced."""
    with contextlib.suppress(OSError, ValueError):
        mode = os.lstat(target).st_mode
        kind = next((words for test, words in _SPECIAL if test(mode)), None)
        if kind is not None:
            raise TargetError(f"{target} is {kind}: name a file or folder of its own")


def check_replaceable(target: Path) -> None:
    """Raise TargetError unless ``target`` is absent, empty, or a folder of this program's frames.

    Every picture in it must carry a record of ours: numbers for names are common.
    """
    if not os.path.lexists(target):
        return
    if not target.is_dir():
        raise TargetError(f"{target} is a file: name another folder")
    for entry in sorted(target.iterdir()):
        if not (_NUMBERED.fullmatch(entry.name) and has_record(entry)):
            raise TargetError(
                f"{target} holds other things, such as {entry.name}: name a new folder"
            )


def has_record(picture: Path) -> bool:
    """Tell whether a PNG is a plain file with the settings in it that this program writes."""
    if picture.is_symlink() or not picture.is_file():
        return False
    with picture.open("rb") as stream:
        start = stream.read(_TEXT_AT + len(_RECORD) + 4)
    return start.startswith(_PNG) and start[_TEXT_AT + 4 :] == _RECORD
