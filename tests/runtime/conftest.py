from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime.enginecache.cache import EngineCache
from runtime.engines import gpu
from runtime.engines.tensorrt import device
from tests.runtime.engines.machine import Machine
from tests.support.fakecuda import FakeCuda
from tests.support.faketensorrt import make_module


@pytest.fixture(params=["tensorrt", "tensorrt_rtx"])
def machine(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Machine]:
    cuda = FakeCuda()
    module = make_module(request.param, cuda)
    monkeypatch.setitem(sys.modules, request.param, module)
    for place in (gpu, device):
        monkeypatch.setattr(place, "cuda_runtime", lambda: cuda)
    cache = EngineCache(tmp_path / "cache")
    monkeypatch.setattr("runtime.enginecache.cache.cache_root", lambda: cache.root)
    yield Machine(cuda, module, cache, request.param)
    assert not cuda.pending
