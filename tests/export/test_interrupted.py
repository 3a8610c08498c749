"""A build that does not stop when it is told to is stopped, and leaves nothing."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from export import exporter
from export.exporter import export_in_child
from runtime.engines.childprocess import CANCEL_WAIT_S, run_child

STUBBORN = "tests.support.stubborn"


def test_ctrl_c_ends_a_child_that_cannot_be_interrupted_within_seconds(
    tmp_path: Path, children: list[subprocess.Popen[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporter, "run_child", _run_stubborn)
    interrupted: list[float] = []

    def interrupt(stage: str) -> None:
        interrupted.append(time.monotonic())
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export_in_child("any", {}, tmp_path / "bundle", interrupt)
    assert time.monotonic() - interrupted[0] < CANCEL_WAIT_S + 2 < 8
    assert children[-1].poll() is not None
    assert list(tmp_path.iterdir()) == []


def _run_stubborn(module: str, task: dict[str, Any], receive: Any) -> dict[str, Any]:
    return run_child(STUBBORN, task, receive)
