from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from runtime.bundles.manifest import ROLES
from runtime.enginecache.cache import EngineCache
from runtime.engines import choose
from runtime.engines.gpu import Gpu
from runtime.engines.onnxruntime import engine as engine_module
from runtime.engines.onnxruntime import loop as loop_module
from runtime.engines.onnxruntime import session as ortsession
from runtime.engines.onnxruntime.engine import (
    OnnxRuntimeEngine,
    available,
    likeness_key,
    open_engine,
)
from runtime.engines.onnxruntime.probe import MODEL, provider_fault
from runtime.engines.onnxruntime.session import foreign_operators, open_session
from runtime.engines.verified import keep_verified
from runtime.errors import EngineError
from runtime.pipeline import Pipeline
from tests.support.models.tinybundle import (
    STEPS,
    TOKENS,
    expect_tiny,
    render_tiny,
    see_tiny,
    write_tiny,
)

pytest.importorskip("onnxruntime")


@pytest.mark.parametrize("pooled", [False, True])
@pytest.mark.parametrize("steps", [1, 2, 3])
@pytest.mark.parametrize("batch", [1, 4])
def test_frames_are_those_of_the_graphs(
    tmp_path: Path, batch: int, steps: int, pooled: bool
) -> None:
    engine = open_engine(write_tiny(tmp_path, 5, pooled=pooled), "auto", "onnxruntime-cpu")
    for seed in (1, 2, 1):  # buffers are reused: nothing of the frame before may show
        see_tiny(engine, seed, batch, steps, pooled=pooled)
    one, other = (expect_tiny(5, seed, batch, steps, pooled=pooled).astype(int) for seed in (1, 2))
    assert np.abs(one - other).max() > 20


def test_a_frame_outlives_the_next_one(tmp_path: Path) -> None:
    engine = open_engine(write_tiny(tmp_path, 5), "f32", "onnxruntime-cpu")
    first = render_tiny(engine, 1, 1, 1).pixels
    before = first.copy()
    render_tiny(engine, 2, 1, 1)
    assert np.array_equal(first, before)


def test_the_text_encoder_answers_with_rows_and_a_pooled_vector(tmp_path: Path) -> None:
    engine = open_engine(write_tiny(tmp_path, 5, pooled=True), "auto", "onnxruntime-cpu")
    ids = np.arange(TOKENS)[None].astype(np.int64)
    rows, pooled = engine.encode((ids,))
    other, _ = engine.encode((ids[:, ::-1],))
    assert np.array_equal(rows, other[::-1])
    assert pooled is not None
    assert pooled.ndim == 1


def test_f16_graphs_run(tmp_path: Path) -> None:
    engine = open_engine(write_tiny(tmp_path, 5, precision="f16"), "f16", "onnxruntime-cpu")
    assert engine.precision == "f16"
    see_tiny(engine, 1, 1, 1, apart=2)


def test_another_precision_than_the_graphs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="--precision f16"):
        open_engine(write_tiny(tmp_path), "f16", "onnxruntime-cpu")


@pytest.mark.fault(11)
def test_the_gpu_backend_never_runs_on_the_cpu_without_a_word(tmp_path: Path) -> None:
    """ONNX Runtime itself only warns and goes on."""
    if available("onnxruntime") is None:
        pytest.skip("this machine has what the test plants the absence of")
    with pytest.raises(EngineError, match="instead of CUDAExecutionProvider") as caught:
        OnnxRuntimeEngine(write_tiny(tmp_path), "onnxruntime")
    assert "\n" not in str(caught.value)


def test_a_latent_that_is_not_finite_is_an_error(tmp_path: Path) -> None:
    engine = open_engine(write_tiny(tmp_path), "auto", "onnxruntime-cpu")
    render_tiny(engine, 1, 1, 1)
    engine.load_noise(np.full((1, 3, 4, 8), np.inf, np.float32))
    with pytest.raises(EngineError, match="not finite"):
        engine.render(np.ones((1, 8, TOKENS), np.float32), None, STEPS[1])
    render_tiny(engine, 1, 1, 1)


def test_absence_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    assert available("onnxruntime-cpu") is None
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    reason = available("onnxruntime")
    assert reason is not None
    assert "pip install" in reason
    assert "\n" not in reason


