from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import openvino as ov
import openvino.opset13 as ops
import pytest
from onnx import TensorProto, helper, numpy_helper

from runtime.bench.limits.counts import count, count_model, flop_behind
from runtime.bench.limits.limits import Limits
from runtime.errors import BundleError


def graph(path: Path) -> Path:
    """Write [B, 4, 8, 8] → conv 4→6, 3x3 → grouped conv, 2 groups → [B, 6·64] → matmul to 10."""
    rng = np.random.default_rng(0)
    tensors = {
        "w1": rng.random((6, 4, 3, 3)),
        "w2": rng.random((6, 3, 1, 1)),
        "w3": rng.random((6 * 64, 10)),
    }
    nodes = [
        helper.make_node("Conv", ["x", "w1"], ["a"], pads=[1, 1, 1, 1]),
        helper.make_node("Conv", ["a", "w2"], ["b"], group=2),
        helper.make_node("Flatten", ["b"], ["c"]),
        helper.make_node("MatMul", ["c", "w3"], ["y"]),
    ]
    made = helper.make_graph(
        nodes,
        "work",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["B", 4, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["B", 10])],
        [numpy_helper.from_array(v.astype(np.float32), name) for name, v in tensors.items()],
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)
    return path


@pytest.mark.parametrize("batch", [1, 3])
def test_every_multiply_add_counts_twice_and_every_weight_once(tmp_path: Path, batch: int) -> None:
    work = count(graph(tmp_path / "work.onnx"), batch)
    convolution, grouped, product = 6 * 64 * 4 * 9, 6 * 64 * 3, 6 * 64 * 10
    assert work.flop == 2 * batch * (convolution + grouped + product)
    assert work.weights == 6 * 4 * 9 + 6 * 3 + 6 * 64 * 10
    assert work.io_bytes == 4 * batch * (4 * 64 + 10)
    assert work.bytes("bf16") == 2 * work.weights + work.io_bytes
    read_and_written = 4 * 64 + 6 * 64 + 6 * 64 + 6 * 64 + 6 * 64 + 10
    assert work.activations == batch * read_and_written


def test_work_is_told_apart_by_what_it_depends_on() -> None:
    """x → product → sum with another product of y, seen through its shape by x's part too."""
    x, y = (ops.parameter([2, 3], np.float32, name=name) for name in "xy")
    ones = ops.constant(np.ones((3, 5), np.float32))
    wide = ops.constant(np.ones((5, 7), np.float32))
    of_x = ops.matmul(ops.reshape(x, ops.shape_of(y), False), ones, False, False)
    of_both = ops.add(of_x, ops.matmul(y, ones, False, False))
    model = ov.Model([ops.matmul(of_both, wide, False, False)], [x, y])
    own, last = 2 * 2 * 3 * 5, 2 * 2 * 5 * 7
    assert flop_behind(model, {"x"}) == own + last
    assert flop_behind(model, {"y"}) == own + last
    assert flop_behind(model, {"x", "y"}) == 2 * own + last == count_model(model).flop
    assert flop_behind(model, {"z"}) == 0


def test_a_file_that_is_no_graph_is_named(tmp_path: Path) -> None:
    (tmp_path / "no.onnx").write_bytes(b"nothing")
    with pytest.raises(BundleError, match=r"no\.onnx cannot be counted"):
        count(tmp_path / "no.onnx")


def test_the_slower_of_both_rates_is_the_limit(tmp_path: Path) -> None:
    work = count(graph(tmp_path / "work.onnx"))
    computing = Limits("f32", work.flop, 1e15).milliseconds(work)
    moving = Limits("f32", 1e15, work.bytes("f32") / 2).milliseconds(work)
    assert computing == pytest.approx(1e3)
    assert moving == pytest.approx(2e3)
    assert Limits("f32", None, 1e9, "why").milliseconds(work) is None
