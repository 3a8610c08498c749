"""Which process holds a lock, and whether there is any point in waiting for it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import filelock
import psutil

from runtime.errors import EngineError

LOOK_AGAIN_S = 0.5
STOPPED = (
    psutil.STATUS_STOPPED,
    psutil.STATUS_TRACING_STOP,
    psutil.STATUS_ZOMBIE,
    psutil.STATUS_DEAD,
)
"""states of a process that does nothing"""


class Busy(EngineError):
    """Another process holds what is needed, for too long or without going on."""


def acquire(
    lock: filelock.BaseFileLock,
    what: str,
    on_wait: Callable[[], None] | None = None,
    timeout_s: float = -1,
) -> None:
    """Take a lock and note in its file who has it; ``what`` names in errors what it guards.

    ``on_wait`` is called once if another process has it; a negative ``timeout_s`` waits for as
    long as that process goes on.

    Raises:
        Busy: the lock was not had in ``timeout_s``, or the process that has it is stopped.
        OSError: the lock's file cannot be written.
    """
    path = Path(lock.lock_file)
    until = None if timeout_s < 0 else time.monotonic() + timeout_s
    told = False
    while True:
        left = LOOK_AGAIN_S if until is None else min(LOOK_AGAIN_S, until - time.monotonic())
        try:
            lock.acquire(timeout=max(0.0, left) if told else 0)
            break
        except filelock.Timeout:
            pid = holder(path)
            if pid is not None and is_stopped(pid):
                raise Busy(
                    f"{what} is held by process {pid}, which is stopped: continue it with "
                    f"'kill -CONT {pid}', or end it"
                ) from None
            if told and until is not None and time.monotonic() >= until:
                raise Busy(f"another process has been building {what} too long") from None
            if not told and on_wait is not None:
                on_wait()
            told = True
    with suppress(OSError):  # Windows lets nobody write a file that is locked
        path.write_text(str(os.getpid()), encoding="ascii")


def holder(path: Path) -> int | None:
    """Return the process that last took the lock of this file, None where that is unknown."""
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def is_stopped(pid: int) -> bool:
    """Whether a process is there and does nothing; False where that cannot be told."""
    try:
        return psutil.Process(pid).status() in STOPPED
    except psutil.Error:
        return False
