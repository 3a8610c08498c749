from __future__ import annotations

from pathlib import Path

import pytest

from tests.player.commands.commandline import Run, runner
from tests.support.drawn import DrawnPipeline


@pytest.fixture
def run(pipeline: DrawnPipeline, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Run commands on ``pipeline`` in an empty folder; the ranges they find are kept apart."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return runner(pipeline, monkeypatch)