def test_the_built_in_model_shows_what_openvino_shows(pipeline: Pipeline) -> None:
    request = pipeline.request("cat -> kitten", 0.4, seed=3)
    with Pipeline.open("critters", backend="onnxruntime-cpu") as other:
        made = other.render(request).pixels
    assert np.abs(made.astype(int) - pipeline.render(request).pixels).max() <= 2


def test_costly_operators_left_to_another_provider_are_named(tmp_path: Path) -> None:
    bundle = write_tiny(tmp_path)
    found = {}
    for role in ROLES:
        session = open_session(
            bundle.path(role), "onnxruntime-cpu", exact=True, cuda_graph=False, what=role
        )
        assert foreign_operators(session, "CPUExecutionProvider") == []
        found[role] = foreign_operators(session, "CUDAExecutionProvider")
    assert found["denoiser"] == ["Conv", "MatMul"]
    assert found["decoder"] == ["Conv"]
    assert found["text_encoder"] == []  # looking words up may stay on the CPU


def test_a_session_never_falls_back_to_another_provider(tmp_path: Path) -> None:
    session = open_session(
        write_tiny(tmp_path).path("decoder"),
        "onnxruntime-cpu",
        exact=True,
        cuda_graph=False,
        what="decoder",
    )
    assert session._enable_fallback == 0


def test_a_graph_that_cannot_be_captured_runs_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The CPU stands for a GPU whose ONNX Runtime refuses a capture."""
    make, asked = ortsession._make, []

    def refuse(path: Path, backend: str, exact: bool, cuda_graph: bool, what: str) -> Any:
        asked.append(cuda_graph)
        if cuda_graph:
            raise EngineError("cannot use the graph capture feature")
        return make(path, "onnxruntime-cpu", exact, False, what)

    monkeypatch.setattr(ortsession, "_make", refuse)
    monkeypatch.setitem(ortsession.PROVIDERS, "onnxruntime", "CPUExecutionProvider")
    path = write_tiny(tmp_path).path("denoiser")
    with pytest.warns(RuntimeWarning, match="denoiser runs without a CUDA graph.*capture"):
        open_session(path, "onnxruntime", exact=True, cuda_graph=True, what="denoiser")
    assert asked == [True, False]


def test_a_capture_that_fails_in_the_first_run_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = open_engine(write_tiny(tmp_path, 5), "auto", "onnxruntime-cpu")
    engine._captures = True  # the CPU stands for a GPU
    run = loop_module.Loop.run

    def refuse(self: Any, weights: Any, pooled: Any) -> Any:
        if engine._captures:
            raise RuntimeError("CUDA failure 900: operation not permitted when stream is capturing")
        return run(self, weights, pooled)

    monkeypatch.setattr(loop_module.Loop, "run", refuse)
    with pytest.warns(RuntimeWarning, match="frames run without a CUDA graph"):
        see_tiny(engine, 1, 1, 2)


def test_a_batch_that_does_not_fit_is_rendered_frame_by_frame(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = loop_module.Loop.run

    def refuse(self: Any, weights: Any, pooled: Any) -> Any:
        if len(weights) > 1:
            raise RuntimeError("Failed to allocate memory for requested buffer")
        return run(self, weights, pooled)

    monkeypatch.setattr(loop_module.Loop, "run", refuse)
    monkeypatch.setitem(engine_module.BATCHES, "onnxruntime-cpu", (1, 4))
    engine = open_engine(write_tiny(tmp_path, 5), "auto", "onnxruntime-cpu")
    with pytest.warns(RuntimeWarning, match=r"no room for batches.*with a smaller --size"):
        see_tiny(engine, 1, 4, 2)
    assert engine.batches == (1,)
    see_tiny(engine, 2, 4, 2)


def test_no_memory_for_the_words_is_passed_over_by_auto(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the CPU provider, whose buffers fail in the words of the CUDA provider."""
    bundle = write_tiny(tmp_path, 5)

    def full(*given: object) -> None:
        raise RuntimeError("Failed to allocate memory for requested buffer of size 9000000")

    monkeypatch.setattr("onnxruntime.OrtValue.ortvalue_from_numpy", full)
    monkeypatch.setattr(choose, "usable", lambda name: None)
    monkeypatch.setattr(choose, "AUTO", ("onnxruntime-cpu", "openvino"))
    message: list[str] = []
    engine = choose.choose(bundle, "auto", "f32", message.append)
    assert engine.name == "openvino"
    (line,) = message
    assert "close other programs that use the GPU" in line
    assert "\n" not in line
    engine.close()


