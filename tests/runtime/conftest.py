from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime.enginecache import EngineCache
from runtime.engines import device, gpu
from tests.fakecuda import FakeCuda
from tests.faketensorrt import make_module
from tests.runtime.machine import Machine


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
    monkeypatch.setattr("runtime.enginecache.cache_root", lambda: cache.root)
    yield Machine(cuda, module, cache, request.param)
    assert not cuda.pending
