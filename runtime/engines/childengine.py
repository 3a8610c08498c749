"""An engine in a child process: where one goes on when this process has lost its GPU.

After some of CUDA's errors (a wrong address, a driver that was reset, a laptop that slept) every
call of the process fails until it ends. A child starts afresh, so the window survives, at the
price of one more copy of every picture.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime.bundles.bundle import open_bundle
from runtime.bundles.manifest import Step
from runtime.engines.engine import Floats, Rendered
from runtime.errors import DeviceLost, EngineError, MorphError, one_line

CLOSING_S = 10.0


class ChildEngine:
    """An engine in a process of its own; the protocol is ``runtime.engines.engine.Engine``."""

    def __init__(self, folder: Path, precision: str, backend: str) -> None:
        """Start the process and open the bundle in ``folder`` there.

        Raises:
            EngineError: the engine cannot be opened there either.
        """
        spawn = multiprocessing.get_context("spawn")  # a fork would inherit the broken GPU
        self._pipe, theirs = spawn.Pipe()
        self._child = spawn.Process(
            target=_serve, args=(theirs, folder, precision, backend), daemon=True, name="engine"
        )
        self._child.start()
        theirs.close()
        self.name, self.precision, self.device, self.batches = self._answer()

    def encode(self, input_ids: tuple[NDArray[np.int64], ...]) -> tuple[Floats, Floats | None]:
        """See ``Engine.encode``."""
        encoded: tuple[Floats, Floats | None] = self._ask("encode", input_ids)
        return encoded

    def load_basis(self, basis: Floats, pooled: Floats | None) -> None:
        """See ``Engine.load_basis``."""
        self._ask("load_basis", basis, pooled)

    def load_noise(self, noise: Floats) -> None:
        """See ``Engine.load_noise``."""
        self._ask("load_noise", noise)

    def render(
        self, weights: Floats, pooled_weights: Floats | None, steps: tuple[Step, ...]
    ) -> Rendered:
        """See ``Engine.render``."""
        rendered: Rendered = self._ask("render", weights, pooled_weights, steps)
        return rendered

    def close(self) -> None:
        """See ``Engine.close``; the process ends."""
        with contextlib.suppress(OSError):
            self._pipe.close()
        self._child.join(CLOSING_S)
        if self._child.is_alive():
            self._child.kill()
            self._child.join()

    def _ask(self, method: str, *arguments: Any) -> Any:
        try:
            self._pipe.send((method, arguments))
        except OSError:
            raise self._ended() from None
        value, self.batches = self._answer()
        return value

    def _answer(self) -> Any:
        try:
            kind, value = self._pipe.recv()
        except (EOFError, OSError):
            raise self._ended() from None
        if kind == "lost":
            raise DeviceLost(value)
        if kind == "failed":
            raise EngineError(value)
        return value

    def _ended(self) -> DeviceLost:
        self._child.join(CLOSING_S)
        return DeviceLost(f"the engine's process ended (status {self._child.exitcode})")


def _serve(pipe: Connection, folder: Path, precision: str, backend: str) -> None:
    """Be the child: answer every call until the pipe is closed."""
    from runtime.engines.choose import choose

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to translate
    try:
        engine = choose(open_bundle(folder), backend, precision)
    except Exception as error:  # told to the parent, whose error it is
        pipe.send(("failed", one_line(error)))
        return
    pipe.send(("done", (engine.name, engine.precision, engine.device, engine.batches)))
    while True:
        try:
            method, arguments = pipe.recv()
        except (EOFError, OSError):
            break
        try:
            value = getattr(engine, method)(*arguments)
        except DeviceLost as error:
            pipe.send(("lost", str(error)))
            return
        except MorphError as error:
            pipe.send(("failed", str(error)))
        else:
            pipe.send(("done", (value, engine.batches)))
    engine.close()
