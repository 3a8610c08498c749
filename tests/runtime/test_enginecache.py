from __future__ import annotations

import multiprocessing
import os
import random
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import openvino as ov
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from openvino import properties as props

from runtime.bundle import FileRecord, sha256_file
from runtime.cachefolder import Entry, Key, slug, verify
from runtime.enginecache import (
    PARTIAL,
    QUARANTINE,
    EngineCache,
)
from runtime.engines.openvinocache import openvino_cache, seal_openvino
from runtime.errors import EngineError, TargetError
from tests.tinybundle import tiny_bundle

SPAWN = multiprocessing.get_context("spawn")


def make_key(model: str = "sd turbo", **changed: str) -> Key:
    fields = {"kind": "engine", "role": "denoiser", "weights": "a" * 64, "gpu": "RTX 4090"}
    return Key(model, fields | changed)


def write_plan(data: bytes = b"plan") -> Any:
    def build(folder: Path) -> Mapping[str, Any]:
        (folder / "engine.plan").write_bytes(data)
        return {"driver": "1"}

    return build


def put(cache: EngineCache, key: Key, data: bytes = b"plan") -> Entry:
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


@given(st.dictionaries(st.text(), st.text(), min_size=1), st.data())
def test_any_changed_field_is_another_key(fields: dict[str, str], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(fields)))
    other = data.draw(st.text().filter(lambda value: value != fields[name]))
    key = Key("m", fields)
    assert key.digest() == Key("other label", dict(reversed(fields.items()))).digest()
    assert key.digest() != Key("m", fields | {name: other}).digest()


@given(st.text())
def test_a_model_name_never_becomes_a_path(name: str) -> None:
    made = make_key(name).name()
    assert made == slug(name) + made[-25:]
    assert set(made) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert not made.startswith("-")


def test_a_folder_is_private(tmp_path: Path) -> None:
    cache = EngineCache(tmp_path / "cache")
    cache.root.mkdir(mode=0o777)
    cache.root.chmod(0o777)
    entry = put(cache, make_key())
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


def test_a_builder_killed_at_any_moment_leaves_nothing_visible(tmp_path: Path) -> None:
    cache = EngineCache(tmp_path)
    for _ in range(3):
        builder = SPAWN.Process(target=_slow_write, args=(tmp_path,))
        builder.start()
        while builder.is_alive() and not list(tmp_path.glob(f"*{PARTIAL}")):
            time.sleep(0.001)
        time.sleep(random.uniform(0.0, 0.3))
        assert builder.pid is not None
        os.kill(builder.pid, signal.SIGKILL)
        builder.join()
        entry = cache.find(make_key())
        if entry:  # the kill came after the last rename
            assert verify(entry)
            cache.prune(older_than_s=-1)
    assert cache.load(put(cache, make_key(), b"clean"), "engine.plan") == b"clean"
    assert not list(tmp_path.glob(f"*{PARTIAL}"))


def test_an_unwritable_cache_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(TargetError, match="cannot be written"):
        put(EngineCache(tmp_path / "file" / "cache"), make_key())


def _matmul(path: Path, fill: float) -> None:
    weights = np.full((64, 64), fill, np.float32)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 64])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 64])],
        [numpy_helper.from_array(weights, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.save(model, path, save_as_external_data=True, location="d.data", size_threshold=0)


def _mean(path: Path, cache: Path) -> tuple[float, bool]:
    model = ov.Core().compile_model(path, "CPU", {props.cache_dir: str(cache)})
    mean = float(model(np.ones((1, 64), np.float32))[0].mean())
    return mean, bool(model.get_property("LOADED_FROM_CACHE"))


def test_openvino_never_serves_the_weights_of_another_bundle(tmp_path: Path) -> None:
    """The graph's path and text stay the same while its data file changes."""
    graph, root = tmp_path / "g.onnx", tmp_path / "cache"
    for fill in (1.0, 3.0):
        graph.unlink(missing_ok=True)
        (tmp_path / "d.data").unlink(missing_ok=True)
        _matmul(graph, fill)
        files = {name: sha256_file(tmp_path / name) for name in ("g.onnx", "d.data")}
        bundle = tiny_bundle(tmp_path, files)
        for again in (False, True):
            cache = openvino_cache(bundle, "f32", root)
            mean, cached = _mean(graph, cache)
            assert mean == pytest.approx(64 * fill)
            assert cached is again
            seal_openvino(cache, bundle, "f32", root)


def test_a_flipped_bit_in_an_openvino_blob_is_compiled_again(tmp_path: Path) -> None:
    graph, root = tmp_path / "g.onnx", tmp_path / "cache"
    _matmul(graph, 1.0)
    bundle = tiny_bundle(tmp_path, {"g.onnx": sha256_file(graph)})
    cache = openvino_cache(bundle, "f32", root)
    _mean(graph, cache)
    seal_openvino(cache, bundle, "f32", root)
    (blob,) = cache.glob("*.blob")
    data = bytearray(blob.read_bytes())
    data[len(data) // 2] ^= 0x40
    blob.write_bytes(data)
    mean, cached = _mean(graph, openvino_cache(bundle, "f32", root))
    assert mean == pytest.approx(64.0)
    assert not cached


def test_an_openvino_blob_that_was_never_sealed_costs_only_itself(tmp_path: Path) -> None:
    graph, root = tmp_path / "g.onnx", tmp_path / "cache"
    _matmul(graph, 1.0)
    bundle = tiny_bundle(tmp_path, {"g.onnx": sha256_file(graph)})
    cache = openvino_cache(bundle, "f32", root)
    _mean(graph, cache)
    seal_openvino(cache, bundle, "f32", root)
    (cache / "late.blob").write_bytes(b"half")
    _, cached = _mean(graph, openvino_cache(bundle, "f32", root))
    assert cached
    assert not (cache / "late.blob").exists()


def test_openvino_without_a_writable_cache_still_compiles(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    bundle = tiny_bundle(tmp_path, {"g.onnx": FileRecord("0" * 64, 1)})
    folder = openvino_cache(bundle, "f32", tmp_path / "file" / "cache")
    assert folder.is_dir()
    seal_openvino(folder, bundle, "f32", tmp_path / "file" / "cache")
