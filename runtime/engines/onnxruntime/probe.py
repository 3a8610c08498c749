"""Whether ONNX Runtime's CUDA provider really loads and computes here, tried in a child process.

``get_available_providers`` lists what a wheel was built with, not what its libraries can do, and a
provider that fails to load may take the process with it. ``python -m
runtime.engines.onnxruntime.probe`` runs a one-node graph on the provider named in its argument.
"""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
from functools import cache

from runtime.engines.childprocess import child_environment
from runtime.engines.onnxruntime.module import load_onnxruntime, preload
from runtime.errors import EngineError, first_line

MODULE = "runtime.engines.onnxruntime.probe"
MODEL = base64.b64decode(
    "CAo6YwoPCgF4CgF3EgF5IgRDb252EgFnKhMIAQgBCAEIARABQgF3SgQAAABAWhsKAXgSFgoUCAESEAoCCAEKAggBCgIICA"
    "oCCAhiGwoBeRIWChQIARIQCgIIAQoCCAEKAggICgIICEIECgAQFA=="
)
"""an ONNX file: y = 2x as a 1x1 convolution of [1, 1, 8, 8], so that cuDNN is asked too"""
TIMEOUT_S = 180
"""a driver that compiles kernels for a new card takes a while the first time"""
MISSING = (
    re.compile(r"(lib[\w+-]+\.so[.\d]*): cannot open shared object"),
    re.compile(r'which depends on "([\w.-]+\.dll)"'),
)
"""how Linux and Windows name a library that is not there"""


@cache
def provider_fault(provider: str) -> str | None:
    """Return None if ``provider`` runs a convolution here, else one line: what is wrong.

    Asked once per process: a session is made in a child, which takes seconds with a GPU.
    """
    try:
        child = subprocess.run(
            [sys.executable, "-m", MODULE, provider],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=child_environment(),
            timeout=TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"{provider} did not answer in {TIMEOUT_S} seconds"
    except OSError as error:
        return f"{provider} cannot be tried ({first_line(error)})"
    message = child.stderr.decode(errors="replace")
    try:
        answer = json.loads(child.stdout.decode(errors="replace").strip().splitlines()[-1])
    except (IndexError, ValueError):
        last = message.strip().splitlines()
        tail = f": {last[-1][:200]}" if last else ""
        return f"{provider} ended the process that tried it (status {child.returncode}){tail}"
    if answer["got"] == provider and not answer["error"]:
        return None
    return explain(provider, answer["error"] or "", message)


def explain(provider: str, error: str, message: str) -> str:
    """Return one line from the error and from what ONNX Runtime logged."""
    for pattern in MISSING:
        missing = pattern.search(f"{error}\n{message}")
        if missing:
            return f"{provider} needs {missing[1]}, which is not installed"
    if error:
        return f"{provider} does not run here ({error[:300]})"
    return f"{provider} cannot be loaded, and ONNX Runtime would use the CPU without a word"


def main(provider: str) -> int:
    """Be the child: the last line of stdout is JSON, the provider ``got`` and an ``error``."""
    import numpy as np

    got, error = "", ""
    try:
        runtime = load_onnxruntime()
        preload(runtime)
        session = runtime.InferenceSession(MODEL, providers=[provider], enable_fallback=0)
        got = session.get_providers()[0]
        (made,) = session.run(None, {"x": np.ones((1, 1, 8, 8), np.float32)})
        if not np.allclose(made, 2):
            error = f"a convolution gave {made.flat[0]:g} instead of 2"
    except EngineError as reason:
        error = str(reason)
    except Exception as reason:  # ONNX Runtime's errors have no common base
        error = first_line(reason)
    print(json.dumps({"got": got, "error": error}), flush=True)
    # the provider's own threads and destructors are not asked to behave
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
