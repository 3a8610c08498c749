"""Checkpoints and bundles of every family, each made once for all tests."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from export.build import build
from export.checkpoints.presets import ModelSpec
from runtime.bundles.bundle import Bundle
from tests.support.models import checkpoints
from tests.support.models.checkpoints import Checkpoints


@pytest.fixture(scope="session")
def checkpoint_of(tmp_path_factory: pytest.TempPathFactory) -> Checkpoints:
    """Return a function from a family to the folder of a checkpoint; do not write there."""
    root = tmp_path_factory.mktemp("checkpoints")
    return cache(lambda family: checkpoints.make(root / family, family))


@pytest.fixture(scope="session")
def bundle_of(
    checkpoint_of: Checkpoints, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Bundle]:
    """Return a function from a family to its bundle; do not write there."""
    root = tmp_path_factory.mktemp("bundles")

    def made(family: str) -> Bundle:
        spec = ModelSpec(family, checkpoint_of(family), "a test", steps=(1, 2, 4))
        return build(spec, root / family)

    return cache(made)


@pytest.fixture
def folder(tmp_path: Path, checkpoint_of: Checkpoints) -> Path:
    """A checkpoint of its own, to be damaged."""
    return Path(shutil.copytree(checkpoint_of("sd15"), tmp_path / "mine"))


@pytest.fixture
def children(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[str]]:
    """The child processes that were started."""
    started: list[subprocess.Popen[str]] = []
    real = subprocess.Popen

    def remember(*args: Any, **settings: Any) -> Any:
        started.append(real(*args, **settings))
        return started[-1]

    monkeypatch.setattr(subprocess, "Popen", remember)
    return started
