"""An ONNX file read as data: what our exporter writes of the format, and nothing else of it.

Field numbers are those of onnx.proto. A field that is not listed here (sub-graphs, functions,
sparse tensors, training …) is refused by its number, so that no engine sees it either.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from runtime.bundles.graphs.protobuf import Value, Walker, as_float, packed, signed
from runtime.errors import BundleError

FIELDS = 1_500_000
"""most protobuf fields of a graph: SDXL's have about 400,000"""
PARTS = 50_000
"""most operators, weights or values of a graph: SDXL's have about 15,000"""
OPSETS = {"": (20,)}
"""operator domain → its versions that a graph may ask for"""
F32, U8, I32, I64, BOOL, F16, BF16 = 1, 2, 6, 7, 9, 10, 16
KINDS = {F32: 4, U8: 1, I32: 4, I64: 8, BOOL: 1, F16: 2, BF16: 2}
"""ONNX's number of an element type → bytes an element"""

# the message's name, then field number → name; a star marks repeated fields
MODEL = ("model", {1: "ir", 2: "producer", 3: "producer_version", 7: "graph", 8: "*opset"})
OPSET = ("opset", {1: "domain", 2: "version"})
GRAPH = (
    "graph",
    {1: "*node", 2: "name", 5: "*initializer", 11: "*input", 12: "*output", 13: "*value_info"},
)
NODE = ("node", {1: "*input", 2: "*output", 3: "name", 4: "op", 5: "*attribute", 7: "domain"})
ATTRIBUTE = ("attribute", {1: "name", 2: "f", 3: "i", 4: "s", 8: "*ints", 20: "type"})
TENSOR = (
    "tensor",
    {1: "*dims", 2: "kind", 8: "name", 9: "raw", 13: "*external", 14: "location"},
)
ENTRY = ("external data", {1: "key", 2: "value"})
PORT = ("value", {1: "name", 2: "type"})
TYPE = ("type", {1: "tensor"})
TENSOR_TYPE = ("tensor type", {1: "kind", 2: "shape"})
SHAPE = ("shape", {1: "*dim"})
DIM = ("dimension", {1: "value", 2: "parameter"})
Message = tuple[str, Mapping[int, str]]

FLOAT, INT, STRING, INTS = 1, 2, 3, 7
"""types of attributes"""
EXTERNAL = 1
RANK = 8
LARGEST = 1 << 40


@dataclass(frozen=True, slots=True)
class Port:
    """A value's name, element type and shape; a text stands for a dimension that is not fixed."""

    name: str
    kind: int
    shape: tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class Tensor:
    """An initializer; ``raw`` holds its bytes, or ``file``, ``offset`` say where they lie."""

    name: str
    kind: int
    shape: tuple[int, ...]
    raw: memoryview
    file: str
    offset: int

    @property
    def elements(self) -> int:
        """Return how many numbers it holds."""
        return prod(self.shape)

    @property
    def bytes(self) -> int:
        """Return how long it is."""
        return self.elements * KINDS[self.kind]

    @property
    def floats(self) -> str:
        """Return numpy's name of its kind, empty where it is no kind of floating point."""
        return {F32: "<f4", F16: "<f2"}.get(self.kind, "")


@dataclass(frozen=True, slots=True)
class Node:
    """One operator; an empty name among the inputs is one left out."""

    op: str
    """``Add``, or ``domain:Add`` for an operator of another domain than ONNX's own"""
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, int | float | str | tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class OnnxGraph:
    """Everything that an engine reads of an ONNX file."""

    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    initializers: tuple[Tensor, ...]
    nodes: tuple[Node, ...]
    values: tuple[Port, ...]
    """what the file says of the values in between"""


def parse_onnx(content: bytes) -> OnnxGraph:
    """Read the bytes of an .onnx file.

    Raises:
        BundleError: what is wrong with it, to follow the file's name.
    """
    reader = _Reader(Walker(FIELDS))
    model = reader.message(memoryview(content), MODEL)
    for part in model["*opset"]:
        opset = reader.message(part, OPSET)
        domain = _text(opset.get("domain", b""))
        if opset.get("version") not in OPSETS.get(domain, ()):
            raise BundleError(f"needs operators of {domain[:40] or 'ONNX'!r} of another version")
    graph = reader.message(_bytes(model.get("graph", b"")), GRAPH)
    return OnnxGraph(
        inputs=tuple(reader.port(part) for part in graph["*input"]),
        outputs=tuple(reader.port(part) for part in graph["*output"]),
        initializers=tuple(reader.tensor(part) for part in graph["*initializer"]),
        nodes=tuple(reader.node(part) for part in graph["*node"]),
        values=tuple(reader.port(part) for part in graph["*value_info"]),
    )


