from __future__ import annotations

import multiprocessing
import os
import random
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runtime.bundles.files import sha256_file
from runtime.durable import PARTIAL
from runtime.enginecache.cache import EngineCache
from runtime.enginecache.entry import Entry, EntryKey, contents
from runtime.enginecache.place import QUARANTINE
from runtime.errors import EngineError, TargetError
from runtime.slug import slug
from tests.support.seeds import draw_seed

posix = pytest.mark.skipif(sys.platform == "win32", reason="owners and modes the POSIX way")
busy = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
SPAWN = multiprocessing.get_context("spawn")


def is_whole(entry: Entry) -> bool:
    return set(contents(entry.folder)) == set(entry.files) and all(
        sha256_file(entry.folder / name) == record for name, record in entry.files.items()
    )


def make_key(model: str = "sd turbo", **changed: str) -> EntryKey:
    fields = {"kind": "engine", "role": "denoiser", "weights": "a" * 64, "gpu": "RTX 4090"}
    return EntryKey(model, fields | changed)


def write_plan(data: bytes = b"plan") -> Any:
    def build(folder: Path) -> Mapping[str, Any]:
        (folder / "engine.plan").write_bytes(data)
        return {"driver": "1"}

    return build


def put(cache: EngineCache, key: EntryKey, data: bytes = b"plan") -> Entry:
    return cache.get_or_build(key, write_plan(data))


def test_an_entry_is_found_again_and_loads(tmp_path: Path) -> None:
    cache = EngineCache(tmp_path / "new" / "cache")
    put(cache, make_key(), b"code")
    entry = EngineCache(cache.root).find(make_key())
    assert entry is not None
    assert cache.load(entry, "engine.plan") == b"code"
    assert entry.notes == {"driver": "1"}


def test_the_second_builder_reuses_the_first_ones_entry(tmp_path: Path) -> None:
    cache = EngineCache(tmp_path)
    put(cache, make_key(), b"first")
    assert cache.load(put(cache, make_key(), b"second"), "engine.plan") == b"first"


@busy
@given(st.dictionaries(st.text(), st.text(), min_size=1), st.data())
def test_any_changed_field_is_another_key(fields: dict[str, str], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(fields)))
    other = data.draw(st.text().filter(lambda value: value != fields[name]))
    key = EntryKey("m", fields)
    assert key.digest() == EntryKey("other label", dict(reversed(fields.items()))).digest()
    assert key.digest() != EntryKey("m", fields | {name: other}).digest()


@pytest.mark.fault(22)
@busy
@given(st.text())
def test_a_model_name_never_becomes_a_path(name: str) -> None:
    made = make_key(name).name()
    assert made == slug(name, 40, marks="-") + made[-25:]
    assert set(made) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert not made.startswith("-")


HOSTILE = (
    "../../etc/cron.d/x",
    "/etc/passwd",
    "C:\\Windows\\x",
    "\\\\server\\share",
    "a\0b",
    "a\nb\x1b[31m",
    "..",
    "con",
    "x" * 500,
    "模型",
)


