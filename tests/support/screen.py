"""A real screen without a monitor: Xvfb, whose pixels lie in a file, and xdotool."""

from __future__ import annotations

import mmap
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

NEEDED = ("Xvfb", "xdotool")
ROOT = Path(__file__).parents[2]
Pixels = NDArray[np.uint8]
Box = tuple[int, int, int, int]
"""x, y, width, height in pixels"""


def missing() -> list[str]:
    """Return the programs that this needs and the machine lacks."""
    return [name for name in NEEDED if shutil.which(name) is None]


class Screen:
    """One X server of its own."""

    def __init__(self, display: str, picture: Path) -> None:
        """Read the screen of ``display`` from the X window dump in ``picture``."""
        self.display = display
        self.folder = ROOT
        """where programs are started"""
        self.environment = {**os.environ, "DISPLAY": display}
        self.environment.pop("SDL_VIDEODRIVER", None)
        self.environment.pop("WAYLAND_DISPLAY", None)
        with picture.open("rb") as file:
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        header = np.frombuffer(self._map, ">u4", 25)
        start = int(header[0]) + 12 * int(header[19])
        width, height, line = int(header[4]), int(header[5]), int(header[12])
        self.size = width, height
        whole = np.frombuffer(self._map, np.uint8, height * line, start)
        self._pixels = whole.reshape(height, line)[:, : width * 4].reshape(height, width, 4)

    def look(self, box: Box | None = None) -> Pixels:
        """Return what is on the screen now, uint8 [h, w, 3] RGB."""
        x, y, w, h = box or (0, 0, *self.size)
        return np.ascontiguousarray(self._pixels[y : y + h, x : x + w, 2::-1])

    def when_still(self, box: Box, still: float = 0.25, most: float = 30.0) -> Pixels:
        """Wait until nothing has changed for ``still`` seconds, ``most`` at the longest; return
        what is there.
        """
        last, since, deadline = self.look(box), time.monotonic(), time.monotonic() + most
        while time.monotonic() - since < still and time.monotonic() < deadline:
            time.sleep(0.02)
            seen = self.look(box)
            if not np.array_equal(seen, last):
                last, since = seen, time.monotonic()
        return last

    def do(self, *words: object) -> str:
        """Run xdotool, several commands in a row if there are; return what it prints."""
        done = subprocess.run(
            ["xdotool", *map(str, words)],
            env=self.environment,
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        )
        return done.stdout.strip()

    def start(self, code: str, *arguments: str, **environment: str) -> subprocess.Popen[bytes]:
        """Start Python code of the repository on this screen."""
        return subprocess.Popen(
            [sys.executable, "-c", code, *arguments],
            env={**self.environment, "PYTHONPATH": str(ROOT), **environment},
            cwd=self.folder,
        )

    def play(self, *arguments: str, **environment: str) -> subprocess.Popen[bytes]:
        """Start ``wordmorph`` with arguments on this screen."""
        code = "import sys; sys.argv[0] = 'wordmorph'; from player.cli import main; main()"
        return self.start(code, *arguments, **environment)

    def window(self, process: subprocess.Popen[bytes], seconds: float = 90.0) -> tuple[str, Box]:
        """Wait for the player's window; return its id and where it is."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            assert process.poll() is None, "the player ended before its window opened"
            try:
                name = self.do("search", "--onlyvisible", "--class", "wordmorph").split()[0]
                words = self.do("getwindowgeometry", "--shell", name).split()
            except (subprocess.CalledProcessError, IndexError):
                time.sleep(0.1)
                continue
            found = dict(line.split("=") for line in words)
            return name, (
                int(found["X"]),
                int(found["Y"]),
                int(found["WIDTH"]),
                int(found["HEIGHT"]),
            )
        raise AssertionError("no window opened")


@contextmanager
def screen(size: tuple[int, int]) -> Iterator[Screen]:
    """Run an X server of (width, height) pixels while the block runs."""
    with tempfile.TemporaryDirectory() as folder:
        reader, writer = os.pipe()
        server_words = [
            "Xvfb",
            "-screen",
            "0",
            f"{size[0]}x{size[1]}x24",
            "-nolisten",
            "tcp",
            "-noreset",
        ]
        server = subprocess.Popen(
            [*server_words, "-displayfd", str(writer), "-fbdir", folder],
            pass_fds=[writer],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(writer)
        try:
            with os.fdopen(reader) as told:
                number = told.readline().strip()
            assert number, "Xvfb did not start"
            yield Screen(f":{number}", Path(folder) / "Xvfb_screen0")
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait()


class Recording:
    """What was on a part of the screen, looked at by a thread so many times a second."""

    def __init__(self, screen: Screen, box: Box, hertz: float) -> None:
        """Begin to record ``box``."""
        self.frames: list[tuple[float, Pixels]] = []
        """(seconds of ``time.monotonic``, uint8 [h, w, 3]), only those that differ from the last"""
        self._screen, self._box, self._hertz = screen, box, hertz
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> list[tuple[float, Pixels]]:
        """End it and return the frames."""
        self._ends.set()
        self._thread.join()
        return self.frames

    def _run(self) -> None:
        while not self._ends.wait(1 / self._hertz):
            now, seen = time.monotonic(), self._screen.look(self._box)
            if not self.frames or not np.array_equal(seen, self.frames[-1][1]):
                self.frames.append((now, seen))
