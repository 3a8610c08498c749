"""ONNX Runtime sessions that run where they were told to, or not at all."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

from runtime.engines.engine import warn_no_cuda_graph
from runtime.engines.gpu import LOST, LOST_WORDS, NO_MEMORY
from runtime.engines.onnxruntime.module import load_onnxruntime, preload
from runtime.errors import DeviceLost, EngineError, first_line

PROVIDERS = {"onnxruntime": "CUDAExecutionProvider", "onnxruntime-cpu": "CPUExecutionProvider"}
"""Backend name → the execution provider that must really run it."""
CUDA_ERROR = re.compile(r"CUDA (?:failure|error) (\d+)", re.IGNORECASE)
COSTLY = {"Attention", "Conv", "ConvTranspose", "Einsum", "Gemm", "MatMul", "MultiHeadAttention"}
"""Operators that must not be left to the CPU; sizes and shapes may be computed there."""


def open_session(path: Path, backend: str, *, exact: bool, cuda_graph: bool, what: str) -> Any:
    """Load a graph on the provider that ``backend`` stands for.

    ``exact`` forbids TF32, ``what`` names the graph in errors. Where ONNX Runtime refuses to
    capture a CUDA graph of it, it runs without one and a warning says so.

    Raises:
        EngineError: the graph cannot be loaded, or the CPU would run what the GPU was asked to.
    """
    graph = cuda_graph and backend == "onnxruntime"
    try:
        session = _make(path, backend, exact, graph, what)
    except EngineError as error:
        if not graph:
            raise
        session = _make(path, backend, exact, False, what)
        warn_no_cuda_graph(f"the {what} runs", error)
    provider = PROVIDERS[backend]
    got = session.get_providers()
    if got[0] != provider:
        raise EngineError(
            f"onnxruntime gave {got[0]} instead of {provider} for the {what}: "
            "its CUDA libraries cannot be loaded; run: wordmorph doctor"
        )
    astray = foreign_operators(session, provider)
    if astray:
        raise EngineError(
            f"onnxruntime has no {provider} for {', '.join(astray)} of the {what} and would use "
            "the CPU: use another --backend, or build the model again with --precision f32"
        )
    return session


def foreign_operators(session: Any, provider: str) -> list[str]:
    """Return the costly operators of a session's graph that another provider would run."""
    if not hasattr(session, "get_provider_graph_assignment_info"):  # older than 1.24
        return []
    parts = session.get_provider_graph_assignment_info()
    nodes = [node for part in parts if part.ep_name != provider for node in part.get_nodes()]
    return sorted({node.op_type for node in nodes} & COSTLY)


def failure(what: str, error: Exception) -> EngineError:
    """Return what ONNX Runtime said as an error of one line, with what to do if that is known.

    One of ours stays as it is.
    """
    if isinstance(error, EngineError):
        return error
    reason = first_line(error)
    number = CUDA_ERROR.search(str(error))
    message = str(error).lower()
    if (number and int(number[1]) in LOST) or any(words in message for words in LOST_WORDS):
        return DeviceLost(f"the GPU stopped answering in the {what} ({reason[:200]})")
    hint = f": {NO_MEMORY}" if "memory" in reason.lower() else ""
    return EngineError(f"onnxruntime failed in the {what} ({reason[:300]}){hint}")


def _make(path: Path, backend: str, exact: bool, cuda_graph: bool, what: str) -> Any:
    runtime = load_onnxruntime()
    provider_options: dict[str, str] = {}
    if backend == "onnxruntime":
        preload(runtime)
        provider_options = {
            "enable_cuda_graph": "1" if cuda_graph else "0",
            "use_tf32": "0" if exact else "1",
        }
    session_options = runtime.SessionOptions()
    session_options.log_severity_level = 3
    session_options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a missing provider only warns
            return runtime.InferenceSession(
                str(path),
                session_options,
                providers=[(PROVIDERS[backend], provider_options)],
                enable_fallback=0,  # else a failure anywhere moves the whole graph to the CPU
            )
    except Exception as error:
        raise failure(what, error) from None
