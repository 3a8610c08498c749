"""What is performed, written to mp4 in real time by a thread of its own."""

from __future__ import annotations

import queue
import threading
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from runtime.errors import MorphError
from runtime.output.film import open_film

Pixels = NDArray[np.uint8]


class Recorder:
    """A film in the making: the picture on show is sampled at a steady rate."""

    def __init__(
        self, path: Path, size: tuple[int, int], fps: float, settings: Mapping[str, object]
    ) -> None:
        """Start writing (width, height) pictures to ``path``, which appears when it is whole."""
        self.path = path
        self.fps = fps
        self.frames = 0
        self.error: str | None = None
        self._size = size
        self._settings = settings
        self._started: float | None = None
        self._pending: queue.SimpleQueue[Pixels | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write, name="record")
        self._thread.start()

    @property
    def seconds(self) -> float:
        """The length of the film so far."""
        return self.frames / self.fps

    def show(self, pixels: Pixels, now: float) -> None:
        """Say that ``pixels`` uint8 [H, W, 3] are on show at ``now`` seconds of any steady clock.

        As many frames are written as are due, so the film keeps real time.
        """
        if self._started is None:
            self._started = now
        due = int((now - self._started) * self.fps) + 1
        for _ in range(due - self.frames):
            self._pending.put(pixels)
        self.frames = max(due, self.frames)

    def stop(self) -> None:
        """Take no more pictures; what is pending is still written."""
        self._pending.put(None)

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

    def _write(self) -> None:
        try:
            with open_film(self.path, self._size, self.fps, self._settings) as film:
                while (pixels := self._pending.get()) is not None:
                    film.write(pixels)
        except Exception as error:  # the window shows it; the thread has nobody to raise it to
            self.error = f"recording failed: {error}"
