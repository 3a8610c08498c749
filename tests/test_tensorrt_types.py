"""The calls into TensorRT agree with the signatures of every version we serve."""

from __future__ import annotations

import ast
import builtins
from pathlib import Path

import pytest

from tests.support.gpu.check_tensorrt_types import check
from tests.support.gpu.tensorrt_surface import signatures

STUBS = Path(__file__).parent / "support" / "gpu" / "tensorrt_api"
VERSIONS = sorted(STUBS.glob("*/*.pyi"))


@pytest.mark.parametrize("stub", VERSIONS, ids=lambda path: path.parent.name)
def test_the_code_agrees_with_the_signatures(stub: Path) -> None:
    assert check(stub) == ""


def test_a_wrong_call_would_be_seen(tmp_path: Path) -> None:
    (tmp_path / "planted.py").write_text(
        "from runtime.engines.tensorrt.module import trt\n"
        "def use(config: trt.IBuilderConfig) -> None:\n"
        "    config.set_flag(trt.BuilderFlag.FP16)\n"
        "    config.clear_flags()\n"
        "    trt.LeftOut(config)\n"
    )
    (stub,) = STUBS.glob("11.*/*.pyi")
    seen = check(stub, ("planted",), tmp_path)
    assert all(f'"{name}"' in seen for name in ("FP16", "clear_flags", "LeftOut"))


@pytest.mark.parametrize("stub", VERSIONS, ids=lambda path: path.parent.name)
def test_the_signatures_name_nothing_that_is_left_out(stub: Path) -> None:
    """mypy would take such a name for Any without a word, and then see no wrong call."""
    nodes = list(ast.walk(ast.parse(signatures(stub))))
    there = {node.name for node in nodes if isinstance(node, ast.ClassDef | ast.FunctionDef)}
    there |= {"collections", "typing", "typing_extensions", *dir(builtins)}
    named = {
        node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }
    assert named - there == set()
