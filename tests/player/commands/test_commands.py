from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from player.commands.build import _elsewhere
from runtime.enginecache.cache import EngineCache
from runtime.enginecache.entry import EntryKey
from runtime.engines.choose import BACKENDS
from runtime.errors import ExpressionError, MorphError
from tests.player.commands.commandline import invoke


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EngineCache:
    monkeypatch.setattr("runtime.enginecache.cache.cache_root", lambda: tmp_path / "engines")
    return EngineCache(tmp_path / "engines")


def put(cache: EngineCache, model: str) -> None:
    def build(folder: Path) -> dict[str, object]:
        (folder / "engine.plan").write_bytes(bytes(2_000_000))
        return {}

    key = EntryKey(
        model, {"kind": "tensorrt", "engine": "tensorrt", "gpu": "RTX 4090", "model": model}
    )
    cache.get_or_build(key, build)


@pytest.mark.usefixtures("cache")
def test_doctor_prints_a_line_for_every_backend_and_the_same_as_json() -> None:
    findings = json.loads(invoke("doctor", "--json"))
    subjects = {finding["subject"] for finding in findings}
    assert set(BACKENDS) | {"processor", "memory", "display", "engine cache"} <= subjects
    table = invoke("doctor")
    assert all(subject in table for subject in BACKENDS)


def test_engines_are_listed_and_pruned(cache: EngineCache) -> None:
    assert "0 entries" in invoke("engines", "list")
    put(cache, "sd-turbo")
    put(cache, "critters")
    listed = invoke("engines", "list")
    assert "2 entries, 4.0 MB" in listed
    assert "sd-turbo" in listed
    assert "RTX 4090" in listed
    assert "deleted 0 entries" in invoke("engines", "prune")
    assert "deleted 2 entries, 4.0 MB" in invoke("engines", "prune", "--days", "0")
    assert not cache.entries()


def test_a_negative_age_is_refused() -> None:
    with pytest.raises(MorphError, match="days make no sense"):
        invoke("engines", "prune", "--days", "-1")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("render", "cat -> -> kitten", "-o", "x.mp4"), "cat -> -> kitten"),
        (("grid", "cat -> [kitten", "-o", "x.png"), "cat -> [kitten"),
        (("storms", "cat"), "nothing moves in 'cat'"),
        (("storms", "cat | -tabby .. tabby", "--u", "0.2"), "leave out --u"),
        (("play", "cat -> kitten", "--backend", "foo"), "unknown backend 'foo'"),
        (("play", "cat -> kitten", "--seed", "-1"), "seed"),
    ],
)
def test_what_is_typed_wrong_is_said_before_a_model_is_compiled(
    words: tuple[str, ...], message: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def compiled(*_: object, **__: object) -> None:
        raise AssertionError("an engine was opened")

    monkeypatch.setattr("runtime.pipeline.choose", compiled)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MorphError) as raised:
        invoke(*words)
    error = raised.value
    assert message in (error.text if isinstance(error, ExpressionError) else str(error))
    assert list(tmp_path.iterdir()) == []


def test_a_pipe_that_knows_no_arrows_gets_question_marks() -> None:
    """Python's encoding of a redirected stdout on Windows is cp1252."""
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from player.cli import main; main()",
            "tokens",
            "a [cat -> fox] asleep",
        ],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "cp1252"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert b"fox" in done.stdout
    assert b"?" in done.stdout


def test_a_gpu_that_is_not_like_one_is_refused_before_the_export() -> None:
    with pytest.raises(MorphError, match="'89' is not like"):
        _elsewhere("89")
    assert _elsewhere("8.9").capability == "8.9"
