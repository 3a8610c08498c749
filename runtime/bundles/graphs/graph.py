"""A graph against its manifest: what it takes, gives, reads, holds and costs, before it is run.

Engines do what a graph says: they loop without end, spread one number over all memory, and read
files by the names they are given. So a graph is followed here operator by operator at batch 1, by
shapes alone, and refused when it does not come out at the manifest's sizes or costs more than
networks of that size do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from runtime.bundles.graphs.onnxfile import (
    BF16,
    BOOL,
    F16,
    F32,
    I64,
    U8,
    Node,
    OnnxGraph,
    Port,
    Tensor,
    parse_onnx,
)
from runtime.bundles.graphs.operators import apply, chain_after, products
from runtime.bundles.graphs.shapes import KNOWN, TYPES, Array
from runtime.bundles.manifest import Manifest
from runtime.errors import BundleError

GRAPH_BYTES = 32 << 20
"""longest .onnx file that is read: SDXL's has less than 10 MB, its weights lie beside it"""
SPARE_ELEMENTS = 1 << 24
SPARE_PRODUCTS = 1 << 34
"""what any graph may hold and multiply, however small its pictures are"""
NAMES = {F32: "f32", U8: "uint8", I64: "int64", BOOL: "bool", F16: "f16", BF16: "bf16"}
SPARE_NODES = 4096
BYTES_A_NODE = 1 << 18
"""how many operators a graph may have, and how many more for its weights: SDXL's has 9,000 and
5 GB; compilers take seconds for a thousand that do nothing"""
CHAIN = 128
"""most element-wise operators in a row: a residual stream of 32 layers has 70, and OpenVINO takes
more than square time to fuse them"""
SAME_TOKENS = ("Cast", "Reshape", "Squeeze", "Unsqueeze")
"""operators behind which token ids are still the same"""

PortSpec = tuple[str, int, tuple[int | None, ...]]
"""name, element type, shape; None stands for the batch"""


@dataclass(slots=True)
class Use:
    """What graphs were found to use of the bundle's other files."""

    ends: dict[str, int] = field(default_factory=dict)
    """data file → where its last weight ends"""
    bytes: dict[str, int] = field(default_factory=dict)
    """data file → how long its weights are together"""
    weights: dict[str, list[Tensor]] = field(default_factory=dict)
    """role → its weights"""
    rows: dict[str, int] = field(default_factory=dict)
    """input of the text encoder → how many tokens its table has"""


def ports(role: str, manifest: Manifest) -> tuple[list[PortSpec], list[PortSpec]]:
    """Return the inputs and outputs that a graph must have, in order."""
    m = manifest
    ids = ("input_ids", "input_ids_2")[: len(m.tokenizers)]
    if role == "text_encoder":
        gives: list[PortSpec] = [("embedding", F32, (1, m.tokens, m.embedding))]
        if m.pooled:
            gives.append(("pooled", F32, (1, m.pooled)))
        return [(name, I64, (1, m.tokens)) for name in ids], gives
    picture = (None, *m.latent)
    if role == "decoder":
        return [("latent", F32, picture)], [("pixels", U8, (None, m.height, m.width, 3))]
    takes: list[PortSpec] = [
        ("sample", F32, picture),
        ("timestep", F32, (1,)),
        ("basis", F32, (m.basis, m.tokens, m.embedding)),
        ("weights", F32, (None, m.basis, m.tokens)),
        ("coefficients", F32, (4,)),
        ("noise", F32, picture),
    ]
    if m.pooled:
        takes += [
            ("pooled_basis", F32, (m.basis, m.pooled)),
            ("pooled_weights", F32, (None, m.basis)),
        ]
    return takes, [("next_sample", F32, picture)]


def check_graph(content: bytes, role: str, manifest: Manifest, use: Use) -> None:
    """Check the bytes of an .onnx file; note in ``use`` what it uses of other files.

    Raises:
        BundleError: what is wrong with it, to follow the file's name.
    """
    graph = parse_onnx(content)
    takes, gives = ports(role, manifest)
    if role == "decoder" and len(graph.outputs) > len(gives):  # bundles of before have no total
        gives.append(("total", F32, (None,)))
    _check_ports(graph.inputs, takes, "input")
    _check_ports(graph.outputs, gives, "output")
    _note_weights(graph, role, manifest, use)
    values: dict[str, Array] = {}
    for name, kind, shape in takes:
        values[name] = Array(kind, tuple(1 if side is None else side for side in shape))
    for tensor in graph.initializers:
        _define(values, tensor.name, Array(tensor.kind, tensor.shape, _content(tensor)))
    _follow(graph, manifest, values, use)
    for name, kind, shape in gives:
        made = values.get(name)
        wanted = Array(kind, tuple(1 if side is None else side for side in shape))
        if made is None or (made.kind, made.shape) != (wanted.kind, wanted.shape):
            raise BundleError(
                f"makes {'nothing' if made is None else _described(made)} of its output {name} "
                f"instead of {_described(wanted)}"
            )
    for port in graph.values:
        _check_value(port, values.get(port.name))


def _check_ports(found: Iterable[Port], wanted: list[PortSpec], side: str) -> None:
    """Compare what a graph declares with what the manifest asks for."""
    found = list(found)
    names, asked = [port.name for port in found], [name for name, _, _ in wanted]
    if names != asked:
        raise BundleError(
            f"has the {side}s {', '.join(names)[:200] or 'none'} instead of {', '.join(asked)}"
        )
    for port, (name, kind, shape) in zip(found, wanted, strict=True):
        fits = len(port.shape) == len(shape) and all(
            isinstance(side, str) if fixed is None else side == fixed
            for side, fixed in zip(port.shape, shape, strict=True)
        )
        if port.kind != kind or not fits:
            sides = ["batch" if side is None else side for side in shape]
            raise BundleError(
                f"has the {side} {name} as {NAMES.get(port.kind, port.kind)} "
                f"{list(port.shape)!s:.100} instead of {NAMES[kind]} {sides}"
            )