@pytest.mark.fault(22)
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_never_becomes_a_path(name: str, tmp_path: Path) -> None:
    cache = EngineCache(tmp_path)
    key = EntryKey(name, {"kind": "x", "model": name})
    entry = cache.get_or_build(key, lambda folder: {})
    assert entry.folder.parent == cache.root
    assert entry.folder.resolve().is_relative_to(cache.root.resolve())
    assert set(entry.folder.name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert Path(slug(name)).name == slug(name)
    assert slug(name) not in ("", ".", "..")


def test_a_folder_is_private(tmp_path: Path) -> None:
    cache = EngineCache(tmp_path / "cache")
    old = os.umask(0o002)
    try:
        entry = put(cache, make_key())
    finally:
        os.umask(old)
    assert cache.root.stat().st_mode & 0o777 == 0o700
    assert entry.folder.stat().st_mode & 0o777 == 0o700


def test_prune_keeps_what_was_used_and_counts_what_it_frees(tmp_path: Path) -> None:
    cache = EngineCache(tmp_path)
    old, new = put(cache, make_key(gpu="A"), b"x" * 1000), put(cache, make_key(gpu="B"))
    os.utime(old.folder / "manifest.json", (time.time() - 9 * 86400,) * 2)
    bad = put(cache, make_key(gpu="C"))
    cache.quarantine(bad.folder)
    (tmp_path / f"dead{PARTIAL}").mkdir()
    count, freed = cache.prune(older_than_s=7 * 86400)
    assert count == 3
    assert freed > 1000
    assert [entry.folder for entry in cache.entries()] == [new.folder]
    assert not list((tmp_path / QUARANTINE).iterdir())


def test_loading_counts_as_use(tmp_path: Path) -> None:
    cache = EngineCache(tmp_path)
    entry = put(cache, make_key())
    os.utime(entry.folder / "manifest.json", (1, 1))
    cache.load(entry, "engine.plan")
    assert cache.prune(older_than_s=3600) == (0, 0)


def test_replace_keeps_the_old_entry_until_the_new_one_is_whole(tmp_path: Path) -> None:
    cache = EngineCache(tmp_path)
    put(cache, make_key(), b"old")

    def fail(folder: Path) -> Mapping[str, Any]:
        (folder / "engine.plan").write_bytes(b"half")
        raise EngineError("no")

    with pytest.raises(EngineError):
        cache.replace(make_key(), fail)
    entry = cache.find(make_key())
    assert entry is not None
    assert cache.load(entry, "engine.plan") == b"old"
    assert cache.load(cache.replace(make_key(), write_plan(b"new")), "engine.plan") == b"new"
    assert len(list(tmp_path.glob("sd-turbo*"))) == 1


def _race(root: Path, tag: str, log: Path) -> None:
    def build(folder: Path) -> Mapping[str, Any]:
        with log.open("a") as stream:
            stream.write(f"{tag} builds\n")
        time.sleep(0.5)
        return dict(write_plan(tag.encode())(folder))

    EngineCache(root).get_or_build(make_key(), build)


@pytest.mark.fault(6)
def test_two_builders_build_once(tmp_path: Path) -> None:
    log = tmp_path / "log"
    racers = [SPAWN.Process(target=_race, args=(tmp_path / "c", tag, log)) for tag in "ab"]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join(30)
        assert racer.exitcode == 0
    assert len(log.read_text().splitlines()) == 1
    assert len(EngineCache(tmp_path / "c").entries()) == 1


def _slow_write(root: Path) -> None:
    def build(folder: Path) -> Mapping[str, Any]:
        with (folder / "engine.plan").open("wb") as stream:
            for _ in range(2000):
                stream.write(os.urandom(1000))
                stream.flush()
                time.sleep(0.0001)
        return {}

    EngineCache(root).get_or_build(make_key(), build)


@pytest.mark.fault(5)
def test_a_builder_killed_at_any_moment_leaves_nothing_visible(tmp_path: Path) -> None:
    cache = EngineCache(tmp_path)
    draws = random.Random(draw_seed())
    for _ in range(3):
        builder = SPAWN.Process(target=_slow_write, args=(tmp_path,))
        builder.start()
        while builder.is_alive() and not list(tmp_path.glob(f"*{PARTIAL}")):
            time.sleep(0.001)
        time.sleep(draws.uniform(0.0, 0.3))
        builder.kill()
        builder.join()
        entry = cache.find(make_key())
        if entry:  # the kill came after the last rename
            assert is_whole(entry)
            cache.prune(older_than_s=-1)
    assert cache.load(put(cache, make_key(), b"clean"), "engine.plan") == b"clean"
    assert not list(tmp_path.glob(f"*{PARTIAL}"))


def test_an_unwritable_cache_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(TargetError, match="cannot be written"):
        put(EngineCache(tmp_path / "file" / "cache"), make_key())


@posix
def test_a_cache_that_others_can_write_to_is_refused_with_the_command(tmp_path: Path) -> None:
    cache = EngineCache(tmp_path / "my cache")
    put(cache, make_key())
    for mode in (0o720, 0o702):
        cache.root.chmod(mode)
        for ask in (lambda: cache.find(make_key()), cache.entries, lambda: put(cache, make_key())):
            with pytest.raises(EngineError, match=r"run: chmod 700 '.*/my cache'$"):
                ask()
    cache.root.chmod(0o700)
    assert cache.find(make_key())


@pytest.mark.fault(23)
def test_a_cache_of_another_user_is_one_line_everywhere(tmp_path: Path) -> None:
    """This is what a first run under sudo leaves behind."""
    if sys.platform == "win32" or os.getuid():
        pytest.skip("only root gives files away")
    cache = EngineCache(tmp_path / "cache")
    put(cache, make_key())
    os.chown(cache.root, 4321, -1)
    for ask in (
        lambda: cache.find(make_key()),
        cache.entries,
        lambda: cache.prune(0),
        lambda: cache.explain_miss(make_key()),
    ):
        with pytest.raises(EngineError, match="belongs to another user") as caught:
            ask()
        assert "\n" not in str(caught.value)


def test_loading_from_a_cache_whose_times_cannot_be_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = EngineCache(tmp_path)
    entry = put(cache, make_key(), b"code")

    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "utime", refuse)
    assert cache.load(entry, "engine.plan") == b"code"


