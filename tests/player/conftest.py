"""Windows of these tests open under SDL's dummy driver, and remember nothing of the user's."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

os.environ["PYGAME_HIDE_SUPPORT_PROMPT"] = "1"


@pytest.fixture
def dummy_display(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")


@pytest.fixture(autouse=True)
def session_file(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where the player remembers in this test."""
    path = tmp_path_factory.mktemp("memory") / "session.json"
    for module in ("lastsession", "starting"):
        monkeypatch.setattr(f"player.commands.playing.{module}.remembered_path", lambda: path)
    monkeypatch.setenv("XDG_DATA_HOME", str(path.parent))
    return path
