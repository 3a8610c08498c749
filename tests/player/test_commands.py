from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from player.cli import app
from runtime.cachefolder import Key
from runtime.enginecache import EngineCache
from runtime.engines import BACKENDS


def run(*words: str) -> str:
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EngineCache:
    monkeypatch.setattr("runtime.enginecache.cache_root", lambda: tmp_path / "engines")
    return EngineCache(tmp_path / "engines")


def put(cache: EngineCache, model: str) -> None:
    def build(folder: Path) -> dict[str, object]:
        (folder / "engine.plan").write_bytes(bytes(2_000_000))
        return {}

    key = Key(model, {"kind": "tensorrt", "engine": "tensorrt", "gpu": "RTX 4090", "model": model})
    cache.get_or_build(key, build)


@pytest.mark.usefixtures("cache")
def test_doctor_prints_a_line_for_every_backend_and_the_same_as_json() -> None:
    findings = json.loads(run("doctor", "--json"))
    subjects = {finding["subject"] for finding in findings}
    assert set(BACKENDS) | {"processor", "memory", "display", "engine cache"} <= subjects
    table = run("doctor")
    assert all(subject in table for subject in BACKENDS)


def test_engines_are_listed_and_pruned(cache: EngineCache) -> None:
    assert "0 entries" in run("engines", "list")
    put(cache, "sd-turbo")
    put(cache, "critters")
    listed = run("engines", "list")
    assert "2 entries, 4.0 MB" in listed
    assert "sd-turbo" in listed
    assert "RTX 4090" in listed
    assert "deleted 0 entries" in run("engines", "prune")
    assert "deleted 2 entries, 4.0 MB" in run("engines", "prune", "--days", "0")
    assert not cache.entries()


def test_a_negative_age_is_refused() -> None:
    result = CliRunner().invoke(app, ["engines", "prune", "--days", "-1"])
    assert result.exit_code != 0
