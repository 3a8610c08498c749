"""A build that does not stop when it is told to is stopped, and leaves nothing."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from export import exporter
from export.childprocess import CANCEL_WAIT_S, GRACE_S, run_child
from export.exporter import export_apart

STUBBORN = "tests.support.stubborn"
PARENT = """
import sys
from export.childprocess import run_child
run_child(sys.argv[1], {"out": sys.argv[2]}, lambda kind, pid: print(pid, flush=True))
"""


def test_ctrl_c_ends_a_child_that_cannot_be_interrupted_within_seconds(
    tmp_path: Path, children: list[subprocess.Popen[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporter, "run_child", _run_stubborn)
    interrupted: list[float] = []

    def interrupt(stage: str) -> None:
        interrupted.append(time.monotonic())
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export_apart("any", {}, tmp_path / "bundle", interrupt)
    assert time.monotonic() - interrupted[0] < CANCEL_WAIT_S + 2 < 8
    assert children[-1].poll() is not None
    assert list(tmp_path.iterdir()) == []


def _run_stubborn(module: str, task: dict[str, Any], receive: Any) -> dict[str, Any]:
    return run_child(STUBBORN, task, receive)


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc for a process")
def test_a_child_does_not_outlive_a_parent_that_was_killed(tmp_path: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, STUBBORN, str(tmp_path / "bundle")],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert parent.stdout
    child = int(parent.stdout.readline())
    parent.kill()
    parent.communicate()
    until = time.monotonic() + GRACE_S + 3
    while _runs(child) and time.monotonic() < until:
        time.sleep(0.05)
    assert not _runs(child)


def _runs(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except OSError:
        return False
