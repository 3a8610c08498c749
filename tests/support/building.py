"""Engines that tensorrt_rtx builds for real, for a GPU that need not be here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from export.tensorrt.builder import Builder, Options
from runtime.bundles.bundle import Bundle
from runtime.durable import OLD, PARTIAL
from runtime.enginecache.cache import EngineCache
from runtime.engines.gpu import Gpu, find_gpu
from runtime.engines.tensorrt.enginekey import PLAN
from runtime.engines.tensorrt.network import Network
from runtime.errors import EngineError

ADA = Gpu("any", "8.9")


def ignore(*_: object) -> None:
    """Take progress and messages, and do nothing with them."""


def gpu_here() -> bool:
    try:
        return find_gpu() is not None
    except EngineError:  # cuda-bindings is not installed
        return False


def no_leftovers(cache: EngineCache) -> bool:
    ends = (PARTIAL, OLD)
    return not any(p.name.startswith("tmp") or p.name.endswith(ends) for p in cache.root.rglob("*"))


def one_line(error: pytest.ExceptionInfo[BaseException]) -> str:
    text = str(error.value)
    assert text
    assert "\n" not in text
    return text


def builder(bundle: Bundle, cache: EngineCache, **options: Any) -> Builder:
    return Builder(bundle, "tensorrt_rtx", ADA, cache, Options(**options))


def plan_of(bundle: Bundle, cache: EngineCache) -> Path:
    """Build the decoder's engine and return its file."""
    entry, _ = builder(bundle, cache).build("decoder", ignore, ignore)
    return entry.folder / PLAN


def load(bundle: Bundle, cache: EngineCache, card: Gpu = ADA) -> Network:
    """Load the decoder's engine as the player would."""
    return Network(bundle, "decoder", "tensorrt_rtx", card, cache)
