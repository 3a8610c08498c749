"""TensorRT's Python module, ``tensorrt`` or ``tensorrt_rtx``, and what it complains about."""

from __future__ import annotations

import importlib
import types
from collections import deque
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

from runtime.errors import EngineError, first_line

if TYPE_CHECKING:
    import tensorrt as trt
else:  # only what is inherited from: the class itself is the backend's, see ``derive``
    trt = types.SimpleNamespace(ILogger=object, IProgressMonitor=object)

__all__ = ["PACKAGES", "ErrorLog", "TensorRt", "derive", "load_module", "make_log", "trt"]

T = TypeVar("T")
PACKAGES = {"tensorrt": "tensorrt", "tensorrt_rtx": "tensorrt-rtx"}
"""Backend (also the Python module's name) → the package that brings it."""


class TensorRt(Protocol):
    """What is used of the module; both backends have it."""

    __version__: str
    Builder: type[trt.Builder]
    BuilderFlag: type[trt.BuilderFlag]
    Dims: type[trt.Dims]
    ExecutionContextAllocationStrategy: type[trt.ExecutionContextAllocationStrategy]
    ILogger: type[trt.ILogger]
    IProgressMonitor: type[trt.IProgressMonitor]
    MemoryPoolType: type[trt.MemoryPoolType]
    NetworkDefinitionCreationFlag: type[trt.NetworkDefinitionCreationFlag]
    OnnxParser: type[trt.OnnxParser]
    OnnxParserRefitter: type[trt.OnnxParserRefitter]
    Refitter: type[trt.Refitter]
    Runtime: type[trt.Runtime]
    SerializationFlag: type[trt.SerializationFlag]


def load_module(backend: str) -> TensorRt:
    """Import ``tensorrt`` or ``tensorrt_rtx``.

    Raises:
        EngineError: it is not installed, or its libraries cannot be loaded.
    """
    try:
        module = importlib.import_module(backend)
        module.__version__  # noqa: B018  # a leftover folder imports as an empty namespace
        return cast(TensorRt, module)
    except ModuleNotFoundError as error:
        if error.name == backend:
            raise EngineError(f"the package {PACKAGES[backend]} is not installed") from None
        reason = str(error)
    except Exception as error:  # missing libraries raise OSError, FileNotFoundError, RuntimeError
        reason = first_line(error)
    raise EngineError(f"the package {PACKAGES[backend]} is installed but broken ({reason})")


class ErrorLog:
    """The last errors that TensorRT reported, and whether it gave a certain warning."""

    def __init__(self, warning: str = "") -> None:
        """``warning`` is a phrase in lower case to listen for in what is no error."""
        self.lines: deque[str] = deque(maxlen=20)
        self.warned = False
        self._warning = warning

    def add(self, text: str, *, is_error: bool) -> None:
        """Take one message."""
        line = " ".join(text.split())
        if is_error:
            self.lines.append(line)
        elif self._warning and self._warning in line.lower():
            self.warned = True

    def tail(self) -> str:
        """Return the last errors as one line of at most 500 characters."""
        text = " | ".join(list(self.lines)[-3:])
        return text[-500:] if text else "it gave no reason"


class _Logger(trt.ILogger):  # type: ignore[misc, unused-ignore]  # Any without the stubs
    """TensorRT's logger, less its base class, which is the backend's."""

    errors: ErrorLog
    worst: int

    def log(self, severity: trt.ILogger.Severity, msg: str) -> None:
        self.errors.add(msg, is_error=int(severity) <= self.worst)


def make_log(backend: str, warning: str = "") -> tuple[trt.ILogger, ErrorLog]:
    """Return a logger to hand to TensorRT, and the error log that it fills."""
    base = load_module(backend).ILogger
    logger = derive(_Logger, base)
    logger.errors = ErrorLog(warning)
    logger.worst = int(base.Severity.ERROR)
    return logger, logger.errors


def derive(methods: type[T], base: type[Any]) -> T:
    """Return an object of ``base``, a class of one of the backends, with other ``methods``."""
    made: T = types.new_class(methods.__name__, (methods, base))()
    return made
