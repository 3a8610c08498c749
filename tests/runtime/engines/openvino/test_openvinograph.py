"""Graphs for the CPU: weights in 16 bits, files that are mapped, a text encoder that goes."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import pytest
from openvino import opset13
from openvino.properties import hint

from runtime.bundles.bundle import open_bundle
from runtime.bundles.library import find_bundle
from runtime.enginecache.cache import EngineCache
from runtime.engines.openvino import text as text_module
from runtime.engines.openvino.core import CORE
from runtime.engines.openvino.engine import best_precision
from runtime.engines.openvino.graph import give_back, open_graph
from runtime.engines.openvino.narrow import narrow
from runtime.engines.openvino.text import TextEncoder
from runtime.errors import EngineError

SIDE = 256
CONFIG = {hint.inference_precision: ov.Type.f32}


def products(seed: int = 3) -> tuple[ov.Model, Any]:
    """A graph of four products with a scale before and a shift after, and the same in numpy."""
    print(f"seed {seed}")
    random = np.random.default_rng(seed)
    factors = [
        random.standard_normal((SIDE, SIDE)).astype(np.float16) / np.float16(16) for _ in range(4)
    ]
    given = opset13.parameter([1, SIDE], np.float32, name="x")
    held = opset13.multiply(given, np.float32(0.5))
    for factor in factors:
        weights = opset13.convert(opset13.constant(factor), "f32")
        product = opset13.matmul(held, weights, False, False)
        held = opset13.relu(opset13.add(product, np.full((1, SIDE), 1 / 3, np.float32)))
    shifted = opset13.add(product, np.full((1, SIDE), 3.0, np.float32))

    def exact(x: Any) -> Any:
        held = x * 0.5
        for factor in factors:
            product = held @ factor.astype(float)
            held = np.maximum(product + 1 / 3, 0)
        return product + 3

    return ov.Model([shifted], [given], "products"), exact


@pytest.mark.skipif(best_precision() != "bf16", reason="this processor has no bf16")
def test_a_narrowed_graph_is_smaller_and_what_surrounds_its_products_stays_in_f32() -> None:
    x = np.random.default_rng(1).standard_normal((1, SIDE)).astype(np.float32)
    sizes, errors = [], []
    for narrowed in (False, True):
        model, exact = products()
        if narrowed:
            narrow(model)
        compiled = CORE.compile_model(model, "CPU", {hint.inference_precision: ov.Type.bf16})
        sizes.append(len(compiled.export_model().getvalue()))
        found = compiled(x)[0]
        errors.append(np.abs(found - exact(x)).max())
        # what bf16 had rounded would end in zeros, before the shift or after it
        assert np.mean(found.view(np.uint32) & 0xFF != 0) > 0.9
    assert sizes[1] < 0.65 * sizes[0]  # the last one's weights stay as they are
    assert errors[1] < 2 * errors[0]


def test_a_compiled_graph_is_opened_from_its_file_and_compiled_once(tmp_path: Path) -> None:
    blob, made = tmp_path / "graph.blob", []

    def read() -> ov.Model:
        made.append(products())
        return made[-1][0]

    x = np.ones((1, SIDE), np.float32)
    outputs = []
    for _ in range(2):
        graph = open_graph(read, blob, CONFIG)
        assert graph.file == blob
        give_back(blob)
        outputs.append(np.array(graph.request.infer([x])[0]))
    assert len(made) == 1
    np.testing.assert_array_equal(outputs[0], outputs[1])
    assert np.abs(outputs[0] - made[0][1](x)).max() < 1e-3


def test_a_file_that_openvino_cannot_open_is_compiled_again(tmp_path: Path) -> None:
    blob = tmp_path / "graph.blob"
    blob.write_bytes(b"another version's format" * 99)
    assert open_graph(lambda: products()[0], blob, CONFIG).file == blob
    assert blob.stat().st_size > 4 * SIDE * SIDE


def test_without_room_for_its_file_a_graph_runs_from_memory(tmp_path: Path) -> None:
    x = np.ones((1, SIDE), np.float32)
    graph = open_graph(lambda: products()[0], tmp_path / "absent" / "graph.blob", CONFIG)
    assert graph.file is None
    assert np.isfinite(graph.request.infer([x])[0]).all()


@pytest.mark.skipif(sys.platform != "linux", reason="done on Linux alone")
def test_pages_that_are_given_back_are_no_longer_this_process_memory(tmp_path: Path) -> None:
    blob = tmp_path / "graph.blob"
    graph = open_graph(lambda: products()[0], blob, CONFIG)
    assert graph.mapped is not None
    before = int(graph.mapped.astype(np.int64).sum())
    assert _resident(blob) > 0
    give_back(blob)
    assert _resident(blob) == 0
    assert int(graph.mapped.astype(np.int64).sum()) == before


def _resident(file: Path) -> int:
    """KB of a mapped file that are in memory."""
    total, ours = 0, False
    for line in Path("/proc/self/smaps").read_text(encoding="utf-8").splitlines():
        if not line.split(" ", 1)[0].endswith(":"):
            ours = line.endswith(str(file))
        elif ours and line.startswith("Rss:"):
            total += int(line.split()[1])
    return total


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(text_module, "LARGE", 1)


@pytest.mark.usefixtures("large")
def test_a_large_text_encoder_goes_when_nobody_types_and_comes_back_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bundle = find_bundle("critters")
    ids = (np.full((1, bundle.manifest.tokens), 3, np.int64),)
    text = TextEncoder(bundle)
    first, _ = text.encode(ids)
    text.release_if_idle()
    assert text.is_open
    monkeypatch.setattr(text_module, "KEPT_S", -1.0)
    text.release_if_idle()
    assert not text.is_open
    again, _ = text.encode(ids)
    np.testing.assert_array_equal(first, again)
    (entry,) = EngineCache().entries()
    data = bundle.path("text_encoder").with_suffix(".onnx.data")
    assert entry.bytes < data.stat().st_size / 4  # the bundle's weights are not kept twice


@pytest.mark.usefixtures("large")
def test_a_bundle_that_was_replaced_meanwhile_is_not_mixed_with_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "bundle"
    shutil.copytree(find_bundle("critters").folder, folder)
    text = TextEncoder(open_bundle(folder))
    monkeypatch.setattr(text_module, "KEPT_S", -1.0)
    text.release_if_idle()
    data = folder / "text_encoder.onnx.data"
    content = data.read_bytes()
    data.unlink()
    data.write_bytes(content[::-1])
    with pytest.raises(EngineError, match=r"replaced meanwhile: start again"):
        text.encode((np.full((1, 77), 3, np.int64),))


def test_a_small_text_encoder_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_module, "KEPT_S", -1.0)
    text = TextEncoder(find_bundle("critters"))
    text.release_if_idle()
    assert text.is_open
