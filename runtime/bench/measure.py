"""Time a pipeline: frame by frame, stage by stage, in batches, and on words it never met."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from runtime.bench.figures import Denoising, Fill, Spread, StageFigures
from runtime.bench.limits.counts import Work, count, count_model, flop_behind
from runtime.bench.limits.limits import Limits
from runtime.engines.cpu import peak_bytes
from runtime.engines.openvino.engine import OpenVinoEngine
from runtime.engines.openvino.folding import fold
from runtime.engines.openvino.graph import fixed_model
from runtime.engines.openvino.prologue import TEXT, split
from runtime.pipeline import Pipeline
from runtime.request import Request

WARM_UP = 3
"""frames before the clock starts: the first ones load kernels and fill caches"""
NEW_WORDS = 12
STAGES = ("text", "mix", "denoise", "decode")
GRAPHS = {"denoise": "denoiser", "decode": "decoder"}
"""the graph that each stage runs"""


@dataclass(frozen=True, slots=True)
class Opened:
    """A pipeline that has drawn its first frame, and what that took."""

    pipeline: Pipeline
    seconds: float
    first_frame_ms: float


def open_timed(open_pipeline: Callable[[], Pipeline], first: Request) -> Opened:
    """Open a pipeline and draw ``first``.

    Raises:
        MorphError: whatever opening or rendering raises.
    """
    start = time.perf_counter()
    pipeline = open_pipeline()
    opened = time.perf_counter()
    pipeline.render(first)
    return Opened(pipeline, opened - start, (time.perf_counter() - opened) * 1e3)


def positions(first: Request, count: int) -> list[Request]:
    """Return ``count`` distinct positions of a request's morph along t, evenly over all of it."""
    return [first.at(t) for t in np.linspace(0.0, 1.0, count).tolist()]


def warm_up(pipeline: Pipeline, first: Request) -> None:
    """Draw what is not counted."""
    for t in (0.11, 0.52, 0.93)[:WARM_UP]:
        pipeline.render(first.at(t))


def timings(pipeline: Pipeline, requests: Sequence[Request]) -> list[Mapping[str, float]]:
    """Draw requests one by one; return the milliseconds of each by stage. No picture is kept."""
    return [pipeline.render(request).timings for request in requests]


def precision_of(pipeline: Pipeline, role: str) -> str:
    """Return what a graph computes in; for what is no graph, what the engine does."""
    engine = pipeline.engine
    if role and isinstance(engine, OpenVinoEngine):
        return engine.precision_of(role)
    return engine.precision


def stages(
    pipeline: Pipeline,
    timed: Sequence[Mapping[str, float]],
    steps: int,
    limits: Callable[[str], Limits],
) -> dict[str, StageFigures]:
    """Return where the time of frames in so many ``steps`` went, as ``timings`` has it, beside the
    least that each part's graph can take by the ``limits`` of the precision it computes in.

    Counted is what the engine computes for a frame while somebody moves between two words.

    Text encoding is cached after the first frame, as it is while scrubbing.

    Raises:
        BundleError: a graph whose work cannot be counted.
    """
    return {
        name: _stage(
            Spread.of([taken[name] for taken in timed]),
            _runs(pipeline, GRAPHS[name], steps) if name in GRAPHS else [],
            limits(precision_of(pipeline, GRAPHS.get(name, ""))),
        )
        for name in STAGES
    }


def _runs(pipeline: Pipeline, role: str, steps: int) -> list[Work]:
    """Return the work of every run of a graph that a frame takes, as the engine has rewritten it.

    Raises:
        BundleError: it cannot be counted.
    """
    path = pipeline.bundle.path(role)
    whole = count(path)
    runs = [whole] * (steps if role == "denoiser" else 1)
    if pipeline.engine.name != "openvino":
        return runs
    model = fixed_model(path)
    if role == "denoiser":
        parts = split(model)
        return runs if parts is None else [count_model(parts.after), *runs[1:]]
    if precision_of(pipeline, role) != "int8":
        fold(model)
    return [count_model(model)]


def _stage(ms: Spread, runs: Sequence[Work], limits: Limits) -> StageFigures:
    if not runs or ms.median <= 0:  # a whole frame in one CUDA graph has one figure
        return StageFigures(ms)
    gflop = sum(work.flop for work in runs) / 1e9
    times = [limits.milliseconds(work) for work in runs]
    known = [time for time in times if time is not None]
    least = sum(known) if len(known) == len(times) else None
    return StageFigures(
        ms,
        gflop=gflop,
        gflops=gflop / (ms.median / 1e3),
        bytes=sum(work.bytes(limits.precision) for work in runs),
        limit_ms=least,
        share=None if least is None else least / ms.median,
    )


def denoising(pipeline: Pipeline) -> Denoising | None:
    """Return what the denoiser's work depends on, or None where the engine does not part it.

    Raises:
        BundleError: a graph whose work cannot be counted.
    """
    path = pipeline.bundle.path("denoiser")
    model = fixed_model(path)
    if not isinstance(pipeline.engine, OpenVinoEngine) or split(fixed_model(path)) is None:
        return None
    text, both = (flop_behind(model, names) for names in (TEXT, TEXT | {"sample", "noise"}))
    whole = count(path).flop
    return Denoising(text / 1e9, (both - text) / 1e9, (whole - both) / 1e9)


def filling(pipeline: Pipeline, requests: Sequence[Request]) -> Fill:
    """Time frames that nobody waits for, as films are rendered: in the engine's largest batch and,
    on a GPU, the next one begun before the last is taken out.

    A rest that fills no batch is left out, unless it is all there is: then single frames are timed.
    """
    pipeline.render_many(requests[: max(pipeline.engine.batches)])
    batch = max(pipeline.engine.batches)  # the first one may have shown that there is no room
    if len(requests) < batch:
        batch = 1
    times, start = [], time.perf_counter()
    for number, _ in enumerate(pipeline.frames(requests[: len(requests) // batch * batch]), 1):
        if number % batch == 0:
            taken = time.perf_counter()
            times.append((taken - start) * 1e3 / batch)
            start = taken
    return Fill(batch, Spread.of(times))


def new_words(pipeline: Pipeline, first: Request, count: int = NEW_WORDS) -> Spread:
    """Time frames of expressions the pipeline never met: parsing, tokens, text encoder and all.

    They are drawn with the seed, steps, edit and interpolation of ``first``.
    """
    times = []
    for number in range(count):
        request = replace(first, expression=f"word {number} -> other {number}", t=0.5)
        start = time.perf_counter()
        pipeline.render(request)
        times.append((time.perf_counter() - start) * 1e3)
    return Spread.of(times)


def peak_memory(model: str, backend: str, precision: str, first: Request) -> int:
    """Return the most memory in bytes that this process ever held, after it opened ``model`` and
    drew positions of ``first``, a batch and new words. To be run in a process of its own.

    Raises:
        MorphError: whatever opening or rendering raises.
    """
    with Pipeline.open(model, backend=backend, precision=precision) as pipeline:
        warm_up(pipeline, first)
        filling(pipeline, positions(first, 2 * max(pipeline.engine.batches)))
        new_words(pipeline, first, 1)
        return peak_bytes()
