"""The child process that makes a bundle's int8 graphs and measures them.

NNCF brings hundreds of modules and gigabytes of statistics, and nothing of it stays in the player.
``runtime.engines.childprocess`` says how the two processes talk. The task names the bundle's
folder, its digest and the folder to write to; the notes are the figures.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from runtime.bundles.bundle import Bundle, open_bundle
from runtime.engines.childprocess import Send, WorkCancelled, serve
from runtime.engines.openvino.engine import OpenVinoEngine, best_precision
from runtime.engines.openvino.int8 import GRAPHS, LEAST_DB, Int8, files_of, is_faithful
from runtime.errors import EngineError
from runtime.pipeline import Pipeline
from runtime.quantise.frames import sample_requests
from runtime.quantise.judge import Fidelity, FramePairs, compare, draw
from runtime.quantise.quantise import Scope, import_nncf, quantise
from runtime.quantise.record import record

CALIBRATION, JUDGED = 40, 12
CALIBRATION_SEED, JUDGED_SEED = 1, 2
CHOICES: tuple[Mapping[str, Scope], ...] = (
    {"denoiser": "all", "decoder": "all"},
    {"denoiser": "convolutions", "decoder": "all"},
    {"denoiser": "convolutions"},
    {"decoder": "all"},
)
"""what is to be int8, tried in this order until frames are faithful"""
OTHERWISE = 1
"""which of ``CHOICES`` is taken where none is: graphs made for a later one replace those before"""


def work(task: dict[str, Any], send: Send, cancelled: threading.Event) -> dict[str, Any]:
    """Write the graphs to ``task["out"]`` and return what was measured.

    What costs too much of the quality stays as it was: of ``CHOICES`` the first counts whose frames
    ``is_faithful`` calls so. Graphs that are further from f32 than
    ``LEAST_DB`` are deleted again: the figures stay, so that the next start need not measure them
    anew.

    Raises:
        BundleError, EngineError: the bundle is not as it was, or NNCF fails.
        WorkCancelled: nobody waits for it any more.
    """

    def stage(name: str) -> None:
        if cancelled.is_set():
            raise WorkCancelled
        send("stage", name)

    import_nncf()
    bundle = open_bundle(Path(task["bundle"]))
    if bundle.digest() != task["digest"]:
        raise EngineError(f"{bundle.folder} was replaced meanwhile: start again")
    out = Path(task["out"])
    stage("drawing frames to calibrate on")
    with Pipeline(bundle, OpenVinoEngine(bundle, "f32")) as pipeline:
        calibration = sample_requests(pipeline.planner, CALIBRATION, CALIBRATION_SEED)
        judged = sample_requests(pipeline.planner, JUDGED, JUDGED_SEED)
        exact = draw(pipeline, judged)
    inputs = record(bundle, calibration)
    stage("measuring")
    best = best_precision()
    rival = compare(_drawn(bundle, best, None, judged), exact) if best != "f32" else None
    tried: list[Fidelity] = []
    made: dict[str, Scope] = {}
    for choice in CHOICES:
        for role, scope in choice.items():
            if made.get(role) != scope:
                stage(f"quantising the {role}")
                quantise(bundle.path(role), role, inputs[role], out / GRAPHS[role], scope)
                made[role] = scope
        stage("measuring")
        tried.append(compare(_drawn(bundle, "int8", Int8.of(out, choice), judged), exact))
        if is_faithful(asdict(tried[-1]), None if rival is None else asdict(rival)):
            chosen = len(tried) - 1
            break
    else:
        chosen = OTHERWISE
    taken = tried[chosen]
    for role in made:
        if role not in CHOICES[chosen] or taken.psnr_db < LEAST_DB:
            for name in files_of(role):
                (out / name).unlink()
    return {
        "scopes": dict(CHOICES[chosen]),
        "int8": asdict(taken),
        "tried": [asdict(one) for one in tried],
        "rival": None if rival is None else asdict(rival),
        "rival_precision": best,
        "f32_ms": exact.frame_ms,
        "frames": JUDGED,
        "nncf": version("nncf"),
    }


def _drawn(bundle: Bundle, precision: str, graphs: Int8 | None, judged: Any) -> FramePairs:
    with Pipeline(bundle, OpenVinoEngine(bundle, precision, graphs)) as pipeline:
        return draw(pipeline, judged)


if __name__ == "__main__":
    sys.exit(serve(work))
