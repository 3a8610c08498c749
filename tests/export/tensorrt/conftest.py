from __future__ import annotations

from pathlib import Path

import pytest

from runtime.bundles.bundle import Bundle
from runtime.enginecache.cache import EngineCache
from tests.support.models.tinybundle import write_tiny


@pytest.fixture
def cache(tmp_path: Path) -> EngineCache:
    return EngineCache(tmp_path / "cache")


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return write_tiny(tmp_path / "bundle", 1)
