"""The user's folders bear the program's name once, on Windows too."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import platformdirs
import platformdirs.windows
import pytest

from runtime.userfolders import cache_folder, config_folder, data_folder, state_folder


@pytest.mark.parametrize("folder", [cache_folder, config_folder, data_folder, state_folder])
def test_windows_has_no_folder_of_an_author(
    folder: Callable[[], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platformdirs, "PlatformDirs", platformdirs.windows.Windows)
    monkeypatch.setattr(platformdirs.windows, "get_win_folder", lambda _: str(tmp_path))
    inside = folder().relative_to(tmp_path).parts
    assert inside[0] == "wordmorph"
    assert "wordmorph" not in inside[1:]
