"""Ranges that were found are kept, or nothing is."""

from __future__ import annotations

from pathlib import Path

import pytest

from runtime import durable
from runtime.perception.charting import rangecache
from runtime.perception.charting.rangecache import keep_range, load_range


def test_a_range_is_kept_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "ranges"
    monkeypatch.setattr(rangecache, "ranges_root", lambda: root)
    keep_range("key", -0.5, 0.75, {"engine": "openvino", "precision": "f32"})
    assert load_range("key") == (-0.5, 0.75)
    assert load_range("other") is None

    def full(path: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(durable, "fsync", full)
    keep_range("key", -1.0, 1.0, {})
    keep_range("other", -1.0, 1.0, {})
    assert load_range("key") == (-0.5, 0.75)
    assert load_range("other") is None
    assert [path.name for path in root.iterdir()] == ["key.json"]


def test_a_cache_that_cannot_be_made_keeps_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ranges").write_text("a file where the folder should be")
    monkeypatch.setattr(rangecache, "ranges_root", lambda: tmp_path / "ranges")
    keep_range("key", -0.5, 0.75, {})
    assert load_range("key") is None
