from __future__ import annotations

import numpy as np
import pytest

from runtime.bench import timing
from runtime.bench.limits import gpulimits, limits
from runtime.engines.openvino.engine import best_precision


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "SECONDS", 0.1)
    monkeypatch.setattr(limits, "SIDES", (512,))


def test_no_product_of_our_own_beats_the_measured_rate() -> None:
    """numpy's matrix product, a second library on the same cores, stays below the limit."""
    side = 512
    a = np.random.default_rng(0).random((side, side), np.float32)
    rate = numpy_rate = 0.0
    for turn in range(16):  # in turn, so that busy and quiet moments of the machine meet both
        rate = max(rate, limits.openvino_rate("f32"))
        numpy_rate = max(numpy_rate, 2 * side**3 / timing.best_seconds(lambda: a @ a))
        if turn >= 3 and 0.3 * numpy_rate < rate and numpy_rate < 1.5 * rate:
            break
    assert 0.3 * numpy_rate < rate
    assert numpy_rate < 1.5 * rate


def test_a_precision_nobody_computes_in_is_a_reason_not_an_error() -> None:
    found = limits.measure_limits("openvino", "f16")
    assert found.flop_per_second is None
    assert found.bytes_per_second is not None
    assert "f16" in (found.reason or "")


def test_a_gpu_that_is_not_here_is_a_reason_not_an_error() -> None:
    found = limits.measure_limits("tensorrt", "f16")
    assert found.reason is not None or found.flop_per_second is not None


def test_the_graphs_for_a_gpu_run_where_there_is_none() -> None:
    """The hand-written protocol buffer is one that ONNX Runtime and onnx both accept."""
    import onnx

    nodes = [("MatMul", ["a", "b"], "y")]
    made = onnx.load_from_string(gpulimits._graph(nodes, ["a", "b"], [300, 300], "f16"))
    onnx.checker.check_model(made, full_check=True)
    assert gpulimits.gpu_rate("f32", "onnxruntime-cpu", (128,)) > 1e9
    assert gpulimits.gpu_copy_rate("onnxruntime-cpu", 1 << 20) > 1e8


@pytest.mark.skipif(best_precision() != "bf16", reason="this processor has no bf16")
def test_bf16_is_faster_than_f32_where_the_processor_has_it() -> None:
    assert limits.openvino_rate("bf16") > limits.openvino_rate("f32")
