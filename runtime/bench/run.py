"""One benchmark from end to end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache, partial

from runtime.bench import measure
from runtime.bench.figures import FORMAT, Benchmark, Spread
from runtime.bench.inchild import in_child
from runtime.bench.layers import layers as slowest
from runtime.bench.limits.limits import measure_limits
from runtime.bench.machine import Watch, this_machine
from runtime.bench.peers import PeerSpec, compare
from runtime.pipeline import Pipeline
from runtime.request import Request

SCRUBS = 30
PROFILED = 20
"""frames whose operations are timed"""


def bench_bundle(
    open_pipeline: Callable[[], Pipeline],
    first: Request,
    *,
    frames: int,
    turns: int = 0,
    specs: Callable[[Pipeline], Sequence[PeerSpec]] = lambda ours: (),
    scrub: Callable[[Pipeline, Request, int], list[float]] | None = None,
    random_weights: bool = False,
    command: str | None = None,
    layers: int = 0,
    progress: Callable[[str], None] = lambda text: None,
) -> Benchmark:
    """Open a pipeline and measure it on ``frames`` positions of ``first``'s morph along t.

    ``specs`` is given ours and names whom ``turns`` frames are drawn in turn with. ``scrub``
    returns so many latencies of a front end, in milliseconds. ``layers`` is how many kinds of
    operations of each graph are listed. ``progress`` hears a short text at the start of every
    part. ``command`` is what measures the same again.

    Memory is that of another process, opened last: this one has made and kept much else.

    Raises:
        MorphError: whatever opening or rendering raises.
    """
    progress("opening the model")
    opened = measure.open_timed(open_pipeline, first)
    with opened.pipeline as pipeline:
        engine = pipeline.engine
        measure.warm_up(pipeline, first)
        positions = measure.positions(first, frames)
        progress(f"{frames} frames, one by one")
        watch = Watch()
        timed = measure.timings(pipeline, positions)
        progress("frames in batches, new words, scrubbing")
        fill = measure.filling(pipeline, positions)
        new_word = measure.new_words(pipeline, first, min(measure.NEW_WORDS, frames))
        waits = [] if scrub is None else scrub(pipeline, first, min(SCRUBS, frames))
        progress("the machine's own rates")
        limits = cache(partial(measure_limits, engine.name))
        stages = measure.stages(pipeline, timed, first.steps, limits)
        computed = {measure.precision_of(pipeline, role) for role in measure.GRAPHS.values()}
        others = watch.others()
        peers = []
        for spec in specs(pipeline):
            progress(f"in turn with {spec.name}")
            peers.append(compare(pipeline, spec, measure.positions(first, turns)))
        result = Benchmark(
            format=FORMAT,
            model=pipeline.bundle.manifest.model,
            digest=pipeline.bundle.digest(),
            random_weights=random_weights,
            width=pipeline.size[0],
            height=pipeline.size[1],
            steps=first.steps,
            expression=first.expression,
            engine=engine.name,
            precision=engine.precision,
            device=engine.device,
            machine=this_machine(),
            open_seconds=opened.seconds,
            first_frame_ms=opened.first_frame_ms,
            frame=Spread.of([taken["total"] for taken in timed]),
            stages=stages,
            fill=fill,
            scrub=Spread.of(waits) if waits else None,
            new_word=new_word,
            peak_bytes=0,  # measured below
            others=others,
            limits=limits(engine.precision),
            more_limits=tuple(limits(name) for name in sorted(computed - {engine.precision})),
            peers=tuple(peers),
            command=command,
            denoising=measure.denoising(pipeline),
            layers=slowest(pipeline, positions[:PROFILED], layers) if layers else None,
        )
    progress("memory, in a process of its own")
    model = str(opened.pipeline.bundle.folder)
    peak = in_child(measure.peak_memory, model, result.engine, result.precision, first)
    return replace(result, peak_bytes=peak)
