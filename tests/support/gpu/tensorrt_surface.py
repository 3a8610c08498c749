"""What the fake of TensorRT must not exceed: the members of the real classes it stands in for."""

from __future__ import annotations

import ast
from pathlib import Path

CLASSES = (
    "CudaGraphStrategy",
    "DynamicShapesKernelSpecializationStrategy",
    "ExecutionContextAllocationStrategy",
    "ICudaEngine",
    "IExecutionContext",
    "ILogger",
    "IRuntimeCache",
    "IRuntimeConfig",
    "Runtime",
)


def members(kind: ast.ClassDef) -> dict[str, list[list[str]]]:
    """Map a class's members to the parameter lists of their overloads; [] for attributes."""
    found: dict[str, list[list[str]]] = {}
    for node in kind.body:
        if isinstance(node, ast.FunctionDef):
            found.setdefault(node.name, []).append([arg.arg for arg in node.args.args[1:]])
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found.setdefault(node.target.id, [])
        elif isinstance(node, ast.ClassDef):
            found.setdefault(node.name, [])
    return {name: value for name, value in found.items() if not name.startswith("__")}


def signatures(stub: Path) -> str:
    """Return the signatures of one version: what every version has, and its own file."""
    common = stub.parents[1] / "common.pyi"
    return common.read_text(encoding="utf-8") + stub.read_text(encoding="utf-8")


def surface(stub: Path) -> dict[str, dict[str, list[list[str]]]]:
    """Read the signatures of one version."""
    tree = ast.parse(signatures(stub))
    kinds = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    return {kind.name: members(kind) for kind in kinds if kind.name in CLASSES}


def surfaces() -> dict[str, dict[str, dict[str, list[list[str]]]]]:
    """Map version → class → member → the parameter lists it takes."""
    stubs = sorted((Path(__file__).parent / "tensorrt_api").glob("*/*.pyi"))
    return {stub.parent.name: surface(stub) for stub in stubs}
