"""A bundle that was found sound is not judged again, and nothing else profits from that."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from runtime.bundles import soundness
from runtime.bundles.bundle import open_bundle
from runtime.bundles.graphs import graph
from runtime.errors import BundleError
from tests.support.models.tinybundle import write_worded


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "wordmorph" / "sound"


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The roles whose graphs were followed."""
    roles: list[str] = []
    real = graph.check_graph

    def check(content: bytes, role: str, *more: object) -> None:
        roles.append(role)
        real(content, role, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(graph, "check_graph", check)
    return roles


def test_it_is_judged_once(tmp_path: Path, judged: list[str]) -> None:
    folder = write_worded(tmp_path / "b", 5).folder
    open_bundle(folder)
    assert judged == ["text_encoder", "denoiser", "decoder"]
    open_bundle(folder)
    folder.rename(tmp_path / "elsewhere")  # its content counts, not its place
    open_bundle(tmp_path / "elsewhere")
    assert len(judged) == 3
    other = write_worded(tmp_path / "other", 6).folder
    open_bundle(other)
    assert len(judged) == 6


def test_a_sound_bundle_that_is_altered_is_refused(tmp_path: Path) -> None:
    bundle = write_worded(tmp_path / "b", 5)
    open_bundle(bundle.folder)
    for name in bundle.manifest.files:
        path = bundle.folder / name
        content = path.read_bytes()
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        with pytest.raises(BundleError, match="was altered"):
            open_bundle(bundle.folder)
        path.write_bytes(content[:-1])
        with pytest.raises(BundleError, match="bytes instead of"):
            open_bundle(bundle.folder)
        path.write_bytes(content)
    open_bundle(bundle.folder)


def test_what_is_refused_is_judged_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_worded(tmp_path / "b", 5).folder

    def refuse(*anything: object) -> None:
        raise BundleError("multiplies too much")

    with monkeypatch.context() as patch:
        patch.setattr(graph, "check_graph", refuse)
        for _ in range(2):
            with pytest.raises(BundleError, match="multiplies too much"):
                open_bundle(folder)
    open_bundle(folder)


def test_other_rules_judge_anew(
    tmp_path: Path, judged: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_worded(tmp_path / "b", 5).folder
    open_bundle(folder)
    monkeypatch.setattr(soundness, "_rules", lambda: b"other rules")
    open_bundle(folder)
    assert len(judged) == 6


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
@pytest.mark.parametrize("harm", ["folder", "file", "link"])
def test_a_verdict_that_others_may_have_written_does_not_count(
    tmp_path: Path, cache: Path, judged: list[str], harm: str
) -> None:
    folder = write_worded(tmp_path / "b", 5).folder
    open_bundle(folder)
    (verdict,) = cache.iterdir()
    if harm == "folder":
        cache.chmod(0o777)
    elif harm == "file":
        verdict.chmod(0o666)
    else:
        verdict.rename(tmp_path / "v")
        verdict.symlink_to(tmp_path / "v")
    open_bundle(folder)
    assert len(judged) == 6


def test_without_a_cache_it_is_judged_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, judged: list[str]
) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    folder = write_worded(tmp_path / "b", 5).folder
    open_bundle(folder)
    open_bundle(folder)
    assert len(judged) == 6
