from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runtime.engines.machine import Machine, fake_machine


@pytest.fixture(params=["tensorrt", "tensorrt_rtx"])
def machine(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Machine]:
    made = fake_machine(request.param, tmp_path / "cache", monkeypatch)
    yield made
    assert not made.cuda.pending