def test_an_entry_that_goes_while_it_is_looked_at_was_never_used(tmp_path: Path) -> None:
    cache = EngineCache(tmp_path)
    entry = put(cache, make_key())
    (entry.folder / "manifest.json").unlink()
    assert entry.used == 0


def test_quarantine_that_cannot_be_made_is_an_error_of_one_line(tmp_path: Path) -> None:
    cache = EngineCache(tmp_path)
    entry = put(cache, make_key())
    (tmp_path / QUARANTINE).write_text("in the way")
    with pytest.raises(EngineError, match="cannot be trusted nor moved away"):
        cache.quarantine(entry.folder)


def test_prune_leaves_alone_what_is_locked(tmp_path: Path) -> None:
    """Sealed or not: OpenVINO writes into a folder that has no manifest yet."""
    cache = EngineCache(tmp_path)
    put(cache, make_key(gpu="old"))
    busy, used = make_key(gpu="busy"), make_key(gpu="used")
    put(cache, used)
    with cache.locked(busy), cache.locked(used):
        cache.folder(busy).mkdir()
        left = cache.folder(busy).with_name(f"{busy.name()}.17{PARTIAL}")
        left.mkdir()
        assert EngineCache(tmp_path).prune(older_than_s=-1)[0] == 1
        assert cache.folder(busy).is_dir()
        assert left.is_dir()
        assert cache.find(used)
    assert EngineCache(tmp_path).prune(older_than_s=-1)[0] == 3


@pytest.mark.parametrize("change", [('"bytes": 4', '"bytes": "4"'), ('"format": 1', '"format": 2')])
def test_an_entry_that_this_program_did_not_write_is_no_entry(
    tmp_path: Path, change: tuple[str, str]
) -> None:
    cache = EngineCache(tmp_path)
    manifest = put(cache, make_key()).folder / "manifest.json"
    assert len(cache.entries()) == 1
    manifest.write_text(manifest.read_text().replace(*change))
    assert cache.entries() == []


def test_an_entry_made_for_something_else_names_the_field(tmp_path: Path) -> None:
    cache = EngineCache(tmp_path)
    manifest = put(cache, make_key()).folder / "manifest.json"
    manifest.write_text(manifest.read_text().replace("RTX 4090", "RTX 3060"))
    assert cache.find(make_key()) is None
    assert cache.explain_miss(make_key()) == "gpu is RTX 4090, built for RTX 3060"
