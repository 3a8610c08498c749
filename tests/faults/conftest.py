"""A cache, a bundle and a fake GPU to plant faults in."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from runtime.bundles.bundle import ROLES, Bundle
from runtime.enginecache.cache import EngineCache
from runtime.engines import gpu
from runtime.engines.gpu import find_gpu
from runtime.engines.tensorrt import device, plans
from tests.support.fakecuda import FakeCuda
from tests.support.faketensorrt import make_module, make_plan
from tests.support.tinybundle import write_tiny


@pytest.fixture
def cache(tmp_path: Path) -> EngineCache:
    return EngineCache(tmp_path / "cache")


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return write_tiny(tmp_path / "bundle", 1)


@pytest.fixture
def fake_gpu(bundle: Bundle, cache: EngineCache, monkeypatch: pytest.MonkeyPatch) -> FakeCuda:
    """A fake GPU with the bundle's engines built for it."""
    cuda = FakeCuda()
    monkeypatch.setitem(sys.modules, "tensorrt", make_module("tensorrt", cuda))
    for place in (gpu, device):
        monkeypatch.setattr(place, "cuda_runtime", lambda: cuda)
    monkeypatch.setattr("runtime.enginecache.cache.cache_root", lambda: cache.root)
    found = find_gpu()
    assert found is not None
    for role in ROLES:
        plan = make_plan(bundle.path(role))

        def write(folder: Path, plan: bytes = plan) -> Mapping[str, Any]:
            (folder / plans.PLAN).write_bytes(plan)
            return {}

        cache.get_or_build(plans.engine_key(bundle, role, "tensorrt", "0.0", found), write)
    return cuda


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    from tests.support import checkpoints

    made: Path = checkpoints.make(tmp_path / "checkpoint", next(iter(checkpoints.FAMILIES)))
    return made
