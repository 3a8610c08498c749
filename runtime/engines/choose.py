"""Which engine runtime draws: the one asked for, or the first that works here."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from runtime.bundles.bundle import Bundle
from runtime.engines.engine import Engine
from runtime.errors import EngineError

BACKENDS = {
    "tensorrt": "runtime.engines.tensorrt.engine",
    "tensorrt_rtx": "runtime.engines.tensorrt.engine",
    "onnxruntime": "runtime.engines.onnxruntime.engine",
    "onnxruntime-cpu": "runtime.engines.onnxruntime.engine",
    "openvino": "runtime.engines.openvino.engine",
}
"""Engine runtimes by the name ``--backend`` takes, and the module of each."""
AUTO = ("tensorrt", "tensorrt_rtx", "onnxruntime", "openvino")
"""The order in which ``auto`` tries them; the last one runs anywhere."""


def choose(
    bundle: Bundle,
    backend: str = "auto",
    precision: str = "auto",
    passed_over: Callable[[str], None] = lambda reason: None,
) -> Engine:
    """Load ``bundle`` on the engine runtime asked for, or on the first that works here.

    One that was asked for by name is used or refused, never replaced. ``auto`` passes over what
    is not usable here (``wordmorph doctor`` says why), and calls ``passed_over`` with one line
    for what is usable but not ready for this bundle.

    Raises:
        EngineError: an unknown name, or one that cannot run here, with the reason.
    """
    if backend == "auto":
        for name in AUTO:
            if usable(name) is not None:
                continue
            try:
                return _open(name, bundle, precision)
            except EngineError as error:
                if name == AUTO[-1]:
                    raise
                passed_over(f"{name}: {error}")
    check_backend(backend)
    return _open(backend, bundle, precision)


def foreseen(bundle: Bundle, backend: str, precision: str) -> tuple[str, str]:
    """Return the engine runtime and the precision that ``choose`` settles on where the first that
    works here is ready for ``bundle``, of which only the manifest is read; nothing is opened.

    Raises:
        EngineError: as ``check_backend``.
    """
    check_backend(backend)
    if backend == "auto":
        backend = next(name for name in AUTO if usable(name) is None)
    if precision == "auto":
        precision = import_module(BACKENDS[backend]).suited_precision(bundle)
    return backend, precision


def check_backend(backend: str) -> None:
    """Raise EngineError unless ``backend`` is ``auto`` or an engine runtime that works here."""
    if backend == "auto":
        return
    if backend not in BACKENDS:
        raise EngineError(f"unknown backend {backend!r}: use auto, {', '.join(BACKENDS)}")
    reason = usable(backend)
    if reason is not None:
        raise EngineError(f"{backend} cannot be used: {reason}")


def usable(name: str) -> str | None:
    """Return None if an engine runtime can be used here, else one line: why not, what adds it."""
    reason: str | None = import_module(BACKENDS[name]).available(name)
    return reason


def _open(name: str, bundle: Bundle, precision: str) -> Engine:
    engine: Engine = import_module(BACKENDS[name]).open_engine(bundle, precision, name)
    return engine
