"""The operators that exported graphs are made of; one that is not in ``OPERATORS`` is refused.

So is an attribute that is not named here: loops, branches and sub-graphs need both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

from runtime.bundles.graphs import shapes
from runtime.bundles.graphs.onnxfile import Node
from runtime.bundles.graphs.shapes import Array, Rule
from runtime.errors import BundleError


@dataclass(frozen=True, slots=True)
class Operator:
    """Its shape rule, the attributes it may have, and how many inputs."""

    rule: Rule
    attributes: frozenset[str]
    inputs: tuple[int, int]


def apply(node: Node, inputs: Sequence[Array | None]) -> list[Array]:
    """Return what an operator makes of its inputs; None stands for one that is left out.

    Raises:
        BundleError: an operator that is not allowed, or that does not fit its inputs.
    """
    operator = OPERATORS.get(node.op)
    if operator is None:
        raise BundleError(f"has an operator that is not allowed, {node.op[:60]!r}")
    strange = sorted(set(node.attributes) - operator.attributes)
    if strange:
        raise BundleError(f"has a {node.op} with {strange[0][:40]!r}, which is not allowed")
    fewest, most = operator.inputs
    if not fewest <= len(inputs) <= most:
        raise BundleError(f"has a {node.op} with {len(inputs)} inputs")
    try:
        made = operator.rule(node, inputs)
    except (IndexError, ValueError, TypeError, KeyError, ZeroDivisionError, AttributeError):
        raise BundleError(f"has a {node.op} that does not fit its inputs") from None
    if len(made) != len(node.outputs):
        raise BundleError(f"has a {node.op} with {len(node.outputs)} outputs")
    return made


def chain_after(node: Node, longest: int) -> int:
    """Return how many element-wise operators lie in a row behind ``node``.

    ``longest`` is how many lay before it. What only moves numbers neither adds one nor ends it.
    """
    if node.op in HEAVY:
        return 0
    return longest + (OPERATORS[node.op].rule in ELEMENTWISE)


def products(node: Node, inputs: Sequence[Array | None], made: Sequence[Array]) -> int:
    """Return how many multiplications an operator does."""
    first, second = (inputs[0], inputs[1]) if len(inputs) > 1 else (None, None)
    if first is None or second is None:
        return made[0].elements
    if node.op == "Conv":
        return made[0].elements * prod(second.shape[1:])
    if node.op == "MatMul":
        return made[0].elements * first.shape[-1]
    if node.op == "Gemm":
        return made[0].elements * first.shape[0 if node.attributes.get("transA") else 1]
    return made[0].elements


def _operator(rule: Rule, inputs: tuple[int, int], *attributes: str) -> Operator:
    return Operator(rule, frozenset(attributes), inputs)


OPERATORS: Mapping[str, Operator] = {
    "Add": _operator(shapes.broadcast_shape, (2, 2)),
    "ArgMax": _operator(shapes.arg_max_shape, (1, 1), "axis", "keepdims", "select_last_index"),
    "Cast": _operator(shapes.cast_shape, (1, 1), "to"),
    "Clip": _operator(shapes.same_shape, (1, 3)),
    "Concat": _operator(shapes.concat_shape, (1, 64), "axis"),
    "Conv": _operator(
        shapes.conv_shape,
        (2, 3),
        "auto_pad",
        "dilations",
        "group",
        "kernel_shape",
        "pads",
        "strides",
    ),
    "Cos": _operator(shapes.same_shape, (1, 1)),
    "Div": _operator(shapes.broadcast_shape, (2, 2)),
    "Equal": _operator(shapes.equal_shape, (2, 2)),
    "Expand": _operator(shapes.expand_shape, (2, 2)),
    "Gather": _operator(shapes.gather_shape, (2, 2), "axis"),
    "GatherND": _operator(shapes.gather_nd_shape, (2, 2), "batch_dims"),
    "Gelu": _operator(shapes.same_shape, (1, 1), "approximate"),
    "Gemm": _operator(shapes.gemm_shape, (2, 3), "alpha", "beta", "transA", "transB"),
    "InstanceNormalization": _operator(shapes.same_shape, (3, 3), "epsilon"),
    "IsNaN": _operator(shapes.is_nan_shape, (1, 1)),
    "LayerNormalization": _operator(shapes.same_shape, (2, 3), "axis", "epsilon", "stash_type"),
    "MatMul": _operator(shapes.matmul_shape, (2, 2)),
    "Mul": _operator(shapes.broadcast_shape, (2, 2)),
    "ReduceSum": _operator(shapes.reduce_shape, (1, 2), "keepdims", "noop_with_empty_axes"),
    "Relu": _operator(shapes.same_shape, (1, 1)),
    "Reshape": _operator(shapes.reshape_shape, (2, 2), "allowzero"),
    "Resize": _operator(
        shapes.resize_shape,
        (3, 4),
        "antialias",
        "coordinate_transformation_mode",
        "cubic_coeff_a",
        "exclude_outside",
        "extrapolation_value",
        "keep_aspect_ratio_policy",
        "mode",
        "nearest_mode",
    ),
    "Round": _operator(shapes.same_shape, (1, 1)),
    "Shape": _operator(shapes.shape_shape, (1, 1), "start", "end"),
    "Sigmoid": _operator(shapes.same_shape, (1, 1)),
    "Sin": _operator(shapes.same_shape, (1, 1)),
    "Slice": _operator(shapes.slice_shape, (3, 5)),
    "Softmax": _operator(shapes.same_shape, (1, 1), "axis"),
    "Split": _operator(shapes.split_shape, (1, 2), "axis", "num_outputs"),
    "Squeeze": _operator(shapes.squeeze_shape, (1, 2)),
    "Sub": _operator(shapes.broadcast_shape, (2, 2)),
    "Tanh": _operator(shapes.same_shape, (1, 1)),
    "Transpose": _operator(shapes.transpose_shape, (1, 1), "perm"),
    "Unsqueeze": _operator(shapes.unsqueeze_shape, (2, 2)),
    "Where": _operator(shapes.broadcast_shape, (3, 3)),
}
"""By the name of the operator, or ``domain:name`` for one of another domain than ONNX's own."""
HEAVY = frozenset(
    {"ArgMax", "Conv", "Gather", "GatherND", "Gemm", "MatMul", "ReduceSum", "Resize", "Softmax"}
)
"""operators that end a row of element-wise ones, because compilers do not fuse across them"""
ELEMENTWISE = frozenset(
    {
        shapes.broadcast_shape,
        shapes.cast_shape,
        shapes.equal_shape,
        shapes.is_nan_shape,
        shapes.same_shape,
    }
)
"""rules of the operators that work on each element by itself, and of norms, which become such"""
