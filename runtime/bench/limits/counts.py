"""The work in a graph, counted from its ONNX file: multiply-adds and the bytes that must move."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import openvino as ov

from runtime.engines.openvino.graph import fixed_model
from runtime.errors import BundleError, last_line

WIDTHS = {"f32": 4, "bf16": 2, "f16": 2, "int8": 1}
"""bytes of a number in each precision"""
PRODUCTS = {
    "Convolution": 1,
    "ConvolutionBackpropData": 1,
    "GroupConvolution": 2,
    "GroupConvolutionBackpropData": 2,
}
"""operation → the first dimension of its weights that each number of its output is summed over"""


@dataclass(frozen=True, slots=True)
class Work:
    """What one run of a graph comes to.

    Normalisation, activations and other element-wise work are not counted: beside the products
    they are few operations, and an engine fuses them into the products.
    """

    flop: float
    """two for each multiply-add of a matrix product or convolution"""
    weights: int
    """numbers in the file's tensors of floats"""
    io_bytes: int
    """the graph's inputs and outputs"""
    activations: int
    """numbers that the products read besides weights, and write"""

    def bytes(self, precision: str) -> float:
        """Return what must cross the memory bus at the least: weights once, inputs and outputs."""
        return self.weights * WIDTHS[precision] + self.io_bytes


def count(path: Path, batch: int = 1) -> Work:
    """Count the graph in an ONNX file for pictures of one ``batch``.

    Raises:
        BundleError: a file that cannot be read, or whose shapes depend on more than the batch.
    """
    try:
        return count_model(fixed_model(path, batch))
    except RuntimeError as error:
        raise BundleError(f"the work in {path} cannot be counted: {last_line(error)}") from None


def count_model(model: ov.Model) -> Work:
    """Count a graph that was read, of fixed shapes.

    Raises:
        RuntimeError: a shape is not known.
    """
    flop, activations, weights = 0.0, 0, 0
    for node in model.get_ordered_ops():
        if node.get_type_name() == "Constant" and node.get_element_type().is_real():
            weights += prod(node.shape)
        operations = _flop(node)
        if operations:
            flop += operations
            activations += prod(node.get_output_shape(0))
            activations += sum(
                prod(port.get_shape()) for port in node.inputs() if not _is_weight(port)
            )
    io_bytes = sum(
        prod(port.shape) * port.element_type.size for port in (*model.inputs, *model.outputs)
    )
    return Work(flop, weights, io_bytes, activations)


def flop_behind(model: ov.Model, inputs: Collection[str]) -> float:
    """Return the flop of all that depends on one of the ``inputs``, by their names.

    Raises:
        RuntimeError: a shape is not known.
    """
    behind: set[str] = set()
    flop = 0.0
    for node in model.get_ordered_ops():
        sources = (port.get_source_output().get_node().get_name() for port in node.inputs())
        if node.get_type_name() == "ShapeOf":
            continue  # which is known, whatever the input holds
        if node.get_friendly_name() in inputs or not behind.isdisjoint(sources):
            behind.add(node.get_name())
            flop += _flop(node)
    return flop


def _flop(node: Any) -> float:
    """Return twice the multiply-adds of a product; 0 for every other operation."""
    kind = node.get_type_name()
    if kind == "MatMul":
        left = list(node.get_input_shape(0))
        inner = left[-2] if node.get_attributes()["transpose_a"] and len(left) > 1 else left[-1]
        return 2.0 * float(prod(node.get_output_shape(0)) * inner)
    if kind not in PRODUCTS:
        return 0.0
    shape = node.get_input_shape(0) if "Backprop" in kind else node.get_output_shape(0)
    return 2.0 * float(prod(shape) * prod(list(node.get_input_shape(1))[PRODUCTS[kind] :]))


def _is_weight(port: Any) -> bool:
    """Whether an input is a constant, at most converted or reshaped on its way."""
    node = port.get_source_output().get_node()
    while node.get_type_name() in ("Convert", "Reshape", "Transpose", "Multiply", "Unsqueeze"):
        node = node.input(0).get_source_output().get_node()
    return bool(node.get_type_name() == "Constant")
