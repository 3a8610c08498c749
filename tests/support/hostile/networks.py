"""Hostile graphs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tests.support.hostile.case import DRAWN, Case
from tests.support.models.resealed import replace_file
from tests.support.models.tinybundle import LATENT

ALLOWED = "not allowed"
TOO_MUCH = "out of proportion"
F32 = TensorProto.FLOAT
node = helper.make_node


def _changed(role: str, change: Callable[[onnx.ModelProto], object]) -> Callable[[Path], None]:
    """Alter a graph; the manifest lists the new file."""

    def spoil(folder: Path) -> None:
        name = f"{role}.onnx"
        model = onnx.load(folder / name, load_external_data=False)
        change(model)
        replace_file(folder, name, model.SerializeToString())

    return spoil


def _content(role: str, content: bytes) -> Callable[[Path], None]:
    return lambda folder: replace_file(folder, f"{role}.onnx", content)


def _around(
    nodes: Sequence[onnx.NodeProto], role: str = "decoder", **constants: Any
) -> Callable[[Path], None]:
    """Put nodes in front of a graph: they take its first input and their last gives ``out``.

    Adding nothing times ``out`` leaves the pictures as they were, if the shape allows.
    """

    def change(model: onnx.ModelProto) -> None:
        graph = model.graph
        first = graph.input[0].name
        for one in graph.node:
            one.input[:] = [f"{first}.new" if name == first else name for name in one.input]
        tail = [
            node("Mul", ["out", "nothing"], ["little"]),
            node("ReduceSum", ["little", "every.axis"], ["one"], keepdims=0),
            node("Add", [first, "one"], [f"{first}.new"]),
        ]
        made = [*nodes, *tail, *graph.node]
        del graph.node[:]
        graph.node.extend(made)
        values = {
            "nothing": np.zeros(1, np.float32),
            "every.axis": np.array([0, 1, 2, 3], np.int64),
            **constants,
        }
        graph.initializer.extend(
            numpy_helper.from_array(np.asarray(value), name) for name, value in values.items()
        )

    return _changed(role, change)


def _last(model: onnx.ModelProto, op: str, domain: str = "", **attributes: Any) -> None:
    """Put another operator behind the one that makes the first output."""
    graph = model.graph
    name = graph.output[0].name
    maker = next(one for one in graph.node if name in one.output)
    maker.output[list(maker.output).index(name)] = "before"
    for one in graph.node:
        for place, given in enumerate(one.input):
            if given == name:
                one.input[place] = "before"
    graph.node.append(node(op, ["before"], [name], domain=domain, **attributes))


def _sub_graph(count: str) -> onnx.GraphProto:
    value = helper.make_tensor_value_info("x", F32, None)
    return helper.make_graph([node("Identity", [count], ["x"])], "body", [], [value])


def _rename(side: str, model: onnx.ModelProto) -> None:
    getattr(model.graph, side)[0].name = "other"


def _declare(side: str, place: int, size: int, model: onnx.ModelProto) -> None:
    port = getattr(model.graph, side)[0]
    port.type.tensor_type.shape.dim[place].dim_value = size


def _outside(key: str, value: str, model: onnx.ModelProto) -> None:
    """Change where the first weight lies."""
    tensor = next(one for one in model.graph.initializer if one.external_data)
    for entry in tensor.external_data:
        if entry.key == key:
            entry.value = value


def _unlisted(folder: Path) -> None:
    """Keep the weights in a file that the manifest does not list."""
    (folder / "more.data").write_bytes((folder / "denoiser.onnx.data").read_bytes())
    _changed("denoiser", partial(_outside, "location", "more.data"))(folder)


def _again(count: int, model: onnx.ModelProto) -> None:
    """Name the same bytes ``count`` times."""
    tensor = next(one for one in model.graph.initializer if one.external_data)
    for i in range(count):
        copy = model.graph.initializer.add()
        copy.CopyFrom(tensor)
        copy.name = f"again{i}"


def _weight(value: float, model: onnx.ModelProto) -> None:
    """Put a number into the decoder's weights."""
    (place,) = (i for i, one in enumerate(model.graph.initializer) if one.name == "colours")
    array = np.array(numpy_helper.to_array(model.graph.initializer[place]))
    array.reshape(-1)[0] = value
    model.graph.initializer[place].CopyFrom(numpy_helper.from_array(array, "colours"))


