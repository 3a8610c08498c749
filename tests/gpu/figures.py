"""Print fps and latency of a model on every NVIDIA engine at hand: ``python -m tests.gpu.figures``.

``python -m tests.gpu.figures MODEL`` takes the name or folder of another bundle than the built-in.
"""

from __future__ import annotations

import sys

from export.tensorrt.builder import build_engines
from runtime.bench.run import bench_bundle
from runtime.bundles.library import BUILT_IN, find_bundle
from runtime.engines.choose import usable
from runtime.errors import MorphError
from runtime.pipeline import Pipeline
from runtime.planner import Planner

NVIDIA = ("tensorrt", "tensorrt_rtx", "onnxruntime")
EXPRESSION = "cat -> kitten"
FRAMES = 200


def figures(model: str, backend: str) -> str:
    """Return one line: what was measured, or why nothing could be."""
    try:
        if reason := usable(backend):
            return f"{backend}: {reason}"
        if backend.startswith("tensorrt"):
            build_engines(find_bundle(model), backend)
        asked = Planner.of(model).request(EXPRESSION)
        found = bench_bundle(lambda: Pipeline.open(model, backend=backend), asked, frames=FRAMES)
    except MorphError as error:
        return f"{backend}: {error}"
    return (
        f"{backend} {found.precision}, {found.model} {found.width}x{found.height} in {found.steps} "
        f"steps on {found.device}: {found.fps:.0f} fps, frame p50 {found.frame.median:.2f} ms, "
        f"p90 {found.frame.p90:.2f} ms; {1e3 / found.fill.ms.median:.0f} fps in batches of "
        f"{found.fill.batch}; opened in {found.open_seconds:.1f} s, first frame after "
        f"{found.first_frame_ms:.0f} ms"
    )


def main(argv: list[str]) -> int:
    """Print a line for each engine; return 1 if none could be measured."""
    model = argv[0] if argv else BUILT_IN
    lines = [figures(model, backend) for backend in NVIDIA]
    print("\n".join(lines))
    return int(not any(" fps, frame p50 " in line for line in lines))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
