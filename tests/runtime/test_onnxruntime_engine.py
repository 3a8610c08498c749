from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from runtime.engines.onnxruntime import OnnxRuntimeEngine, available, open_engine
from runtime.errors import EngineError
from runtime.pipeline import Pipeline
from tests.tinybundle import STEPS, TOKENS, expect_tiny, render_tiny, write_tiny


@pytest.mark.parametrize("pooled", [False, True])
@pytest.mark.parametrize("steps", [1, 2, 3])
@pytest.mark.parametrize("batch", [1, 4])
def test_frames_are_those_of_the_graphs(
    tmp_path: Path, batch: int, steps: int, pooled: bool
) -> None:
    engine = open_engine(write_tiny(tmp_path, 5, pooled=pooled), "auto", "onnxruntime-cpu")
    for seed in (1, 2, 1):  # buffers are reused: nothing of the frame before may show
        made = render_tiny(engine, seed, batch, steps, pooled=pooled).pixels
        wanted = expect_tiny(5, seed, batch, steps, pooled=pooled)
        assert np.abs(made.astype(int) - wanted).max() <= 1
    assert np.abs(wanted.astype(int) - expect_tiny(5, 2, batch, steps, pooled=pooled)).max() > 20


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
    made = render_tiny(engine, 1, 1, 1).pixels
    assert np.abs(made.astype(int) - expect_tiny(5, 1, 1, 1)).max() <= 2


def test_another_precision_than_the_graphs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="--precision f16"):
        open_engine(write_tiny(tmp_path), "f16", "onnxruntime-cpu")


def test_the_gpu_backend_never_runs_on_the_cpu_without_a_word(tmp_path: Path) -> None:
    """ONNX Runtime itself only warns and goes on."""
    if available("onnxruntime") is None:
        pytest.skip("this machine has what the test plants the absence of")
    with pytest.raises(EngineError, match="instead of CUDAExecutionProvider"):
        OnnxRuntimeEngine(write_tiny(tmp_path), "onnxruntime")


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
