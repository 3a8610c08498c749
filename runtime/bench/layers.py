"""Which operations of the graphs take the time, as OpenVINO's own profile says."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from runtime.bench.figures import Layer
from runtime.bench.measure import GRAPHS, warm_up
from runtime.bench.variants import Profiled, open_variant
from runtime.engines.openvino.engine import OpenVinoEngine
from runtime.pipeline import Pipeline
from runtime.request import Request

Kind = tuple[str, str, str]
"""stage, operation, kernel"""


def layers(ours: Pipeline, requests: Sequence[Request], count: int) -> tuple[Layer, ...]:
    """Return the ``count`` kinds of operations of each graph that take longest, over ``requests``.

    The graphs are compiled anew, for telling takes time itself. Nothing is returned for engines
    other than OpenVINO, which do not tell.

    Raises:
        EngineError: the graphs cannot be compiled or run.
    """
    if not isinstance(ours.engine, OpenVinoEngine):
        return ()
    runs = []
    with open_variant(Profiled, ours) as pipeline:
        warm_up(pipeline, requests[0])
        for request in requests:
            pipeline.render(request)
            runs.append(_last_run(pipeline))
    times = {kind: float(np.median([sum(run[kind]) for run in runs])) for kind in runs[0]}
    found: list[Layer] = []
    for graph in GRAPHS:
        kinds = sorted((kind for kind in times if kind[0] == graph), key=lambda k: -times[k])
        whole = sum(times[kind] for kind in kinds)
        found += [
            Layer(*kind, len(runs[0][kind]), times[kind], times[kind] / whole)
            for kind in kinds[:count]
        ]
    return tuple(found)


def _last_run(pipeline: Pipeline) -> dict[Kind, list[float]]:
    """Return the milliseconds of every operation that ran for the last frame, by kind."""
    assert isinstance(pipeline.engine, Profiled)
    kinds: dict[Kind, list[float]] = defaultdict(list)
    for graph, operations in pipeline.engine.taken().items():
        for one in operations:
            if one.status == one.Status.EXECUTED:
                taken = one.real_time.total_seconds() * 1e3
                kinds[graph, one.node_type, one.exec_type].append(taken)
    return kinds
