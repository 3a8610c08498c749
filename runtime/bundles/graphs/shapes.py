"""The shape that each operator gives: the rules of the ONNX specification, version 20.

Shapes have no unknown dimensions, since a graph is judged at batch 1. A rule raises ValueError,
IndexError, TypeError or ZeroDivisionError where its inputs do not fit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime.bundles.graphs.onnxfile import BOOL, F32, I64, Node

Shape = tuple[int, ...]
Content = NDArray[Any]
"""int64 or f32, as ``Array.kind`` says"""
KNOWN = 256
"""contents of at most so many elements are followed: they are shapes, axes and scales"""
TYPES: Mapping[int, type] = {F32: np.float32, I64: np.int64}


@dataclass(frozen=True, slots=True)
class Array:
    """What is known of a value; ``content`` where it is small and constant."""

    kind: int
    shape: Shape
    content: Content | None = None

    @property
    def elements(self) -> int:
        """Return how many numbers it holds."""
        return prod(self.shape)


Rule = Callable[[Node, Sequence[Array | None]], list[Array]]


def _given(value: Array | None) -> Array:
    if value is None:
        raise ValueError
    return value


def _content(value: Array | None) -> Content:
    content = _given(value).content
    if content is None:
        raise ValueError
    return content


def _integers(value: Array | None) -> Shape:
    content = _content(value)
    if content.ndim > 1 or content.dtype != np.int64:
        raise ValueError
    return tuple(int(one) for one in content.reshape(-1))


def _integer(node: Node, name: str, default: int) -> int:
    value = node.attributes.get(name, default)
    if not isinstance(value, int):
        raise ValueError
    return value


def _axis(axis: int, rank: int) -> int:
    if not -rank <= axis < rank:
        raise IndexError
    return axis % rank


def same_shape(node: Node, inputs: Sequence[Array | None]) -> list[Array]:
    """Give the first input's shape: what works on each element, and norms."""
    first = _given(inputs[0])
    return [Array(first.kind, first.shape)]


def arg_max_shape(node: Node, inputs: Sequence[Array | None]) -> list[Array]:
    """Follow ArgMax."""
    first = _given(inputs[0])
    axis = _axis(_integer(node, "axis", 0), len(first.shape))
    kept: Shape = (1,) if _integer(node, "keepdims", 1) else ()
    return [Array(I64, (*first.shape[:axis], *kept, *first.shape[axis + 1 :]))]


def cast_shape(node: Node, inputs: Sequence[Array | None]) -> list[Array]:
    """Follow Cast."""
    first, kind = _given(inputs[0]), _integer(node, "to", 0)
    known: Content | None = None
    if first.content is not None and kind in TYPES:
        with np.errstate(invalid="ignore"):
            known = first.content.astype(TYPES[kind])
    return [Array(kind, first.shape, known)]


def is_nan_shape(node: Node, inputs: Sequence[Array | None]) -> list[Array]:
    """Follow IsNaN."""
    return [Array(BOOL, _given(inputs[0]).shape)]


def broadcast_shape(node: Node, inputs: Sequence[Array | None]) -> list[Array]:
    """Give the shape that all inputs spread to."""
    arrays = [_given(one) for one in inputs]
    return [Array(arrays[-1].kind, np.broadcast_shapes(*(one.shape for one in arrays)))]


def equal_shape(node: Node, inputs: Sequence[Array | None]) -> list[Array]:
    """Follow Equal."""
    return [Array(BOOL, broadcast_shape(node, inputs)[0].shape)]


def concat_shape(node: Node, inputs: Sequence[Array | None]) -> list[Array]:
    """Follow Concat."""
    arrays = [_given(one) for one in inputs]
    first = arrays[0].shape
    axis = _axis(_integer(node, "axis", 0), len(first))
    rest = {one.shape[:axis] + one.shape[axis + 1 :] for one in arrays}
    if len(rest) != 1 or {len(one.shape) for one in arrays} != {len(first)}:
        raise ValueError
    shape = (*first[:axis], sum(one.shape[axis] for one in arrays), *first[axis + 1 :])
    known = [one.content for one in arrays if one.content is not None]
    joined = None
    if len(known) == len(arrays) and prod(shape) <= KNOWN:
        joined = np.concatenate(known, axis)
    return [Array(arrays[0].kind, shape, joined)]


