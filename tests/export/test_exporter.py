"""An export in a process of its own: its stages and its end are reported, Ctrl-C stops it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from export.exporter import export_in_child
from runtime.engines.childprocess import ORPHAN_WAIT_S, run_child
from runtime.errors import BuildError
from tests.support.models.checkpoints import Checkpoints

OPTIONS = {"steps": [1], "precision": "f32"}


def test_a_bundle_is_made_and_its_stages_are_reported(
    tmp_path: Path, checkpoint_of: Checkpoints
) -> None:
    stages: list[str] = []
    model = str(checkpoint_of("critters"))
    bundle, notes = export_in_child(model, OPTIONS, tmp_path / "bundle", stages.append)
    assert bundle.manifest.parity["f32"]["worst_levels"] <= 2
    assert notes["seconds"] > 0
    assert notes["peak_bytes"] > 1e8
    assert stages[0] == "checkpoint"
    assert stages[-1] == "bundle"


@pytest.mark.fault(10)
def test_one_that_the_system_kills_is_one_line(
    tmp_path: Path, checkpoint_of: Checkpoints, children: list[subprocess.Popen[str]]
) -> None:
    def kill(stage: str) -> None:
        children[-1].kill()
        children[-1].wait()

    model = str(checkpoint_of("critters"))
    with pytest.raises(BuildError, match=r"killed \(signal 9\).*ran out of memory") as caught:
        export_in_child(model, OPTIONS, tmp_path / "bundle", kill)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "bundle").exists()


def test_ctrl_c_stops_it_and_leaves_nothing(
    tmp_path: Path, checkpoint_of: Checkpoints, children: list[subprocess.Popen[str]]
) -> None:
    def interrupt(stage: str) -> None:
        if stage.startswith("text encoder"):
            raise KeyboardInterrupt

    model = str(checkpoint_of("critters"))
    with pytest.raises(KeyboardInterrupt):
        export_in_child(model, OPTIONS, tmp_path / "bundle", interrupt)
    assert children[-1].poll() is not None
    assert list(tmp_path.iterdir()) == []


def test_what_it_refuses_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="is missing") as caught:
        export_in_child(str(tmp_path), OPTIONS, tmp_path / "bundle", lambda stage: None)
    assert "\n" not in str(caught.value)


def test_one_that_dies_before_it_reads_is_one_line() -> None:
    """More than a pipe holds: writing fails, and closing would fail again."""
    with pytest.raises(BuildError, match="ended without a result") as caught:
        run_child("export.no_such_module", {"long": "x" * 1_000_000}, lambda *_: None)
    assert "no_such_module" in str(caught.value)


def test_a_peak_counts_what_was_given_back_and_nothing_of_the_parent() -> None:
    ours = b"x" * (400 << 20)
    code = (
        "from runtime.engines.childprocess import peak_bytes; held = b'x' * (200 << 20); del held; "
        "print(peak_bytes())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 200 << 20 < int(done.stdout) < 390 << 20
    assert len(ours) == 400 << 20


HANGS = """
import hashlib, sys
from runtime.engines.childprocess import serve
def work(order, tell, cancelled):
    tell("stage", "hanging")
    hashlib.pbkdf2_hmac("sha256", b"", b"", 2**31 - 1)
    return {}
serve(work)
"""
PARENT = """
import sys
from runtime.engines.childprocess import run_child
run_child(sys.argv[1], {}, lambda *said: print("hanging", flush=True))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="kills a process the POSIX way")
def test_a_child_in_native_code_ends_with_its_killed_parent(tmp_path: Path) -> None:
    (tmp_path / "hanging_child.py").write_text(HANGS)
    path = os.pathsep.join([str(tmp_path), str(Path(__file__).parents[2])])
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, "hanging_child"],
        env=os.environ | {"PYTHONPATH": path},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    parent.stdout.readline()
    (child,) = psutil.Process(parent.pid).children()
    parent.kill()
    parent.communicate()
    child.wait(timeout=ORPHAN_WAIT_S + 20)
