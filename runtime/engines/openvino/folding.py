"""The same numbers from fewer multiplications: a decoder's last two convolutions in one.

The built-in model's decoder ends with a picture whose pixels are doubled and two convolutions with
nothing between them. Before the doubling, one convolution to four pixels' colours is the same.
"""

from __future__ import annotations

import numpy as np
import openvino as ov
import openvino.opset13 as ops
from numpy.typing import NDArray

from runtime.engines.engine import Floats

PHASES = np.array(
    [
        [[1, 1, 0, 0, 0], [0, 0, 1, 1, 0], [0, 0, 0, 0, 1]],
        [[1, 0, 0, 0, 0], [0, 1, 1, 0, 0], [0, 0, 0, 1, 1]],
    ],
    np.float32,
)
"""[2, 3, 5]: which rows of a 5-row kernel over doubled pixels meet the pixel before, at and after
the one whose first (0) or second (1) copy is computed"""


def fold(model: ov.Model) -> int:
    """Rewrite ``model`` of fixed shapes in place; return how many pairs were folded.

    Doubled pixels → convolution → convolution to so few channels that it is less work become one
    convolution before the doubling, whose channels are the four pixels; equal but for rounding.
    What the second convolution saw as zero outside the picture, it would see as the first one's
    values there; that is taken off the picture's outermost pixels again. Kernels are of 3x3.
    """
    folded = 0
    for node in model.get_ordered_ops():
        first = _only_user(node) if _doubles(node) else None
        second = _only_user(first) if first is not None and _is_plain_conv(first) else None
        if first is None or second is None or not _is_plain_conv(second):
            continue
        if not _pays(_weights(first), _weights(second)):
            continue
        made = _pair(node.input_value(0), _weights(first), _weights(second))
        made.set_friendly_name(second.get_friendly_name())
        second.output(0).replace(made.output(0))
        folded += 1
    if folded:
        model.validate_nodes_and_infer_types()
    return folded


def _pair(small: ov.Output, first: Floats, second: Floats) -> ov.Node:
    """One convolution in place of doubling, ``first`` [M, I, 3, 3] and ``second`` [O, M, 3, 3]."""
    out, inner = second.shape[0], first.shape[1]
    both = np.zeros((out, inner, 5, 5), np.float32)
    for row in range(3):
        for column in range(3):
            both[:, :, row : row + 3, column : column + 3] += np.einsum(
                "om,miab->oiab", second[:, :, row, column], first
            )
    phases = np.einsum("rkp,oipq,slq->orsikl", PHASES, both, PHASES, optimize=True)
    four = _conv(small, phases.reshape(4 * out, inner, 3, 3), (1, 1))
    whole = ops.depth_to_space(four, "depth_first", 2)
    height, width = (2 * small.partial_shape[axis].get_length() for axis in (2, 3))
    for last in (False, True):
        side = slice(2, 3) if last else slice(0, 1)
        inside = slice(0, 1) if last else slice(2, 3)
        # the row above the picture (below it) as the first convolution makes it, corners and all
        line = _doubled(_edge(small, 2, last), 3)
        line = _conv(line, first[:, :, inside], (0, 2))
        line = _conv(line, second[:, :, side], (0, 0))
        whole = ops.subtract(whole, ops.multiply(line, _mask(height, last, 2)))
        # the column beside it, without the corners
        line = _doubled(_edge(small, 3, last), 2)
        line = _conv(line, first[:, :, :, inside], (1, 0))
        line = _conv(line, second[:, :, :, side], (1, 0))
        whole = ops.subtract(whole, ops.multiply(line, _mask(width, last, 3)))
    return whole


def _edge(small: ov.Output, axis: int, last: bool) -> ov.Node:
    """The first or last row (axis 2) or column (axis 3)."""
    length = small.partial_shape[axis].get_length()
    start = length - 1 if last else 0
    where = [np.array([value], np.int64) for value in (start, start + 1, 1, axis)]
    return ops.slice(small, *map(ops.constant, where))


def _doubled(line: ov.Node, axis: int) -> ov.Node:
    """Each pixel of a row or column twice."""
    shape = list(line.output(0).shape)
    wide = ops.unsqueeze(line, ops.constant(np.array([axis + 1], np.int64)))
    twice = ops.concat([wide, wide], axis + 1)
    shape[axis] *= 2
    return ops.reshape(twice, ops.constant(np.array(shape, np.int64)), False)


def _mask(length: int, last: bool, axis: int) -> ov.Node:
    """1 in the first or last place of an axis, 0 in all others; 1 long in the other axes."""
    mask = np.zeros(length, np.float32)
    mask[-1 if last else 0] = 1
    shape = [1, 1, 1, 1]
    shape[axis] = length
    return ops.constant(mask.reshape(shape))


def _conv(value: ov.Output | ov.Node, kernel: Floats, pads: tuple[int, int]) -> ov.Node:
    weights = ops.constant(np.ascontiguousarray(kernel, np.float32))
    return ops.convolution(value, weights, [1, 1], list(pads), list(pads), [1, 1])


def _pays(first: Floats, second: Floats) -> bool:
    """Whether one convolution to four times as many channels is less work than the two."""
    (middle, inner), out = first.shape[:2], second.shape[0]
    return bool(inner * out < inner * middle + middle * out)


def _doubles(node: ov.Node) -> bool:
    """Whether a node repeats every pixel of [B, C, h, w] once in both directions."""
    if node.get_type_name() != "Interpolate":
        return False
    how = node.get_attributes()
    shapes = node.input_value(0).partial_shape, node.output(0).partial_shape
    if not all(shape.is_static and len(shape) == 4 for shape in shapes):
        return False
    before, after = (tuple(shape.to_shape()) for shape in shapes)
    return (
        (how["mode"], how["coordinate_transformation_mode"], how["nearest_mode"])
        == ("nearest", "asymmetric", "floor")
        and not any((*how["pads_begin"], *how["pads_end"]))
        and after == (*before[:2], 2 * before[2], 2 * before[3])
    )


def _is_plain_conv(node: ov.Node) -> bool:
    """Whether a node convolves by a constant kernel of 3x3 and keeps the picture's size."""
    if node.get_type_name() != "Convolution":
        return False
    how = node.get_attributes()
    ones = [how[name] == [1, 1] for name in ("strides", "dilations", "pads_begin", "pads_end")]
    return (
        all(ones)
        and how["auto_pad"] == "explicit"
        and tuple(node.input_value(1).partial_shape.to_shape()[2:]) == (3, 3)
        and _stored(node) is not None
    )


def _stored(conv: ov.Node) -> ov.Node | None:
    """The constant that a convolution's kernel lies in, behind a conversion or not."""
    node = conv.input_value(1).get_node()
    if node.get_type_name() == "Convert":
        node = node.input_value(0).get_node()
    return node if node.get_type_name() == "Constant" else None


def _weights(conv: ov.Node) -> Floats:
    stored = _stored(conv)
    assert stored is not None
    values: NDArray[np.floating] = stored.data
    return values.astype(np.float32)


def _only_user(node: ov.Node) -> ov.Node | None:
    """The one node that computes with an output; shapes that are asked of it do not count."""
    users = [
        port.get_node()
        for port in node.output(0).get_target_inputs()
        if port.get_node().get_type_name() != "ShapeOf"
    ]
    return users[0] if len(users) == 1 else None
