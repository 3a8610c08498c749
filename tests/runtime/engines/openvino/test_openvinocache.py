"""OpenVINO's blobs are those of these very weights, whole, and compiled once."""

from __future__ import annotations

import multiprocessing
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from openvino import properties as props

from runtime.bundles.bundle import Bundle
from runtime.bundles.files import FileRecord, sha256_file
from runtime.engines.openvino import cache as openvinocache
from runtime.engines.openvino.cache import openvino_cache
from runtime.engines.openvino.core import CORE
from runtime.errors import EngineError
from tests.support.models.tinybundle import tiny_bundle

SPAWN = multiprocessing.get_context("spawn")


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
    model = CORE.compile_model(path, "CPU", {props.cache_dir: str(cache)})
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
            with openvino_cache(bundle, "f32", root) as cache:
                mean, cached = _mean(graph, cache)
            assert mean == pytest.approx(64 * fill)
            assert cached is again


@pytest.fixture
def compiled(tmp_path: Path) -> tuple[Path, Bundle, Path, Path]:
    """A graph that was compiled once: (graph, bundle, cache root, blob)."""
    graph, root = tmp_path / "g.onnx", tmp_path / "cache"
    _matmul(graph, 1.0)
    bundle = tiny_bundle(tmp_path, {"g.onnx": sha256_file(graph)})
    with openvino_cache(bundle, "f32", root) as cache:
        _mean(graph, cache)
    (blob,) = cache.glob("*.blob")
    return graph, bundle, root, blob


def test_a_flipped_bit_in_a_blob_is_compiled_again_and_then_kept(
    compiled: tuple[Path, Bundle, Path, Path],
) -> None:
    graph, bundle, root, blob = compiled
    data = bytearray(blob.read_bytes())
    data[len(data) // 2] ^= 0x40
    blob.write_bytes(data)
    for wanted in (False, True):
        with openvino_cache(bundle, "f32", root) as cache:
            mean, cached = _mean(graph, cache)
        assert mean == pytest.approx(64.0)
        assert cached is wanted


def test_a_dropped_blob_that_compiles_to_other_bytes_is_kept_as_it_is_now(
    compiled: tuple[Path, Bundle, Path, Path],
) -> None:
    """The record of the old bytes must not be taken for the new ones'."""
    _, bundle, root, blob = compiled
    blob.write_bytes(b"damaged")
    with openvino_cache(bundle, "f32", root):
        assert not blob.exists()
        blob.write_bytes(b"compiled by another version of the compiler")
    with openvino_cache(bundle, "f32", root):
        assert blob.read_bytes() == b"compiled by another version of the compiler"


def test_a_blob_that_was_never_recorded_costs_only_itself(
    compiled: tuple[Path, Bundle, Path, Path],
) -> None:
    graph, bundle, root, blob = compiled
    late = blob.with_name("late.blob")
    late.write_bytes(b"half")
    with openvino_cache(bundle, "f32", root) as cache:
        _, cached = _mean(graph, cache)
    assert cached
    assert not late.exists()


def test_a_compilation_that_fails_keeps_nothing_of_itself(
    compiled: tuple[Path, Bundle, Path, Path],
) -> None:
    _, bundle, root, blob = compiled

    def fail() -> None:
        with openvino_cache(bundle, "f32", root) as cache:
            (cache / "half.blob").write_bytes(b"half")
            raise EngineError("no")

    with pytest.raises(EngineError, match="no"):
        fail()
    with openvino_cache(bundle, "f32", root):
        assert [path.name for path in blob.parent.glob("*.blob")] == [blob.name]


def _compile_slowly(folder: Path, tag: str, log: Path) -> None:
    bundle = tiny_bundle(folder, {"g.onnx": FileRecord("0" * 64, 1)})
    with openvino_cache(bundle, "f32", folder / "cache") as cache:
        if not (cache / "a.blob").exists():
            with log.open("a", encoding="utf-8") as stream:
                stream.write(tag)
            (cache / "a.blob").write_bytes(b"half")
            time.sleep(1.0)
            (cache / "a.blob").write_bytes(b"whole")
        assert (cache / "a.blob").read_bytes() == b"whole"


def test_two_processes_on_a_cold_cache_compile_once_and_neither_meets_half_a_blob(
    tmp_path: Path,
) -> None:
    log = tmp_path / "log"
    racers = [SPAWN.Process(target=_compile_slowly, args=(tmp_path, tag, log)) for tag in "ab"]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join(60)
        assert racer.exitcode == 0
    assert len(log.read_text(encoding="utf-8")) == 1


def test_a_process_that_holds_the_cache_too_long_is_not_waited_for(
    compiled: tuple[Path, Bundle, Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, bundle, root, blob = compiled
    monkeypatch.setattr(openvinocache, "LOCK_WAIT_S", 0.1)
    with openvino_cache(bundle, "f32", root), ExitStack() as stack:
        with pytest.warns(RuntimeWarning, match="too long; compiled without its cache"):
            other = stack.enter_context(openvino_cache(bundle, "f32", root))
        assert other.is_dir()
        assert other != blob.parent
    assert blob.exists()


def test_openvino_without_a_writable_cache_still_compiles(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    bundle = tiny_bundle(tmp_path, {"g.onnx": FileRecord("0" * 64, 1)})
    with openvino_cache(bundle, "f32", tmp_path / "file" / "cache") as folder:
        assert folder.is_dir()