def conv_shape(node: Node, inputs: Sequence[Array | None]) -> list[Array]:
    """Follow Conv."""
    first, weight = _given(inputs[0]), _given(inputs[1])
    sides = len(first.shape) - 2
    kernel = weight.shape[2:]

    def setting(name: str, default: Shape) -> Shape:
        value = node.attributes.get(name, default)
        if not isinstance(value, tuple) or len(value) != len(default) or min(value) < 0:
            raise ValueError
        return value

    group = _integer(node, "group", 1)
    pads = setting("pads", (0,) * (2 * sides))
    strides, dilations = setting("strides", (1,) * sides), setting("dilations", (1,) * sides)
    if node.attributes.get("auto_pad", "NOTSET") != "NOTSET" or len(kernel) != sides < 1:
        raise ValueError
    if setting("kernel_shape", kernel) != kernel or weight.shape[1] * group != first.shape[1]:
        raise ValueError
    spaces = [
        (first.shape[2 + i] + pads[i] + pads[sides + i] - (kernel[i] - 1) * dilations[i] - 1)
        // strides[i]
        + 1
        for i in range(sides)
    ]
    if min(spaces) < 1:
        raise ValueError
    return [Array(first.kind, (first.shape[0], weight.shape[0], *spaces))]


def expand_shape(node: Node, inputs: Sequence[Array | None]) -> list[Array]:
    """Follow Expand."""
    first = _given(inputs[0])
    return [Array(first.kind, np.broadcast_shapes(first.shape, _integers(inputs[1])))]


def gather_shape(node: Node, inputs: Sequence[Array | None]) -> list[Array]:
    """Follow Gather."""
    first, places = _given(inputs[0]), _given(inputs[1])
    axis = _axis(_integer(node, "axis", 0), len(first.shape))
    shape = (*first.shape[:axis], *places.shape, *first.shape[axis + 1 :])
    side = first.shape[axis]
    if (
        places.content is not None
        and not ((-side <= places.content) & (places.content < side)).all()
    ):
        raise IndexError
    known: Content | None = None
    if first.content is not None and places.content is not None and prod(shape) <= KNOWN:
        known = first.content.take(places.content.astype(np.int64), axis)
    return [Array(first.kind, shape, known)]


def gather_nd_shape(node: Node, inputs: Sequence[Array | None]) -> list[Array]:
    """Follow GatherND."""
    first, places = _given(inputs[0]), _given(inputs[1])
    depth = places.shape[-1]
    if node.attributes.get("batch_dims") or not 1 <= depth <= len(first.shape):
        raise ValueError
    return [Array(first.kind, (*places.shape[:-1], *first.shape[depth:]))]


def gemm_shape(node: Node, inputs: Sequence[Array | None]) -> list[Array]:
    """Follow Gemm."""
    first, second = _given(inputs[0]), _given(inputs[1])
    rows, inner = first.shape[:: -1 if node.attributes.get("transA") else 1]
    again, columns = second.shape[:: -1 if node.attributes.get("transB") else 1]
    if inner != again:
        raise ValueError
    return [Array(first.kind, (rows, columns))]


def matmul_shape(node: Node, inputs: Sequence[Array | None]) -> list[Array]:
    """Follow MatMul."""
    first, second = _given(inputs[0]), _given(inputs[1])
    if first.shape[-1] != second.shape[-2]:
        raise ValueError
    many = np.broadcast_shapes(first.shape[:-2], second.shape[:-2])
    return [Array(first.kind, (*many, first.shape[-2], second.shape[-1]))]


def reduce_shape(node: Node, inputs: Sequence[Array | None]) -> list[Array]:
    """Follow ReduceSum."""
    first = _given(inputs[0])
    rank = len(first.shape)
    axes = _integers(inputs[1]) if len(inputs) > 1 and inputs[1] is not None else ()
    if not axes and not node.attributes.get("noop_with_empty_axes"):
        axes = tuple(range(rank))
    gone = {_axis(axis, rank) for axis in axes}
    kept = bool(_integer(node, "keepdims", 1))
    sides = [1 if i in gone else side for i, side in enumerate(first.shape)]
    left = tuple(side for i, side in enumerate(sides) if kept or i not in gone)
    return [Array(first.kind, left)]


def reshape_shape(node: Node, inputs: Sequence[Array | None]) -> list[Array]:
    """Follow Reshape."""
    first, wanted = _given(inputs[0]), list(_integers(inputs[1]))
    if not node.attributes.get("allowzero"):
        wanted = [first.shape[i] if side == 0 else side for i, side in enumerate(wanted)]
    if wanted.count(-1) > 1 or min(wanted, default=0) < -1:
        raise ValueError
    if -1 in wanted:
        wanted[wanted.index(-1)] = first.elements // -prod(wanted)
    if prod(wanted) != first.elements:
        raise ValueError
    known = None if first.content is None else first.content.reshape(wanted)
    return [Array(first.kind, tuple(wanted), known)]