def _fewer_words(model: onnx.ModelProto) -> None:
    (table,) = (one for one in model.graph.initializer if one.name == "words")
    rows = table.dims[0] // 2
    table.dims[0] = rows
    _outside("length", str(rows * table.dims[1] * 4), model)


def _constants(array: Any, name: str) -> Callable[[onnx.ModelProto], None]:
    return lambda model: model.graph.initializer.append(numpy_helper.from_array(array, name))


def _doubling(op: str, count: int, **attributes: Any) -> list[onnx.NodeProto]:
    names = ["latent", *(f"d{i}" for i in range(1, count)), "out"]
    return [node(op, [one, one], [two], **attributes) for one, two in pairwise(names)]


def _loop(model: onnx.ModelProto) -> None:
    body = helper.make_graph(
        [node("Identity", ["go"], ["on"]), node("Identity", ["x"], ["y"])],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("x", F32, None),
        ],
        [
            helper.make_tensor_value_info("on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("y", F32, None),
        ],
    )
    graph = model.graph
    for one in graph.node:
        one.input[:] = ["looped" if name == "latent" else name for name in one.input]
    graph.initializer.append(numpy_helper.from_array(np.array(True), "yes"))
    graph.node.insert(0, node("Loop", ["", "yes", "latent"], ["looped"], body=body))


def _if(model: onnx.ModelProto) -> None:
    graph = model.graph
    for one in graph.node:
        one.input[:] = ["chosen" if name == "latent" else name for name in one.input]
    graph.initializer.append(numpy_helper.from_array(np.array(True), "yes"))
    either = {"then_branch": _sub_graph("latent"), "else_branch": _sub_graph("latent")}
    graph.node.insert(0, node("If", ["yes"], ["chosen"], **either))


def _cycle(model: onnx.ModelProto) -> None:
    model.graph.node[0].input[0] = model.graph.node[-2].output[0]


def _function(model: onnx.ModelProto) -> None:
    model.functions.append(
        helper.make_function(
            "own", "F", ["x"], ["y"], [node("Identity", ["x"], ["y"])],
            [helper.make_opsetid("", 20)],
        )
    )  # fmt: skip


def _says(model: onnx.ModelProto) -> None:
    model.graph.value_info.append(helper.make_tensor_value_info("rgb", F32, [9, 9, 9, 9]))


def _many_nodes(model: onnx.ModelProto) -> None:
    model.graph.node.extend(node("Relu", ["latent"], [f"r{i}"]) for i in range(60_000))


def _huge(model: onnx.ModelProto) -> None:
    tensor = model.graph.initializer.add(name="huge", data_type=F32)
    tensor.dims.extend([1 << 20, 1 << 20, 1 << 20])
    tensor.raw_data = b"1234"


def _short(model: onnx.ModelProto) -> None:
    tensor = model.graph.initializer.add(name="short", data_type=F32)
    tensor.dims.extend([1000])
    tensor.raw_data = b"1234"


def _text_weight(model: onnx.ModelProto) -> None:
    tensor = model.graph.initializer.add(name="text", data_type=TensorProto.STRING)
    tensor.dims.extend([1])
    tensor.string_data.append(b"x")


def _opset(version: int, model: onnx.ModelProto) -> None:
    model.opset_import[0].version = version


def _port(side: str, model: onnx.ModelProto) -> None:
    getattr(model.graph, side).append(helper.make_tensor_value_info("more", F32, [1]))


def _empty_nodes() -> bytes:
    """Twenty megabytes that say "operator" ten million times."""
    body = b"\x0a\x00" * 10_000_000
    length, size = [], len(body)
    while size >= 128:
        length.append(size & 127 | 128)
        size >>= 7
    opset = b"\x42\x02\x10\x14"
    return b"\x3a" + bytes([*length, size]) + body + opset


CELLS = int(np.prod(LATENT))
LONG = np.array([50_000, 50_000, CELLS], np.int64)
CONV = {"strides": [1, 1], "pads": [10_000] * 4}
decoder = partial(_changed, "decoder")
denoiser = partial(_changed, "denoiser")

