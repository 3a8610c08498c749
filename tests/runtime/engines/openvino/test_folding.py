"""A folded decoder draws what the plain one draws, to the picture's very corners."""

from __future__ import annotations

import numpy as np
import openvino as ov
import openvino.opset13 as ops
import pytest
from openvino.properties import hint

from runtime.bundles.library import built_in
from runtime.engines.openvino.core import CORE
from runtime.engines.openvino.folding import fold
from runtime.engines.openvino.graph import fixed_model

EXACT = {hint.inference_precision: ov.Type.f32, hint.execution_mode: hint.ExecutionMode.ACCURACY}


def _tail(seed: int, out: int, *, middle: int = 8, between: bool = False) -> ov.Model:
    random = np.random.default_rng(seed)
    given = ops.parameter([2, 5, 3, 7], np.float32)
    value = ops.interpolate(
        given,
        ops.constant(np.array([2.0, 2.0], np.float32)),
        "nearest",
        "scales",
        [0, 0],
        [0, 0],
        coordinate_transformation_mode="asymmetric",
        nearest_mode="floor",
        axes=ops.constant(np.array([2, 3])),
    )
    for shape in ((middle, 5, 3, 3), (out, middle, 3, 3)):
        kernel = ops.constant(random.standard_normal(shape).astype(np.float32))
        value = ops.convolution(value, kernel, [1, 1], [1, 1], [1, 1], [1, 1])
        value = ops.relu(value) if between else value
    return ov.Model([ops.result(value)], [given])


def _run(model: ov.Model, given: np.ndarray) -> np.ndarray:
    return np.array(CORE.compile_model(model, "CPU", EXACT)(given)[0])


@pytest.mark.parametrize("seed", [0, 1])
def test_two_convolutions_are_one(seed: int) -> None:
    given = np.random.default_rng(7 + seed).standard_normal((2, 5, 3, 7)).astype(np.float32)
    folded = _tail(seed, 3)
    assert fold(folded) == 1
    plain, made = _run(_tail(seed, 3), given), _run(folded, given)
    assert made.shape == (2, 3, 6, 14)
    assert np.abs(made - plain).max() < 1e-5 * np.abs(plain).max()


def test_what_is_no_gain_or_has_something_between_stays() -> None:
    assert fold(_tail(0, 64, middle=2)) == 0
    assert fold(_tail(0, 3, between=True)) == 0


def test_the_built_in_decoder_draws_the_same_from_less_work() -> None:
    graph = built_in() / "decoder.onnx"
    folded = fixed_model(graph)
    assert fold(folded) == 1
    given = np.random.default_rng(3).standard_normal((1, 16, 16, 16)).astype(np.float32)
    plain, made = _run(fixed_model(graph), given), _run(folded, given)
    away = np.abs(made.astype(int) - plain.astype(int))
    assert plain.std() > 20
    assert away.max() <= 1
    assert (away > 0).mean() < 0.001
