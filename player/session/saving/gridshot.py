"""A grid saved from the player: its pictures are rendered between two live requests."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path

from player.session.reproduce import Invocation, command_line
from runtime.cache import FrameCache
from runtime.output.film import save_still
from runtime.output.grid import draw_grid, lay_out, shrink, tile_side
from runtime.request import Frame, Request

COLS = 7


class GridShot:
    """A grid in the making. ``requests`` are the frames it needs; ``advance`` gathers them."""

    def __init__(self, request: Request, invocation: Invocation, path: Path) -> None:
        """Lay out the note's grid around ``request``, to be written to ``path``.

        Raises:
            RequestError: nothing in the expression moves.
        """
        self.request = request
        self.layout = lay_out(request, None, COLS)
        self.requests = self.layout.requests
        self.path = path
        self.error: str | None = None
        rows = len(self.layout.rows)
        self.command = self._command(invocation, rows)
        self._kept = self._command(invocation.shareable(), rows)
        self._frames: dict[Request, Frame] = {}
        self._thread: threading.Thread | None = None

    @property
    def missing(self) -> tuple[Request, ...]:
        """The frames that are not gathered yet."""
        return tuple(one for one in self.requests if one not in self._frames)

    @property
    def progress(self) -> str:
        """How many of the pictures are there."""
        return f"grid {len(self._frames)}/{len(self.requests)}"

    def advance(self, cache: FrameCache, settings: Mapping[str, object]) -> bool:
        """Gather what was rendered; write the file when all is there; True when it is written."""
        if self._thread is None:
            for request in self.requests:
                frame = None if request in self._frames else cache.peek(request)
                if frame is not None:
                    self._frames[request] = frame
            if len(self._frames) == len(set(self.requests)):
                self._thread = threading.Thread(target=self._write, args=(settings,), name="grid")
                self._thread.start()
            return False
        return not self._thread.is_alive()

    def wait(self) -> bool:
        """Wait until the file is written; False at once if pictures are missing yet."""
        if self._thread is None:
            return False
        self._thread.join()
        return True

    def _command(self, invocation: Invocation, rows: int) -> str:
        request = self.request
        return command_line(
            "grid",
            request,
            self.path.name,
            invocation,
            {
                "rows": rows,
                "cols": COLS,
                "t": request.t if rows == 1 and request.t else None,
                "u": None if request.u == 0.5 else request.u,
            },
        )

    def _write(self, settings: Mapping[str, object]) -> None:
        try:
            side = tile_side(self.layout)
            tiles = [shrink(self._frames[request].pixels, side) for request in self.requests]
            save_still(
                self.path, draw_grid(self.layout, tiles), {**settings, "command": self._kept}
            )
        except Exception as error:  # the window shows it; the thread has nobody to raise it to
            self.error = f"grid failed: {error}"
