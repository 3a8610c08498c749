"""What is performed, written to mp4 in real time by a thread of its own."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from runtime.errors import MorphError
from runtime.output.film import open_film

Pixels = NDArray[np.uint8]

WAITING_BYTES = 64 << 20
"""Pictures that wait to be written take no more: 80 of 512×512, more than two seconds of play."""
FEWEST = 4
"""but so many may wait, however large they are"""


class FilmRecorder:
    """A film in the making: the picture on show is sampled at a steady rate.

    Where the machine cannot write as fast as pictures come, some are dropped and the one before
    them stands for longer, so the film keeps real time.
    """

    def __init__(
        self,
        path: Path,
        size: tuple[int, int],
        fps: float,
        settings: Mapping[str, object],
        room: int = WAITING_BYTES,
    ) -> None:
        """Start writing (width, height) pictures to ``path``, which appears when it is whole.

        Those that wait to be written take ``room`` bytes at most, and no more than
        ``WAITING_BYTES``.
        """
        self.path = path
        self.fps = fps
        self.frames = 0
        self.dropped = 0
        """pictures that were on show and are not in the film"""
        self.error: str | None = None
        self.ended = ""
        """why the film ended by itself"""
        self._size = size
        self._settings = settings
        self._started: float | None = None
        self._most = max(FEWEST, min(room, WAITING_BYTES) // (3 * size[0] * size[1]))
        self._shown: Pixels | None = None
        self._pending: deque[tuple[Pixels, int]] = deque()  # a picture, and how many frames
        self._stopped = False
        self._news = threading.Condition()
        self._thread = threading.Thread(target=self._write, name="record")
        self._thread.start()

    @property
    def seconds(self) -> float:
        """The length of the film so far."""
        return self.frames / self.fps

    @property
    def waiting(self) -> int:
        """How many pictures wait to be written."""
        return len(self._pending)

    @property
    def bytes(self) -> int:
        """What those pictures take."""
        return self.waiting * 3 * self._size[0] * self._size[1]

    def show(self, pixels: Pixels, now: float) -> None:
        """Say that ``pixels`` uint8 [H, W, 3] are on show at ``now`` seconds of any steady clock.

        As many frames are written as are due, so the film keeps real time.
        """
        if pixels.shape[:2] != self._size[::-1]:
            self.ended = "the film ends where pictures of another size came"
            self.stop()
            return
        if self._started is None:
            self._started = now
        due = int((now - self._started) * self.fps) + 1 - self.frames
        if due <= 0:
            return
        with self._news:
            last = self._pending[-1] if self._pending else None
            fresh = pixels is not self._shown
            if last is not None and (not fresh or len(self._pending) >= self._most):
                self._pending[-1] = last[0], last[1] + due
                self.dropped += fresh
            else:
                self._pending.append((pixels, due))
            self._shown = pixels
            self.frames += due
            self._news.notify()

    def stop(self) -> None:
        """Take no more pictures; what is pending is still written."""
        with self._news:
            self._stopped = True
            self._news.notify()

    @property
    def finished(self) -> bool:
        """Whether the file is whole, or has failed."""
        return not self._thread.is_alive()

    def wait(self) -> None:
        """Wait until the file is whole; after ``stop``.

        Raises:
            MorphError: the film could not be written; nothing was left at ``path``.
        """
        self._thread.join()
        if self.error is not None:
            raise MorphError(self.error)

    def _next(self) -> tuple[Pixels, int] | None:
        with self._news:
            self._news.wait_for(lambda: self._pending or self._stopped)
            return self._pending.popleft() if self._pending else None

    def _write(self) -> None:
        try:
            with open_film(self.path, self._size, self.fps, self._settings) as film:
                while (pending := self._next()) is not None:
                    pixels, count = pending
                    for _ in range(count):
                        film.write(pixels)
        except Exception as error:  # the window shows it; the thread has nobody to raise it to
            self.error = f"recording failed: {error}"