def test_frames_that_were_seen_to_be_others_are_not_played(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What ``wordmorph build`` found out counts at every start, until a build says otherwise."""
    bundle = write_tiny(tmp_path / "b", 5)
    cache = EngineCache(tmp_path / "cache")
    monkeypatch.setattr("runtime.enginecache.cache.cache_root", lambda: cache.root)
    monkeypatch.setattr(
        engine_module,
        "OnnxRuntimeEngine",
        lambda bundle, backend: OnnxRuntimeEngine(bundle, f"{backend}-cpu"),
    )
    open_engine(bundle, "auto", "onnxruntime").close()
    keep_verified(cache, likeness_key(bundle), 12.0, is_like=False)
    with pytest.raises(EngineError, match=r"other pictures .*--backend openvino") as caught:
        open_engine(bundle, "auto", "onnxruntime")
    assert "\n" not in str(caught.value)
    keep_verified(cache, likeness_key(bundle), 50.0, is_like=True)
    open_engine(bundle, "auto", "onnxruntime").close()


def test_a_single_frame_that_fails_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Any, weights: Any, pooled: Any) -> Any:
        raise RuntimeError("CUDA failure 700: an illegal memory access\nand more")

    monkeypatch.setattr(loop_module.Loop, "run", refuse)
    engine = open_engine(write_tiny(tmp_path), "auto", "onnxruntime-cpu")
    assert engine.batches == (1,)
    with pytest.raises(EngineError, match="illegal memory access") as caught:
        render_tiny(engine, 1, 1, 1)
    assert "\n" not in str(caught.value)


FAKE_ONNXRUNTIME = """
import os, sys
__version__ = "9"
def get_available_providers():
    return ["CUDAExecutionProvider", "CPUExecutionProvider"]
def preload_dlls():
    print("Failed to load libcublas.so.13")
class InferenceSession:
    def __init__(self, model, providers, **settings):
        {init}
    def get_providers(self):
        return {got}
    def run(self, outputs, inputs):
        return [inputs["x"] * {factor}]
"""
MISSING_LIBRARY = (
    "[E:onnxruntime:Default, provider_bridge_ort.cc:2458 operator()] Failed to load library "
    "/site/onnxruntime/capi/libonnxruntime_providers_cuda.so with error: libcublasLt.so.13: "
    "cannot open shared object file: No such file or directory"
)
"""what onnxruntime-gpu 1.31.1 logs without CUDA's libraries, shortened"""


@pytest.mark.parametrize(
    ("init", "got", "factor", "reason"),
    [
        ("pass", '["CUDAExecutionProvider"]', 2, None),
        (f"print({MISSING_LIBRARY!r}, file=sys.stderr)", '["CPUExecutionProvider"]', 2,
         "needs libcublasLt.so.13, which is not installed"),
        ("pass", '["CPUExecutionProvider"]', 2, "would use the CPU without a word"),
        ("raise RuntimeError('CUDNN_STATUS_NOT_INITIALIZED')", "[]", 2, "CUDNN_STATUS_NOT"),
        ("os.abort()", "[]", 2, "ended the process that tried it"),
        ("pass", '["CUDAExecutionProvider"]', 3, "gave 3 instead of 2"),
    ],
)  # fmt: skip
def test_the_provider_is_really_loaded_in_a_child_process(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    init: str,
    got: str,
    factor: int,
    reason: str | None,
) -> None:
    """A module stands for onnxruntime-gpu, and says what the real one was seen to say."""
    text = FAKE_ONNXRUNTIME.format(init=init, got=got, factor=factor)
    (tmp_path / "onnxruntime.py").write_text(text)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(engine_module, "find_gpu", lambda: Gpu("RTX 4090", "8.9", "13.0"))
    monkeypatch.setattr(
        "onnxruntime.get_available_providers", lambda: ["CUDAExecutionProvider"], raising=False
    )
    provider_fault.cache_clear()
    found = available("onnxruntime")
    provider_fault.cache_clear()
    if reason is None:
        assert found is None
    else:
        assert found is not None
        assert reason in found
        assert "onnxruntime-gpu[cuda,cudnn]" in found
        assert "\n" not in found


def test_the_probes_model_is_what_it_is_said_to_be() -> None:
    onnx = pytest.importorskip("onnx")
    model = onnx.load_from_string(MODEL)
    onnx.checker.check_model(model)
    assert [node.op_type for node in model.graph.node] == ["Conv"]
    assert provider_fault("CPUExecutionProvider") is None
