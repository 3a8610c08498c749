"""The end when a signal asks for it: what is half-written goes, what is recorded is finished.

The first SIGINT, SIGTERM or SIGHUP becomes an exception in the main thread; those that follow are
not raised again in the midst of the clean-up, which native code does not survive. A main thread
that does not answer, because a library below it never returns, is ended from another thread.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from player.session.rendering.worker import THREAD
from runtime.durable import UNFINISHED

SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")
PATIENCE_S = 5.0
"""how long the main thread may take to answer, or to clean up once it was told twice"""


class Stopped(KeyboardInterrupt):
    """A signal asked the program to end. ``status`` is what shells expect."""

    def __init__(self, number: int) -> None:
        """Keep the signal's number."""
        super().__init__()
        self.status = 128 + number


@contextmanager
def ending() -> Iterator[None]:
    """Let the signals of ``SIGNALS`` end the block, by ``Stopped`` or by force.

    Those that were ignored, as ``nohup`` does, stay so; once one was answered the others are
    ignored, up to the very end. Does nothing outside the main thread.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = {
        number
        for name in SIGNALS
        if (number := getattr(signal, name, None)) is not None
        and signal.getsignal(number) is not signal.SIG_IGN
    }
    teller = _Teller(numbers)
    before = {number: signal.signal(number, teller.answer) for number in numbers}
    try:
        with teller.watching():
            yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_IGN if teller.answered else handler)


def leave(status: int) -> None:
    """End the process at once: no library may clean up, because a thread of it never returns."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    for path in tuple(UNFINISHED):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
    os._exit(status)


def is_stuck() -> bool:
    """Whether a render thread was given up: it is inside a library that never returns."""
    return any(thread.name == THREAD for thread in threading.enumerate())


class _Teller:
    def __init__(self, numbers: set[int]) -> None:
        self._numbers = numbers
        self._answered = threading.Event()
        self._over = threading.Event()

    @property
    def answered(self) -> bool:
        """Whether the main thread was told."""
        return self._answered.is_set()

    def answer(self, number: int, frame: FrameType | None) -> None:
        """Raise in the main thread, once."""
        if self._answered.is_set():
            return
        self._answered.set()
        if number == getattr(signal, "SIGHUP", None):
            _drop_terminal()
        raise Stopped(number)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Hear of signals even while the main thread runs native code."""
        if sys.platform == "win32":  # only sockets can be waited for there
            yield
            return
        read, write = os.pipe()
        os.set_blocking(write, False)
        before = signal.set_wakeup_fd(write, warn_on_full_buffer=False)
        threading.Thread(target=self._watch, args=(read,), name="signals", daemon=True).start()
        try:
            yield
        finally:
            self._over.set()
            signal.set_wakeup_fd(before)
            os.close(write)

    def _watch(self, read: int) -> None:
        told = 0
        while heard := os.read(read, 1):
            if heard[0] in self._numbers:
                told += 1
                again = told > 1
                threading.Thread(target=self._force, args=(heard[0], again), daemon=True).start()
        os.close(read)

    def _force(self, number: int, again: bool) -> None:
        if self._over.wait(PATIENCE_S) or (self._answered.is_set() and not again):
            return
        with contextlib.suppress(OSError):
            print("wordmorph: ended although a library did not return", file=sys.stderr)
        leave(128 + number)


def _drop_terminal() -> None:
    """Write into nothing where a terminal was: it is gone, and every print would fail."""
    for descriptor in (1, 2):
        if os.isatty(descriptor):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, descriptor)
            os.close(nowhere)
