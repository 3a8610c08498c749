"""Builds that are stopped, raced, starved of space or memory, or killed."""

from __future__ import annotations

import multiprocessing
import random
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from runtime.bundles.bundle import Bundle
from runtime.enginecache.cache import EngineCache
from runtime.enginecache.entry import EntryKey
from runtime.engines.childprocess import child_environment
from runtime.engines.tensorrt import enginekey
from runtime.errors import TargetError
from tests.support.building import builder, ignore, no_leftovers, one_line
from tests.support.models.tinybundle import write_tiny
from tests.support.seeds import draw_seed

pytest.importorskip("tensorrt_rtx")

BUILD = """
import sys
from pathlib import Path
from export.tensorrt.builder import Builder, Options
from runtime.bundles.bundle import open_bundle
from runtime.enginecache.cache import EngineCache
from runtime.engines.gpu import Gpu
builder = Builder(
    open_bundle(Path(sys.argv[1])), "tensorrt_rtx", Gpu("any", "8.9"),
    EngineCache(Path(sys.argv[2])), Options(),
)
print("ready", flush=True)
entry, made = builder.build(sys.argv[3], lambda *a: None, lambda *a: None)
print("made" if made else "reused", flush=True)
"""


def start_build(bundle: Bundle, cache: EngineCache) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", BUILD, str(bundle.folder), str(cache.root), "denoiser"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=child_environment(),
        text=True,
    )


@pytest.mark.fault(5)
@pytest.mark.parametrize("how", ["SIGKILL", "SIGINT"])
@pytest.mark.skipif(sys.platform == "win32", reason="it has other ways to stop a process")
def test_a_build_stopped_at_a_random_moment_leaves_nothing_visible(
    tmp_path: Path, cache: EngineCache, how: str
) -> None:
    """The next build of the same engine is what cleans up, and nothing else."""
    draws = random.Random(draw_seed())
    for seed in range(2, 5):
        bundle = write_tiny(tmp_path / f"b{seed}", seed)
        child = start_build(bundle, cache)
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        time.sleep(draws.uniform(0.0, 1.0))
        child.send_signal(signal.Signals[how])
        child.communicate(timeout=60)
        before = [entry.folder for entry in cache.entries()]
        for entry in cache.entries():
            assert all(cache.load(entry, name) for name in entry.files)
        entry, made = builder(bundle, cache).build("denoiser", ignore, ignore)
        assert made == (entry.folder not in before), "only a build that was quicker is kept"
        assert cache.load(entry, enginekey.PLAN)
        assert no_leftovers(cache)


@pytest.mark.fault(6)
def test_the_second_builder_waits_and_reuses(bundle: Bundle, cache: EngineCache) -> None:
    racers = [start_build(bundle, cache) for _ in range(2)]
    printed = sorted(racer.communicate(timeout=120)[0].split()[-1] for racer in racers)
    assert printed == ["made", "reused"]
    assert len(cache.entries()) == 1


SPAWN = multiprocessing.get_context("spawn")


def _full(root: Path) -> None:
    if sys.platform == "win32":
        return
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    def build(folder: Path) -> Mapping[str, Any]:
        (folder / enginekey.PLAN).write_bytes(bytes(100_000))
        return {}

    try:
        EngineCache(root).replace(EntryKey("m", {"kind": "x"}), build)
    except TargetError as error:
        assert "engines prune" in str(error)  # noqa: PT017  # in a child process
        sys.exit(7)


@pytest.mark.fault(7)
@pytest.mark.skipif(sys.platform == "win32", reason="a limit for files is set the POSIX way")
def test_no_room_keeps_the_old_engine_and_no_half_of_the_new(cache: EngineCache) -> None:
    """The kernel refuses to let the file grow, as a full disk or a quota would."""
    key = EntryKey("m", {"kind": "x"})

    def build(folder: Path) -> Mapping[str, Any]:
        (folder / enginekey.PLAN).write_bytes(b"old")
        return {}

    cache.get_or_build(key, build)
    child = SPAWN.Process(target=_full, args=(cache.root,))
    child.start()
    child.join(60)
    assert child.exitcode == 7
    entry = cache.find(key)
    assert entry is not None
    assert cache.load(entry, enginekey.PLAN) == b"old"
    assert no_leftovers(cache)


@pytest.mark.fault(7)
def test_a_disk_that_is_really_full(bundle: Bundle, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("no right to mount a small disk here")
    try:
        cache = EngineCache(disk / "cache")
        with pytest.raises(TargetError, match=r"needs about 0\.0 GB.*engines prune"):
            builder(bundle, cache).build("decoder", ignore, ignore)

        def build(folder: Path) -> Mapping[str, Any]:
            (folder / enginekey.PLAN).write_bytes(bytes(1 << 20))
            return {}

        with pytest.raises(TargetError, match="filled up") as caught:
            cache.get_or_build(EntryKey("m", {"kind": "x"}), build)
        one_line(caught)
        assert no_leftovers(cache)
        assert not cache.entries()
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.fault(7)
def test_too_little_room_is_said_before_the_work(cache: EngineCache) -> None:
    def build(folder: Path) -> Mapping[str, Any]:
        raise AssertionError("the work was begun")

    with pytest.raises(TargetError, match="make room"):
        cache.get_or_build(EntryKey("m", {"kind": "x"}), build, need_bytes=1 << 60)
