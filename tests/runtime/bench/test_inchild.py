from __future__ import annotations

import math
import os
import signal
import sys
import time

import pytest

from runtime.bench.inchild import in_child
from runtime.bundles.bundle import open_bundle
from runtime.errors import EngineError


def test_work_in_another_process_gives_its_answer() -> None:
    assert in_child(os.getppid) == os.getpid()


def test_an_error_there_is_one_line_here() -> None:
    with pytest.raises(EngineError, match="ValueError: ") as caught:
        in_child(math.sqrt, -1.0)
    assert "\n" not in str(caught.value)


def test_an_error_of_ours_there_keeps_its_words(tmp_path: os.PathLike[str]) -> None:
    with pytest.raises(EngineError) as here:
        in_child(open_bundle, tmp_path)  # type: ignore[arg-type]
    assert not str(here.value).startswith("BundleError")


def test_a_process_that_dies_is_an_error_that_says_how() -> None:
    with pytest.raises(EngineError, match=r"its process ended \(status 3\)"):
        in_child(os._exit, 3)
    if sys.platform != "win32":
        with pytest.raises(EngineError, match=r"its process ended \(SIGKILL\)"):
            in_child(signal.raise_signal, signal.SIGKILL)


def test_work_that_is_interrupted_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    from multiprocessing.connection import Connection

    def interrupted(pipe: Connection) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Connection, "recv", interrupted)
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        in_child(time.sleep, 600)
    assert time.monotonic() - start < 60
