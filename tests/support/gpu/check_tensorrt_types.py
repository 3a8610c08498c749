"""Type-check what calls TensorRT against its real signatures.

``tensorrt_api`` holds, of each version's signatures, what the code uses. It imports
``tensorrt`` for its types whichever module runs, so each stub stands in under that name.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.support.gpu.tensorrt_surface import signatures

ROOT = Path(__file__).parents[3]
MODULES = (
    "export.tensorrt.enginebuilder",
    "export.tensorrt.engineprocess",
    "export.tensorrt.builder",
    "runtime.engines.tensorrt.module",
    "runtime.engines.tensorrt.enginekey",
    "runtime.engines.tensorrt.network",
    "runtime.engines.tensorrt.framegraph",
    "runtime.engines.tensorrt.engine",
)


def check(stub: Path, modules: tuple[str, ...] = MODULES, path: Path = ROOT) -> str:
    """Return mypy's complaints about ``modules``, empty if there are none."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "tensorrt.pyi").write_text(signatures(stub), encoding="utf-8")
        wanted = [word for module in modules for word in ("-m", module)]
        cache = f"--cache-dir={ROOT / '.mypy_cache' / stub.parent.name}"
        done = subprocess.run(
            [sys.executable, "-m", "mypy", "--follow-imports=silent", cache, *wanted],
            cwd=ROOT,
            env=os.environ | {"MYPYPATH": f"{folder}{os.pathsep}{path}"},
            capture_output=True,
            text=True,
            check=False,
        )
    return done.stdout + done.stderr if done.returncode else ""