def _check_value(port: Port, value: Array | None) -> None:
    """Refuse what a file says of a value if it is another: engines believe it."""
    if value is None:
        return
    fits = len(port.shape) == len(value.shape) and all(
        isinstance(side, str) or side == true
        for side, true in zip(port.shape, value.shape, strict=True)
    )
    if not fits or port.kind != value.kind:
        raise BundleError(f"says something untrue of its value {port.name[:60]!r}")


def _note_weights(graph: OnnxGraph, role: str, manifest: Manifest, use: Use) -> None:
    """Note where a graph's weights lie; they must lie in files that the manifest lists."""
    outside = [tensor for tensor in graph.initializers if tensor.file]
    own = {*manifest.graphs.values(), *manifest.tokenizers}
    for tensor in outside:
        record = manifest.files.get(tensor.file)
        if record is None or tensor.file in own:
            raise BundleError(
                f"has weights in {tensor.file[:60]!r}, which the manifest does not list"
            )
        end = tensor.offset + tensor.bytes
        if end > record.bytes:
            raise BundleError(f"has weights behind the end of {tensor.file}")
        use.ends[tensor.file] = max(end, use.ends.get(tensor.file, 0))
        use.bytes[tensor.file] = use.bytes.get(tensor.file, 0) + tensor.bytes
        if use.bytes[tensor.file] > record.bytes:
            raise BundleError(f"has more weights than {tensor.file} holds")
    use.weights[role] = list(graph.initializers)


def _follow(graph: OnnxGraph, manifest: Manifest, values: dict[str, Array], use: Use) -> None:
    """Work out every value's shape in ``values``; keep count of what is held and multiplied."""
    held_most, products_most = _limits(graph, manifest)
    weights = sum(tensor.bytes for tensor in graph.initializers)
    if len(graph.nodes) > SPARE_NODES + weights // BYTES_A_NODE:
        raise BundleError(f"has {len(graph.nodes)} operators for {weights} bytes of weights")
    last = {name: number for number, node in enumerate(graph.nodes) for name in node.inputs}
    last |= {port.name: len(graph.nodes) for port in graph.outputs}
    tokens = {port.name: port.name for port in graph.inputs if port.kind == I64}
    alive: dict[str, int] = {}
    chains: dict[str, int] = {}
    held = multiplied = 0
    for number, node in enumerate(graph.nodes):
        inputs = [_made(values, name, node) for name in node.inputs]
        made = apply(node, inputs)
        multiplied += products(node, inputs, made)
        longest = max((chains.get(name, 0) for name in node.inputs), default=0)
        chain = chain_after(node, longest)
        if chain > CHAIN:
            raise BundleError(f"has more than {CHAIN} operators in a row that do little")
        for name, array in zip(node.outputs, made, strict=True):
            _define(values, name, array)
            chains[name] = chain
            alive[name] = array.elements
            held += array.elements
        if held > held_most or multiplied > products_most:
            raise BundleError(
                f"is out of proportion to pictures of {manifest.width}x{manifest.height} "
                f"(at its {node.op})"
            )
        for name in (*node.inputs, *node.outputs):
            if last.get(name, number) == number:
                held -= alive.pop(name, 0)
        if node.op in SAME_TOKENS and node.inputs[0] in tokens:
            tokens[node.outputs[0]] = tokens[node.inputs[0]]
        if node.op == "Gather" and node.inputs[1] in tokens and not node.attributes.get("axis"):
            table, source = values[node.inputs[0]].shape, tokens[node.inputs[1]]
            use.rows[source] = min(table[0], use.rows.get(source, table[0]))


def _limits(graph: OnnxGraph, manifest: Manifest) -> tuple[int, int]:
    """Return how many numbers a graph may hold at once, and how many products it may do.

    Attention compares every cell of the latent with every other, in some heads and layers; a
    decoder holds some hundred channels for every pixel; no weight is used more than once a pixel.
    """
    pixels = manifest.width * manifest.height
    pairs = (manifest.latent[1] * manifest.latent[2]) ** 2
    basis = manifest.basis * manifest.tokens * (manifest.embedding + manifest.pooled)
    weights = sum(tensor.elements for tensor in graph.initializers)
    held = 64 * pairs + 2048 * pixels + 4 * basis + 2 * weights + SPARE_ELEMENTS
    multiplied = 4 * weights * pixels + 4096 * pairs * len(graph.nodes) + SPARE_PRODUCTS
    return held, multiplied


def _made(values: Mapping[str, Array], name: str, node: Node) -> Array | None:
    if name and name not in values:
        raise BundleError(f"has a {node.op[:40]} whose input {name[:60]!r} nothing makes")
    return values[name] if name else None


def _define(values: dict[str, Array], name: str, array: Array) -> None:
    if not name or name in values:
        raise BundleError(f"has two values of one name, {name[:60]!r}")
    values[name] = array


def _content(tensor: Tensor) -> Any:
    """Return the numbers of a small weight that may be a shape, axes or scales; else None."""
    kind = TYPES.get(tensor.kind)
    if kind is None or tensor.file or tensor.elements > KNOWN:
        return None
    return np.frombuffer(tensor.raw, np.dtype(kind).newbyteorder("<")).reshape(tensor.shape)


def _described(array: Array) -> str:
    return f"{NAMES.get(array.kind, array.kind)} {list(array.shape)!s:.100}"
