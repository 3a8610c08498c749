"""Bundles come to light whole or not at all, whoever else is writing and whatever died before."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from runtime.bundles.bundle import Bundle, open_bundle
from runtime.bundles.manifest import MANIFEST
from runtime.bundles.publish import staging, write_bundle
from runtime.errors import TargetError
from tests.support.models.tinybundle import write_tiny


def publish(target: Path, model: str) -> Bundle:
    with staging(target) as staged:
        made = write_tiny(staged)
        return write_bundle(staged, replace(made.manifest, model=model, files={}), target)


def dead_pid() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        pass
    return process.pid


def test_a_bundle_reads_back_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "mine"
    bundle = publish(target, "a")
    assert open_bundle(target).manifest == bundle.manifest
    inside = {path.name for path in target.iterdir()}
    assert set(bundle.manifest.files) == inside - {MANIFEST}
    assert os.listdir(target.parent) == ["mine"]


def test_racing_builders_leave_one_whole_bundle(tmp_path: Path) -> None:
    target = tmp_path / "mine"
    with ThreadPoolExecutor(8) as pool:
        for bundle in pool.map(lambda i: publish(target, f"m{i}"), range(40)):
            assert bundle.folder == target
    assert open_bundle(target).manifest.model.startswith("m")
    assert os.listdir(tmp_path) == ["mine"]


def test_a_failed_build_leaves_the_old_bundle(tmp_path: Path) -> None:
    target = tmp_path / "mine"
    publish(target, "old")

    def failing() -> None:
        with staging(target) as staged:
            (staged / "half").write_text("x", encoding="utf-8")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        failing()
    assert open_bundle(target).manifest.model == "old"
    assert os.listdir(tmp_path) == ["mine"]


def test_leftovers_of_the_dead_are_removed_and_of_the_living_kept(tmp_path: Path) -> None:
    dead = tmp_path / f".mine.{dead_pid()}.abc.partial"
    alive = tmp_path / f".mine.{os.getppid()}.abc.partial"
    other = tmp_path / f".other.{dead_pid()}.abc.partial"
    for folder in (dead, alive, other):
        folder.mkdir()
    publish(tmp_path / "mine", "a")
    assert not dead.exists()
    assert alive.exists()
    assert other.exists()


def test_a_bundle_that_was_being_replaced_comes_back(tmp_path: Path) -> None:
    target = tmp_path / "mine"
    publish(target, "old")
    os.replace(target, tmp_path / f".mine.{dead_pid()}.abc0.old")
    with staging(target):
        assert open_bundle(target).manifest.model == "old"
    assert os.listdir(tmp_path) == ["mine"]


def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    def full() -> None:
        with staging(tmp_path / "mine"):
            raise OSError(28, "No space left on device")

    with pytest.raises(TargetError, match="no space left for") as caught:
        full()
    assert "\n" not in str(caught.value)
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(getattr(os, "geteuid", int)() == 0, reason="root may write anywhere")
def test_an_unwritable_place_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(TargetError, match="cannot be written"):
        publish(tmp_path / "mine", "a")


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(TargetError, match="cannot be written"):
        publish(tmp_path / "file" / "mine", "a")
    with pytest.raises(TargetError, match="is not a bundle"):
        publish(tmp_path / "file", "a")
    assert (tmp_path / "file").read_text(encoding="utf-8") == "x"


def test_a_model_whose_name_begins_like_another_leaves_that_one_alone(tmp_path: Path) -> None:
    publish(tmp_path / "sd.v2", "old")
    aside = tmp_path / f".sd.v2.{dead_pid()}.abc0.old"
    os.replace(tmp_path / "sd.v2", aside)
    publish(tmp_path / "sd", "a")
    assert aside.is_dir()
    with staging(tmp_path / "sd.v2"):
        assert open_bundle(tmp_path / "sd.v2").manifest.model == "old"
