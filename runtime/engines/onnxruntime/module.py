"""ONNX Runtime's Python module, and the CUDA libraries that it needs."""

from __future__ import annotations

import contextlib
import importlib
import io
from types import ModuleType

from runtime.errors import EngineError, first_line


def load_onnxruntime() -> ModuleType:
    """Import ``onnxruntime``.

    Raises:
        EngineError: it is not installed, or its libraries cannot be loaded.
    """
    try:
        return importlib.import_module("onnxruntime")
    except ModuleNotFoundError:
        raise EngineError("the package onnxruntime is not installed") from None
    except Exception as error:  # a wheel without its libraries raises more than ImportError
        raise EngineError(f"the package onnxruntime is not usable ({first_line(error)})") from None


def preload(onnxruntime: object) -> None:
    """Let ONNX Runtime find the CUDA libraries that pip installed; what it prints is dropped."""
    load = getattr(onnxruntime, "preload_dlls", None)
    if load is not None:
        with contextlib.redirect_stdout(io.StringIO()):
            load()