FORMS = [
    Case("an endless loop", decoder(_loop), ALLOWED),
    Case("a branch", decoder(_if), ALLOWED),
    Case("a scan", decoder(lambda m: _last(m, "Scan", num_scan_inputs=1)), ALLOWED),
    Case("an operator of nobody", decoder(lambda m: _last(m, "Own", "own")), ALLOWED),
    Case("a sub-graph of an Add", decoder(lambda m: _last(m, "Cos", body=_sub_graph("rgb"))), ""),
    Case("a sequence", decoder(lambda m: _last(m, "SequenceConstruct")), ALLOWED),
    Case("random numbers", decoder(lambda m: _last(m, "RandomNormalLike")), ALLOWED),
    Case("an attribute unknown", decoder(lambda m: _last(m, "Cos", seed=1.0)), ALLOWED),
    Case("a function", decoder(_function), ALLOWED),
    Case("sparse weights", decoder(lambda m: m.graph.sparse_initializer.add()), ALLOWED),
    Case("a note of 10 MB", decoder(lambda m: setattr(m, "doc_string", "x" * 10**7)), ALLOWED),
    Case("text for a weight", decoder(_text_weight), ALLOWED),
    Case("old operators", decoder(partial(_opset, 9)), "version"),
    Case("operators of the future", decoder(partial(_opset, 99)), "version"),
    Case("a renamed output", decoder(partial(_rename, "output")), "instead of"),
    Case("a renamed input", denoiser(partial(_rename, "input")), "instead of"),
    Case("an output too many", decoder(partial(_port, "output")), "instead of"),
    Case("an input too many", denoiser(partial(_port, "input")), "instead of"),
    Case("another latent", decoder(partial(_declare, "input", 2, 99)), "instead of"),
    Case("another picture", decoder(partial(_declare, "output", 1, 99)), "instead of"),
    Case("a picture of another size than it says", decoder(lambda m: _last(
        m, "Transpose", perm=[0, 2, 1, 3])), "instead of"),
    Case("a picture of other numbers", decoder(lambda m: _last(m, "Cast", to=F32)), "instead of"),
    Case("an untruth", decoder(_says), "untrue"),
    Case("a cycle", decoder(_cycle), "nothing makes"),
    Case("an input of nobody", decoder(lambda m: m.graph.node[0].input.__setitem__(0, "x")), ""),
    Case("two of one name", decoder(lambda m: m.graph.node.append(m.graph.node[0])), "one name"),
    Case("a weight in the input's place", decoder(_constants(np.zeros(3), "latent")), ""),
    Case("60,000 operators", decoder(_many_nodes), "too many parts"),
    Case("no operators", decoder(lambda m: m.graph.ClearField("node")), "makes nothing"),
    Case("no graph", decoder(lambda m: m.ClearField("graph")), "instead of"),
    Case("no bytes", _content("decoder", b""), "instead of"),
    Case("zeros for a graph", _content("decoder", bytes(10_000)), ""),
    Case("bytes for a graph", _content("decoder", bytes(range(256)) * 40), ""),
    Case("10 million empty operators", lambda folder: _content("decoder", _empty_nodes())(folder),
         "too many parts"),
]  # fmt: skip

WEIGHTS = [
    Case("weights above", denoiser(partial(_outside, "location", "../x.data")), "does not list"),
    Case("weights anywhere", denoiser(partial(_outside, "location", "/dev/zero")), "not list"),
    Case("weights in the manifest", denoiser(partial(_outside, "location", "manifest.json")), ""),
    Case("weights in a graph", denoiser(partial(_outside, "location", "decoder.onnx")), "not list"),
    Case("weights in a file that is not listed", _unlisted, "does not list"),
    Case("weights behind the end", denoiser(partial(_outside, "offset", "9000000000")), "the end"),
    Case("weights before the start", denoiser(partial(_outside, "offset", "-4096")), "at '-4096'"),
    Case("weights of another length", denoiser(partial(_outside, "length", "4")), "another length"),
    Case("weights that lie in one place", denoiser(partial(_again, 20_000)), "more weights"),
    Case("weights of 10^18", decoder(_huge), "too large"),
    Case("weights that are short", decoder(_short), "another length"),
    Case("weights that are not numbers", decoder(partial(_weight, np.nan)), "not finite"),
    Case("weights that are infinite", decoder(partial(_weight, np.inf)), "not finite"),
    Case("fewer words than tokens", _changed("text_encoder", _fewer_words), "knows"),
]

