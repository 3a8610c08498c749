"""Folders that may not be read hide what is in them, and nothing else."""

from __future__ import annotations

import builtins
import io
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from runtime.bundles.library import built_in
from tests.support import cli as support

Cli = Callable[..., tuple[int, str]]


@pytest.fixture
def cli(cli: support.Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Cli:
    """Run ``wordmorph …`` in a folder of its own: (exit status, all it printed)."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("COLUMNS", "400")

    def run(*words: str) -> tuple[int, str]:
        status, out, err = cli(*words)
        assert len(err.splitlines()) <= 1 or words[0] == "render"  # a progress bar
        return status, out + err

    return run


@pytest.fixture
def lock(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Return what makes a folder unreadable, for root too."""

    def locked(folder: Path) -> None:
        inside = f"{folder}{os.sep}"

        def guard(real: Callable[..., object], *, itself: bool) -> Callable[..., object]:
            def guarded(path: object = ".", *words: object, **named: object) -> object:
                text = os.fspath(path) if isinstance(path, str | os.PathLike) else ""
                if str(text).startswith(inside) or (itself and str(text) == str(folder)):
                    raise PermissionError(13, os.strerror(13), str(text))
                return real(path, *words, **named)

            return guarded

        for name, itself in (("stat", False), ("lstat", False), ("listdir", True)):
            monkeypatch.setattr(os, name, guard(getattr(os, name), itself=itself))
        monkeypatch.setattr(os, "scandir", guard(os.scandir, itself=True))
        opened = guard(builtins.open, itself=True)
        for module in (builtins, io):
            monkeypatch.setattr(module, "open", opened)

    return locked


@pytest.mark.parametrize("variable", ["WORDMORPH_HOME", "XDG_DATA_HOME"])
def test_without_the_folder_of_bundles_the_built_in_model_works(
    cli: Cli,
    lock: Callable[[Path], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
) -> None:
    closed = tmp_path / "closed"
    (closed / "wordmorph" / "bundles").mkdir(parents=True)
    monkeypatch.setenv(variable, str(closed))
    lock(closed)
    status, message = cli("models")
    assert status == 0
    assert "critters" in message
    assert f"{closed}" in message
    assert "cannot be read (Permission denied)" in message
    status, message = cli("doctor")
    assert status == 1
    assert "the models built there are not known" in message
    status, message = cli("tokens", "cat -> kitten")
    assert status == 0
    status, message = cli("render", "cat", "-o", "a.png", "--backend", "openvino")
    assert status == 0, message
    status, message = cli("render", "cat", "-o", "b.png", "--model", "mine")
    assert status == 1
    assert "Permission denied" in message


def test_a_bundle_that_may_not_be_read_is_named(
    cli: Cli, lock: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    shutil.copytree(built_in(), home / "mine")
    monkeypatch.setenv("WORDMORPH_HOME", str(home))
    lock(home / "mine")
    status, message = cli("models")
    assert status == 0
    assert "mine" in message
    status, message = cli("doctor")
    assert "model mine" in message
    for words in (("tokens", "cat"), ("render", "cat", "-o", "a.png")):
        status, message = cli(*words, "--model", "mine")
        assert status == 1
        assert "Permission" in message
    assert os.listdir(".") == []


def test_one_file_of_a_bundle_that_may_not_be_read_is_named(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    shutil.copytree(built_in(), home / "mine")
    monkeypatch.setenv("WORDMORPH_HOME", str(home))
    real = os.open

    def guarded(path: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if str(path).endswith("mine/decoder.onnx.data"):
            raise PermissionError(13, os.strerror(13), str(path))
        return real(path, flags, mode, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", guarded)
    status, message = cli("render", "cat", "-o", "a.png", "--model", "mine")
    assert status == 1
    assert "decoder.onnx.data cannot be read: Permission denied" in message
