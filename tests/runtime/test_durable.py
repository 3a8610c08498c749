"""Renaming where a virus scanner holds new files, as Windows' does."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runtime import durable
from runtime.durable import rename


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], list[int]]:
    """Let that many renames be refused as if somebody had the file open; return a count of all."""
    real = os.replace
    monkeypatch.setattr(durable, "WINDOWS", True)
    monkeypatch.setattr("time.sleep", lambda seconds: None)

    def prepare(times: int) -> list[int]:
        tried: list[int] = []

        def replace(source: Any, target: Any) -> None:
            tried.append(len(tried))
            if len(tried) <= times:
                raise PermissionError(13, "used by another process")
            real(source, target)

        monkeypatch.setattr(os, "replace", replace)
        return tried

    return prepare


def test_a_file_that_is_held_for_a_while_is_renamed(
    tmp_path: Path, held: Callable[[int], list[int]]
) -> None:
    (tmp_path / "new").write_text("x")
    tried = held(3)
    rename(tmp_path / "new", tmp_path / "name")
    assert len(tried) == 4
    assert (tmp_path / "name").read_text() == "x"


def test_one_that_stays_held_is_an_error(
    tmp_path: Path, held: Callable[[int], list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(durable, "SCANNER_S", 0.01)
    held(1_000_000_000)
    (tmp_path / "new").write_text("x")
    with pytest.raises(PermissionError):
        rename(tmp_path / "new", tmp_path / "name")
    assert (tmp_path / "new").exists()


def test_a_folder_in_the_way_and_another_system_are_no_reason_to_wait(
    tmp_path: Path, held: Callable[[int], list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("new", "name"):
        (tmp_path / name).mkdir()
    tried = held(1_000_000_000)
    with pytest.raises(PermissionError):
        rename(tmp_path / "new", tmp_path / "name")
    assert len(tried) == 1
    monkeypatch.setattr(durable, "WINDOWS", False)
    with pytest.raises(PermissionError):
        rename(tmp_path / "new", tmp_path / "other")
    assert len(tried) == 2
