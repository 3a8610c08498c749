"""What goes wrong on people's machines: the table, and what its tests share.

Every row of ``FAULTS`` is planted for real by at least one test of this folder, which is marked
with ``@fault(number)``. Where a GPU would be needed the fault is planted in the fakes of
``tests.support.fakecuda`` and ``tests.support.faketensorrt``, and the test says so.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from export.tensorrt.builder import Builder, Options
from runtime.bundles.bundle import Bundle
from runtime.enginecache.cache import EngineCache
from runtime.engines.gpu import Gpu, find_gpu
from runtime.engines.tensorrt import plans
from runtime.engines.tensorrt.network import Network
from runtime.errors import EngineError

FAULTS = {
    1: "engine truncated, or one byte of it flipped",
    2: "weights replaced under the same name",
    3: "engine runtime, GPU or shape changed; a manifest of another GPU",
    4: "TensorRT returns nothing instead of an engine or a context",
    5: "Ctrl-C or SIGKILL in the middle of a build",
    6: "two processes build one engine",
    7: "disk full",
    8: "out of GPU memory in a build",
    10: "the system kills a build for its memory",
    11: "a GPU provider that is silently the CPU",
    12: "both onnxruntime wheels installed",
    13: "onnxruntime's TensorRT provider wants another TensorRT",
    14: "NVIDIA's package index cannot be reached",
    15: "a shape or token count outside what was built",
    17: "CUDA graph capture fails",
    19: "a partial safetensors file",
    20: "a pickled checkpoint",
    21: "code in a model folder",
    22: "a model name that is a path",
    23: "an engine of somebody else's, or without a manifest",
    28: "no network",
}
"""Numbers as in the list of faults that the design was made against."""

ADA = Gpu("any", "8.9")
Test = TypeVar("Test", bound=Callable[..., Any])


def fault(number: int) -> Callable[[Test], Test]:
    """Mark a test as planting row ``number`` of the table."""
    assert number in FAULTS
    return lambda test: test


def quiet(*said: object) -> None:
    pass


def gpu_here() -> bool:
    try:
        return find_gpu() is not None
    except EngineError:  # cuda-bindings is not installed
        return False


def one_line(error: pytest.ExceptionInfo[BaseException]) -> str:
    text = str(error.value)
    assert text
    assert "\n" not in text
    return text


def builder(bundle: Bundle, cache: EngineCache, **options: Any) -> Builder:
    return Builder(bundle, "tensorrt_rtx", ADA, cache, Options(**options))


def plan_of(bundle: Bundle, cache: EngineCache) -> Path:
    """Build the decoder's engine for real and return its file."""
    entry, _ = builder(bundle, cache).build("decoder", quiet, quiet)
    return entry.folder / plans.PLAN


def load(bundle: Bundle, cache: EngineCache, card: Gpu = ADA) -> Network:
    """Load the decoder's engine as the player would."""
    return Network(bundle, "decoder", "tensorrt_rtx", card, cache)
