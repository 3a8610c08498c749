"""The calls into TensorRT agree with the signatures of every version we serve."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.check_tensorrt_types import check

STUBS = Path(__file__).parent / "support" / "tensorrt_api"
VERSIONS = sorted(STUBS.glob("*/*.pyi"))


@pytest.mark.parametrize("stub", VERSIONS, ids=lambda path: path.parent.name)
def test_the_code_agrees_with_the_signatures(stub: Path) -> None:
    assert check(stub) == ""


def test_a_wrong_call_would_be_seen(tmp_path: Path) -> None:
    (tmp_path / "planted.py").write_text(
        "import tensorrt as trt\n"
        "def use(config: trt.IBuilderConfig) -> None:\n"
        "    config.set_flag(trt.BuilderFlag.FP16)\n"
    )
    (stub,) = STUBS.glob("11.*/*.pyi")
    assert '"FP16"' in check(stub, ("planted",), tmp_path)
