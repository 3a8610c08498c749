"""Type-check what calls TensorRT against its real signatures.

``python tests/check_tensorrt_types.py STUBS_FOLDER``, where STUBS_FOLDER holds a folder for each
version with ``tensorrt.pyi`` or ``tensorrt_rtx.pyi``. The code imports ``tensorrt`` for its types
whichever module runs, so each stub stands in under that name.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
MODULES = (
    "export.planbuilder",
    "export.planprocess",
    "export.tensorrt",
    "runtime.engines.plans",
    "runtime.engines.network",
    "runtime.engines.framegraph",
    "runtime.engines.tensorrt",
)


def check(stub: Path, modules: tuple[str, ...] = MODULES, path: Path = ROOT) -> str:
    """Return mypy's complaints about ``modules``, empty if there are none."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copyfile(stub, Path(folder) / "tensorrt.pyi")
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


def main() -> int:
    """Check every stub under the folder given; return the exit status."""
    stubs = sorted(Path(sys.argv[1]).glob("*/*.pyi"))
    complaints = {stub: check(stub) for stub in stubs}
    for stub, text in complaints.items():
        print(f"{stub.parent.name}/{stub.name}: {text or 'no complaints'}")
    return int(not stubs or any(complaints.values()))


if __name__ == "__main__":
    sys.exit(main())
