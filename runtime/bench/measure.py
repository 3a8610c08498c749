"""Frames per second, where the time goes, and the engine that really ran."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from runtime.pipeline import Pipeline
from runtime.request import Frame, Request

WARM_UP = 3
"""frames before the clock starts: the first ones load kernels and fill caches"""


@dataclass(frozen=True, slots=True)
class Benchmark:
    """One run's figures; milliseconds unless the name says otherwise."""

    model: str
    engine: str
    precision: str
    device: str
    width: int
    height: int
    steps: int
    frames: int
    open_seconds: float
    first_frame_ms: float
    fps: float
    """one frame at a time, every frame a new position"""
    frame_ms_p50: float
    frame_ms_p95: float
    stages_ms: dict[str, float]
    """medians of text, mix, denoise, decode"""
    fill_fps: float
    """in the engine's largest batch, as films, grids and storms are rendered"""
    fill_batch: int


def measure(
    open_pipeline: Callable[[], Pipeline],
    first: Request,
    *,
    frames: int,
) -> Benchmark:
    """Open a pipeline, then time ``frames`` distinct positions of ``first``'s morph along t.

    Warm-up frames are not counted; text encoding is cached after the first frame, as it is
    while scrubbing.

    Raises:
        MorphError: whatever opening or rendering raises.
    """
    start = time.perf_counter()
    pipeline = open_pipeline()
    opened = time.perf_counter()
    with pipeline:
        pipeline.render(first)
        first_done = time.perf_counter()
        positions = [first.at(t) for t in np.linspace(0.0, 1.0, frames).tolist()]
        for request in positions[:WARM_UP]:
            pipeline.render(request)
        live, live_seconds = _timed(lambda: [pipeline.render(r) for r in positions])
        pipeline.render_many(positions[: max(pipeline.engine.batches)])
        filled, fill_seconds = _timed(lambda: pipeline.render_many(positions))
        totals = [frame.timings["total"] for frame in live]
        return Benchmark(
            model=pipeline.bundle.manifest.model,
            engine=pipeline.engine.name,
            precision=pipeline.engine.precision,
            device=pipeline.engine.device,
            width=pipeline.size[0],
            height=pipeline.size[1],
            steps=first.steps,
            frames=frames,
            open_seconds=opened - start,
            first_frame_ms=(first_done - opened) * 1e3,
            fps=len(live) / live_seconds,
            frame_ms_p50=float(np.percentile(totals, 50)),
            frame_ms_p95=float(np.percentile(totals, 95)),
            stages_ms={
                stage: float(np.median([frame.timings[stage] for frame in live]))
                for stage in ("text", "mix", "denoise", "decode")
            },
            fill_fps=len(filled) / fill_seconds,
            fill_batch=max(pipeline.engine.batches),
        )


def _timed(run: Callable[[], list[Frame]]) -> tuple[list[Frame], float]:
    start = time.perf_counter()
    frames = run()
    return frames, time.perf_counter() - start