def resize_shape(node: Node, inputs: Sequence[Array | None]) -> list[Array]:
    """Follow Resize."""
    first = _given(inputs[0])
    scales = inputs[2] if len(inputs) > 2 else None
    if node.attributes.get("keep_aspect_ratio_policy", "stretch") != "stretch" or inputs[1]:
        raise ValueError
    if len(inputs) > 3 and inputs[3] is not None:
        sides: Sequence[int] = _integers(inputs[3])
        if scales is not None:
            raise ValueError
    else:
        factors = np.asarray(_content(scales), np.float64).reshape(-1)
        if not np.isfinite(factors).all():
            raise ValueError
        sides = [int(np.floor(side * f)) for side, f in zip(first.shape, factors, strict=True)]
    if len(sides) != len(first.shape) or min(sides) < 1:
        raise ValueError
    return [Array(first.kind, tuple(sides))]


def shape_shape(node: Node, inputs: Sequence[Array | None]) -> list[Array]:
    """Follow Shape."""
    shape = _given(inputs[0]).shape
    sides = shape[_integer(node, "start", 0) : _integer(node, "end", len(shape))]
    return [Array(I64, (len(sides),), np.array(sides, np.int64))]


def slice_shape(node: Node, inputs: Sequence[Array | None]) -> list[Array]:
    """Follow Slice."""
    first = _given(inputs[0])
    starts, ends = _integers(inputs[1]), _integers(inputs[2])
    axes = _integers(inputs[3]) if len(inputs) > 3 else tuple(range(len(starts)))
    steps = _integers(inputs[4]) if len(inputs) > 4 else (1,) * len(starts)
    cuts = [slice(None)] * len(first.shape)
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        cuts[_axis(axis, len(first.shape))] = slice(start, end, step)
    sides = (len(range(*cut.indices(side))) for cut, side in zip(cuts, first.shape, strict=True))
    known = None if first.content is None else first.content[tuple(cuts)]
    return [Array(first.kind, tuple(sides), known)]


def split_shape(node: Node, inputs: Sequence[Array | None]) -> list[Array]:
    """Follow Split."""
    first = _given(inputs[0])
    axis = _axis(_integer(node, "axis", 0), len(first.shape))
    side, count = first.shape[axis], len(node.outputs)
    if len(inputs) > 1 and inputs[1] is not None:
        sides: Sequence[int] = _integers(inputs[1])
    else:
        if _integer(node, "num_outputs", count) != count:
            raise ValueError
        one = -(-side // count)
        sides = [min(one, max(0, side - one * i)) for i in range(count)]
    if sum(sides) != side or min(sides) < 0:
        raise ValueError
    return [
        Array(first.kind, (*first.shape[:axis], part, *first.shape[axis + 1 :])) for part in sides
    ]


def squeeze_shape(node: Node, inputs: Sequence[Array | None]) -> list[Array]:
    """Follow Squeeze."""
    first = _given(inputs[0])
    rank = len(first.shape)
    if len(inputs) > 1:
        gone = {_axis(axis, rank) for axis in _integers(inputs[1])}
    else:
        gone = {i for i, side in enumerate(first.shape) if side == 1}
    if any(first.shape[i] != 1 for i in gone):
        raise ValueError
    shape = tuple(side for i, side in enumerate(first.shape) if i not in gone)
    return [Array(first.kind, shape, _reshaped(first, shape))]


def unsqueeze_shape(node: Node, inputs: Sequence[Array | None]) -> list[Array]:
    """Follow Unsqueeze."""
    first, axes = _given(inputs[0]), _integers(inputs[1])
    rank = len(first.shape) + len(axes)
    new = {_axis(axis, rank) for axis in axes}
    sides = iter(first.shape)
    shape = tuple(1 if i in new else next(sides) for i in range(rank))
    if len(new) != len(axes):
        raise ValueError
    return [Array(first.kind, shape, _reshaped(first, shape))]


def _reshaped(value: Array, shape: Shape) -> Content | None:
    return None if value.content is None else value.content.reshape(shape)


def transpose_shape(node: Node, inputs: Sequence[Array | None]) -> list[Array]:
    """Follow Transpose."""
    first = _given(inputs[0])
    order = node.attributes.get("perm", tuple(reversed(range(len(first.shape)))))
    if not isinstance(order, tuple) or sorted(order) != list(range(len(first.shape))):
        raise ValueError
    return [Array(first.kind, tuple(first.shape[i] for i in order))]
