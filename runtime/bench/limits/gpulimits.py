"""A GPU's rates through ONNX Runtime, on graphs made here: a chain of products, and a copy."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from runtime.bench.timing import best_seconds
from runtime.engines.onnxruntime.module import load_onnxruntime
from runtime.engines.onnxruntime.session import PROVIDERS
from runtime.errors import EngineError, first_line

SIDES = (2048, 4096, 8192)
CHAIN = 8
COPIED = 1 << 28
"""numbers of the block that is copied, four bytes each"""
ELEMENTS = {"f32": (1, np.float32), "f16": (10, np.float16)}
"""ONNX's number of each precision (onnx.proto, TensorProto.DataType), and numpy's type"""
GPU = "onnxruntime"


def gpu_rate(precision: str, backend: str = GPU, sides: tuple[int, ...] = SIDES) -> float:
    """Return the flop a second of a GPU's matrix products, best of square ``sides``.

    Raises:
        EngineError: ONNX Runtime is not here or has no such GPU; a precision it is not asked for.
    """
    if precision not in ELEMENTS:
        raise EngineError(f"no matrix product in {precision} can be measured on a GPU")
    nodes = [("MatMul", ["a" if i == 0 else f"x{i}", "b"], f"x{i + 1}") for i in range(CHAIN - 1)]
    nodes.append(("MatMul", [f"x{CHAIN - 1}", "b"], "y"))

    def rate(side: int) -> float:
        seconds = _seconds(_graph(nodes, ["a", "b"], [side, side], precision), backend, precision)
        return CHAIN * 2.0 * side**3 / seconds

    return max(rate(side) for side in sides)


def gpu_copy_rate(backend: str = GPU, count: int = COPIED) -> float:
    """Return the bytes a second that a GPU reads and writes, on ``count`` numbers of f32.

    Raises:
        EngineError: ONNX Runtime is not here or has no such GPU.
    """
    graph = _graph([("Neg", ["a"], "y")], ["a"], [count], "f32")
    return 8.0 * count / _seconds(graph, backend, "f32")


def _seconds(graph: bytes, backend: str, precision: str) -> float:
    runtime = load_onnxruntime()
    provider = PROVIDERS[backend]
    device = "cuda" if backend == GPU else "cpu"
    session_options = runtime.SessionOptions()
    session_options.log_severity_level = 3
    provider_options = {"use_tf32": "0"} if backend == GPU else {}
    try:
        if backend == GPU and hasattr(runtime, "preload_dlls"):
            runtime.preload_dlls()
        if provider not in runtime.get_available_providers():
            raise EngineError(f"the onnxruntime installed here has no {provider}")
        session = runtime.InferenceSession(
            graph, session_options, providers=[(provider, provider_options)]
        )
        if session.get_providers()[0] != provider:
            raise EngineError(f"onnxruntime gave {session.get_providers()[0]}, not {provider}")
        kind = ELEMENTS[precision][1]
        binding = session.io_binding()
        for given in session.get_inputs():
            # small numbers, so that a chain of products stays within what f16 holds
            value = np.full(given.shape, 1e-3, kind)
            binding.bind_ortvalue_input(
                given.name, runtime.OrtValue.ortvalue_from_numpy(value, device, 0)
            )
        binding.bind_output("y", device)

        def run() -> None:
            session.run_with_iobinding(binding)
            binding.synchronize_outputs()

        return best_seconds(run)
    except EngineError:
        raise
    except Exception as error:  # ONNX Runtime's own, of many kinds
        raise EngineError(f"onnxruntime failed ({first_line(error)[:300]})") from None


def _graph(
    nodes: list[tuple[str, list[str], str]], inputs: list[str], shape: list[int], precision: str
) -> bytes:
    """Return an ONNX model as its protocol buffer (onnx.proto of IR version 8, opset 17).

    ``nodes`` are (operator, inputs, output); every input and the output ``y`` are of ``shape``.
    The package onnx, which would write it, is no part of the base install.
    """
    made = b"".join(
        _bytes(
            1,
            b"".join(_bytes(1, name.encode()) for name in names)
            + _bytes(2, output.encode())
            + _bytes(4, operator.encode()),
        )
        for operator, names, output in nodes
    )
    graph = made + _bytes(2, b"rates")
    graph += b"".join(_bytes(11, _value(name, shape, precision)) for name in inputs)
    graph += _bytes(12, _value("y", shape, precision))
    return _number(1, 8) + _bytes(7, graph) + _bytes(8, _bytes(1, b"") + _number(2, 17))


def _value(name: str, shape: list[int], precision: str) -> bytes:
    sides = b"".join(_bytes(1, _number(1, side)) for side in shape)
    tensor = _number(1, ELEMENTS[precision][0]) + _bytes(2, sides)
    return _bytes(1, name.encode()) + _bytes(2, _bytes(1, tensor))


def _bytes(field: int, content: bytes) -> bytes:
    return bytes(_varint(field << 3 | 2)) + bytes(_varint(len(content))) + content


def _number(field: int, value: int) -> bytes:
    return bytes(_varint(field << 3)) + bytes(_varint(value))


def _varint(value: int) -> Iterator[int]:
    while value > 127:
        yield value & 127 | 128
        value >>= 7
    yield value