COSTS = [
    Case("nothing more", _around([node("Relu", ["latent"], ["out"])]), DRAWN),
    Case("numbers spread over memory", _around(
        [node("Reshape", ["latent", "flat"], ["f"]), node("Expand", ["f", "far"], ["e"]),
         node("Unsqueeze", ["e", "first"], ["out"])],
        flat=np.array([CELLS], np.int64), far=LONG, first=np.array([0], np.int64)), TOO_MUCH),
    Case("doubled 40 times", _around(_doubling("Concat", 40, axis=0)), TOO_MUCH),
    Case("multiplied outwards", _around(
        [node("Reshape", ["latent", "tall"], ["a"]), node("Reshape", ["latent", "wide"], ["b"]),
         node("Concat", ["a"] * 60, ["a60"], axis=2), node("Concat", ["b"] * 60, ["b60"], axis=3),
         node("Concat", ["a60"] * 60, ["a3600"], axis=2),
         node("Concat", ["b60"] * 60, ["b3600"], axis=3),
         node("MatMul", ["a3600", "b3600"], ["out"])],
        tall=np.array([1, 1, CELLS, 1], np.int64), wide=np.array([1, 1, 1, CELLS], np.int64)),
        TOO_MUCH),
    Case("resized by 10^5", _around(
        [node("Resize", ["latent", "", "large"], ["out"])],
        large=np.array([1, 1, 1e5, 1e5], np.float32)), TOO_MUCH),
    Case("resized to what is no number", _around(
        [node("Resize", ["latent", "", "large"], ["out"])],
        large=np.array([1, 1, np.nan, 1], np.float32)), "does not fit"),
    Case("padded by 10^4", _around([node("Conv", ["latent", "k"], ["out"], **CONV)],
         k=np.ones((1, LATENT[0], 1, 1), np.float32)), TOO_MUCH),
    Case("days of products", _around(
        [node("Reshape", ["latent", "tall"], ["a"]), node("Reshape", ["latent", "wide"], ["b"]),
         node("Concat", ["a"] * 20, ["a20"], axis=2), node("Concat", ["b"] * 20, ["b20"], axis=3),
         node("MatMul", ["a20", "b20"], ["m0"]),
         *[node("MatMul", [f"m{i}", "m0"], [f"m{i + 1}" if i < 499 else "out"])
           for i in range(500)]],
        tall=np.array([1, 1, CELLS, 1], np.int64), wide=np.array([1, 1, 1, CELLS], np.int64)),
        "at its MatMul"),
    Case("a shape from the weights' noise", _around(
        [node("Cast", ["latent"], ["n"], to=TensorProto.INT64),
         node("Reshape", ["n", "flat"], ["sh"]), node("Expand", ["nothing", "sh"], ["out"])],
        flat=np.array([-1], np.int64)), "does not fit"),
    Case("1,000 operators that do nothing", _around(
        [node("Relu", ["latent" if not i else f"r{i - 1}"], [f"r{i}" if i < 999 else "out"])
         for i in range(1000)]), "in a row"),
    Case("norms without end", _around(
        [node("InstanceNormalization", ["latent" if not i else f"r{i - 1}", "ones", "ones"],
              [f"r{i}" if i < 999 else "out"]) for i in range(1000)],
        ones=np.ones(LATENT[0], np.float32)), "in a row"),
    Case("5,000 operators for few weights", _around(
        [node("Softmax", ["latent" if not i else f"r{i - 1}"], [f"r{i}" if i < 4999 else "out"])
         for i in range(5000)]), "operators for"),
    Case("memory of its own", _around(
        [node("ConstantOfShape", ["far"], ["out"])], far=LONG), ALLOWED),
    Case("a step of none", _around(
        [node("Slice", ["latent", "zero", "zero", "zero", "zero"], ["out"])],
        zero=np.array([0], np.int64)), "does not fit"),
    Case("a row that is not there", _around(
        [node("Gather", ["latent", "far"], ["out"], axis=2)],
        far=np.array([10**6], np.int64)), "does not fit"),
]  # fmt: skip
