"""Locks: nobody waits for a process that does nothing, nor in silence, and none stay behind."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from runtime.bundles.files import FileRecord
from runtime.enginecache.cache import EngineCache
from runtime.enginecache.entry import EntryKey
from runtime.enginecache.holder import Busy
from runtime.engines.openvino import cache as openvinocache
from runtime.engines.openvino.cache import openvino_cache, openvino_key
from tests.support.models.tinybundle import tiny_bundle

KEY = EntryKey("mine", {"kind": "x"})
HOLD = """
import sys, time
from pathlib import Path
from runtime.enginecache.cache import EngineCache
from runtime.enginecache.entry import EntryKey
with EngineCache(Path(sys.argv[1])).locked(EntryKey(sys.argv[2], eval(sys.argv[3]))):
    print("held", flush=True)
    time.sleep(60)
"""
posix = pytest.mark.skipif(sys.platform == "win32", reason="stops processes the POSIX way")


class Holder:
    """A process that holds the lock of an entry."""

    def __init__(self, root: Path, key: EntryKey) -> None:
        arguments = [str(root), key.model, repr(dict(key.fields))]
        self.process = subprocess.Popen(
            [sys.executable, "-c", HOLD, *arguments],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[3],
        )
        assert self.process.stdout
        assert self.process.stdout.readline() == "held\n"

    def stop(self) -> None:
        if sys.platform == "win32":
            raise NotImplementedError
        self.process.send_signal(signal.SIGSTOP)

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def held(tmp_path: Path) -> Iterator[Holder]:
    holder = Holder(tmp_path, KEY)
    yield holder
    holder.close()


@posix
def test_a_stopped_process_is_not_waited_for(held: Holder, tmp_path: Path) -> None:
    held.stop()
    started = time.monotonic()
    with (
        pytest.raises(Busy, match=f"process {held.process.pid}, which is stopped") as caught,
        EngineCache(tmp_path).locked(KEY),
    ):
        pass
    assert time.monotonic() - started < 5
    assert "\n" not in str(caught.value)


@posix
def test_a_process_that_is_stopped_while_others_wait_is_noticed(
    held: Holder, tmp_path: Path
) -> None:
    with (
        pytest.raises(Busy, match="which is stopped"),
        EngineCache(tmp_path).locked(KEY, lambda: held.stop()),
    ):
        pass


def test_a_process_that_goes_on_is_waited_for_with_one_word(held: Holder, tmp_path: Path) -> None:
    message: list[str] = []

    def say() -> None:
        message.append("waiting")

    with (
        pytest.raises(Busy, match="too long"),
        EngineCache(tmp_path).locked(KEY, say, timeout_s=1.2),
    ):
        pass
    assert message == ["waiting"]

    def end() -> None:
        say()
        held.process.kill()

    with EngineCache(tmp_path).locked(KEY, end):
        assert message == ["waiting"] * 2


@posix
def test_a_model_opens_without_its_cache_and_says_why_when_a_stopped_process_has_it(
    tmp_path: Path,
) -> None:
    bundle = tiny_bundle(tmp_path, {"g.onnx": FileRecord("0" * 64, 1)})
    holder = Holder(tmp_path / "cache", openvino_key(bundle, "f32"))
    holder.stop()
    started = time.monotonic()
    with ExitStack() as stack:
        with pytest.warns(RuntimeWarning, match="which is stopped.*compiled without its cache"):
            folder = stack.enter_context(openvino_cache(bundle, "f32", tmp_path / "cache"))
        assert folder.is_dir()
        assert not folder.is_relative_to(tmp_path / "cache")
    assert time.monotonic() - started < 5
    holder.close()


def test_a_model_that_waits_for_another_process_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openvinocache, "LOCK_WAIT_S", 0.6)
    bundle = tiny_bundle(tmp_path, {"g.onnx": FileRecord("0" * 64, 1)})
    holder = Holder(tmp_path / "cache", openvino_key(bundle, "f32"))
    with (
        pytest.warns(RuntimeWarning, match=r"another process is compiling tiny: waiting"),
        pytest.warns(RuntimeWarning, match=r"too long; compiled without its cache"),
        openvino_cache(bundle, "f32", tmp_path / "cache") as folder,
    ):
        assert folder.is_dir()
    holder.close()


def test_prune_leaves_no_lock_behind_but_those_that_are_held(tmp_path: Path) -> None:
    cache = EngineCache(tmp_path)
    for number in range(30):
        cache.get_or_build(EntryKey("mine", {"number": str(number)}), lambda folder: {})
    locks = tmp_path / "locks"
    assert len(list(locks.iterdir())) == 30
    cache.prune(older_than_s=3600)
    assert len(list(locks.iterdir())) == 30, "entries that stay keep theirs"
    holder = Holder(tmp_path, KEY)
    assert cache.prune(older_than_s=-1)[0] == 30
    assert [path.name for path in locks.iterdir()] == [f"{KEY.name()}.lock"]
    holder.close()
    cache.prune(older_than_s=-1)
    assert list(locks.iterdir()) == []


def test_a_lock_file_that_prune_takes_away_still_excludes(tmp_path: Path) -> None:
    """Whoever waits on the file that is gone must come to hold the new one."""
    cache = EngineCache(tmp_path)
    for _ in range(50):
        with cache.locked(KEY):
            cache.prune(older_than_s=-1)
            other = EngineCache(tmp_path)
            with pytest.raises(Busy), other.locked(KEY, timeout_s=0):
                pass
        cache.prune(older_than_s=-1)