class _Reader:
    """Messages → dataclasses."""

    def __init__(self, walker: Walker) -> None:
        self._walker = walker

    def message(self, part: Value, kind: Message) -> dict[str, Any]:
        """Return a message's fields by name; every repeated one is there, as a list."""
        what, names = kind
        found: dict[str, Any] = {name: [] for name in names.values() if name[0] == "*"}
        for number, value in self._walker.fields(_bytes(part)):
            name = names.get(number)
            if name is None:
                raise BundleError(f"has a {what} with a part that is not allowed (field {number})")
            if name[0] == "*":
                if len(found[name]) == PARTS:
                    raise BundleError("has too many parts")
                found[name].append(value)
            elif name in found:
                raise BundleError(f"has a {what} that says two things of its {name}")
            else:
                found[name] = value
        return found

    def port(self, part: Value) -> Port:
        """Read a ValueInfoProto."""
        value = self.message(part, PORT)
        kind = self.message(value.get("type", b""), TYPE)
        tensor = self.message(kind.get("tensor", b""), TENSOR_TYPE)
        if "shape" not in tensor:
            raise BundleError("has a value without a shape")
        dims = [self.message(dim, DIM) for dim in self.message(tensor["shape"], SHAPE)["*dim"]]
        shape = tuple(
            _size(dim["value"]) if "value" in dim else _text(dim.get("parameter", b""))
            for dim in dims
        )
        return Port(_text(value.get("name", b"")), _kind(tensor), shape)

    def tensor(self, part: Value) -> Tensor:
        """Read a TensorProto."""
        value = self.message(part, TENSOR)
        shape = tuple(_size(dim) for dims in value["*dims"] for dim in packed(dims))
        name = _text(value.get("name", b""))
        if len(shape) > RANK or prod(shape) > LARGEST:
            raise BundleError(f"has a weight that is too large, {name[:60]!r}")
        entries = [self.message(entry, ENTRY) for entry in value["*external"]]
        outside = {_text(one.get("key", b"")): _text(one.get("value", b"")) for one in entries}
        external = value.get("location", 0) == EXTERNAL
        if external != bool(outside) or external == ("raw" in value):
            raise BundleError(f"has a weight without content, {name[:60]!r}")
        made = Tensor(
            name,
            _kind(value),
            shape,
            _bytes(value.get("raw", b"")),
            outside.get("location", ""),
            _decimal(outside.get("offset", "0")),
        )
        length = _decimal(outside.get("length", "")) if external else len(made.raw)
        if length != made.bytes or len(outside) != len(entries):
            raise BundleError(f"has a weight of another length than its shape's, {name[:60]!r}")
        return made

    def node(self, part: Value) -> Node:
        """Read a NodeProto."""
        value = self.message(part, NODE)
        domain, op = (_text(value.get(name, b"")) for name in ("domain", "op"))
        attributes = dict(self._attributes(value["*attribute"]))
        if len(attributes) != len(value["*attribute"]):
            raise BundleError(f"has a {op[:40]} that says one thing twice")
        inputs, outputs = (
            tuple(_text(name) for name in value[side]) for side in ("*input", "*output")
        )
        return Node(f"{domain}:{op}" if domain else op, inputs, outputs, attributes)

    def _attributes(
        self, parts: Sequence[Value]
    ) -> Iterator[tuple[str, int | float | str | tuple[int, ...]]]:
        for part in parts:
            value = self.message(part, ATTRIBUTE)
            name, kind = _text(value.get("name", b"")), value.get("type")
            if kind == INT and isinstance(value.get("i", 0), int):
                yield name, signed(value.get("i", 0))
            elif kind == FLOAT and isinstance(value.get("f", 0), int):
                yield name, as_float(value.get("f", 0) & 0xFFFFFFFF)
            elif kind == STRING:
                yield name, _text(value.get("s", b""))
            elif kind == INTS:
                yield name, tuple(one for many in value["*ints"] for one in packed(many))
            else:
                raise BundleError(f"has an attribute of a kind that is not allowed, {name[:60]!r}")


def _bytes(value: Value | bytes) -> memoryview:
    if isinstance(value, int):
        raise BundleError("is no ONNX graph")
    return memoryview(value)


def _text(value: Value | bytes) -> str:
    try:
        return str(_bytes(value), "utf-8")
    except UnicodeDecodeError:
        raise BundleError("has a name that is no text") from None


def _kind(message: Mapping[str, Any]) -> int:
    kind = message.get("kind")
    if kind not in KINDS:
        raise BundleError(f"has numbers of a kind that is not allowed ({kind})")
    return int(kind)


def _size(value: Value) -> int:
    size = signed(value) if isinstance(value, int) else -1
    if not 0 <= size <= LARGEST:
        raise BundleError(f"has a size of {size}" if isinstance(value, int) else "is no ONNX graph")
    return size


def _decimal(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 20):
        raise BundleError(f"has external data at {text[:40]!r}")
    return int(text)
