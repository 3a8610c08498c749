"""A machine with a fake GPU, for what needs more of TensorRT than its builder."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from runtime.bundles.bundle import Bundle
from runtime.bundles.manifest import ROLES
from runtime.enginecache.cache import EngineCache
from runtime.enginecache.entry import EntryKey
from runtime.engines import gpu
from runtime.engines.tensorrt import device, enginekey
from runtime.engines.tensorrt.engine import TensorRtEngine, open_engine
from runtime.engines.verified import keep_verified
from tests.support.gpu.fakecuda import FakeCuda
from tests.support.gpu.faketensorrt import make_module, make_plan


@dataclass
class Machine:
    """A machine with a fake GPU, and the engines that were built for it."""

    cuda: FakeCuda
    module: ModuleType
    cache: EngineCache
    backend: str

    def build(self, bundle: Bundle, *, verified: bool = True, **notes: Any) -> Bundle:
        """Write every graph's engine, compared with the CPU if ``verified``; return the bundle."""
        made: dict[str, str] = {}
        for role in ROLES:
            plan = make_plan(bundle.path(role))

            def write(folder: Path, plan: bytes = plan) -> dict[str, Any]:
                (folder / enginekey.PLAN).write_bytes(plan)
                return notes

            entry = self.cache.get_or_build(self.key(bundle, role), write)
            made[role] = entry.files[enginekey.PLAN].sha256
        if verified:
            found = gpu.find_gpu()
            assert found is not None
            key = enginekey.verification_key(bundle, self.backend, "0.0", found, made)
            keep_verified(self.cache, key, 99.0, is_like=True)
        return bundle

    def key(self, bundle: Bundle, role: str) -> EntryKey:
        """Return the key of one engine on the GPU of this machine."""
        found = gpu.find_gpu()
        assert found is not None
        return enginekey.engine_key(bundle, role, self.backend, "0.0", found)

    def open(self, bundle: Bundle) -> TensorRtEngine:
        """Load a bundle."""
        return open_engine(bundle, "auto", self.backend)


def fake_machine(backend: str, root: Path, patch: pytest.MonkeyPatch) -> Machine:
    """Let this process have a fake GPU, ``backend`` of it, and an engine cache at ``root``."""
    cuda = FakeCuda()
    module = make_module(backend, cuda)
    patch.setitem(sys.modules, backend, module)
    for place in (gpu, device):
        patch.setattr(place, "cuda_runtime", lambda: cuda)
    patch.setattr("runtime.enginecache.cache.cache_root", lambda: root)
    return Machine(cuda, module, EngineCache(root), backend)
