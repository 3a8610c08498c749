"""Every engine runtime of a machine on one model: is it right, and how fast is it?"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from runtime.bench import measure
from runtime.bench.figures import Spread
from runtime.bench.inchild import in_child
from runtime.bench.limits.limits import CPU
from runtime.bench.machine import Watch, gpu_bytes, this_card, this_machine
from runtime.bench.run import SCRUBS
from runtime.bench.verify.verdicts import (
    FORMAT,
    Bounds,
    Likeness,
    Report,
    Speed,
    Verdict,
    anonymous,
    judge,
)
from runtime.bundles.bundle import Bundle
from runtime.engines.choose import usable
from runtime.engines.cpu import peak_bytes
from runtime.errors import EngineError, MorphError, one_line
from runtime.perception.psnr import peak_signal_to_noise
from runtime.pipeline import Pipeline
from runtime.planner import Planner
from runtime.request import Pixels, Request

Scrub = Callable[[Pipeline, Request, int], list[float]]

REFERENCE = ("openvino", "f32")
"""the engine runtime and precision that all others are compared with"""
SECONDS = 20.0
"""about how long frames are timed one by one: a slow engine draws fewer"""
FEWEST = 5
BATCH = 4
WORDS = "cat -> kitten"
BOTH_AXES = "cat -> kitten | -3/7*tabby .. +3/7*tabby"
SLOT = "a photo of a [fox -> bear]"
SLOT_BOTH = "a photo of a [fox -> bear | -3/7*tabby .. +3/7*tabby]"


@dataclass(frozen=True, slots=True)
class Shot:
    """One frame to compare."""

    what: str
    request: Request
    batched: bool = False
    """drawn together with the other shots that are"""


@dataclass(frozen=True, slots=True)
class Drawn:
    """What came of the shots on one engine: ``pixels`` are uint8 [H, W, 3], one for each shot."""

    engine: str
    precision: str
    device: str
    pixels: tuple[Pixels, ...]
    speed: Speed | None


@dataclass(frozen=True, slots=True)
class Pair:
    """The frame of an engine that is least like f32 on the CPU, beside that one."""

    what: str
    made: Pixels
    wanted: Pixels


@dataclass(frozen=True, slots=True)
class Verified:
    """A report, and for each engine runtime that drew its least alike frame."""

    report: Report
    worst: dict[str, Pair]


class RunIn(Protocol):
    """Calls ``work``, here or elsewhere; raises MorphError if that fails."""

    def __call__(self, work: Callable[..., Drawn], *args: Any) -> Drawn:  # noqa: D102
        ...


def shots(planner: Planner) -> list[Shot]:
    """Return what is drawn: both axes, slots, several seeds and step counts, a batch of four.

    The last is the first once more, after all others were uploaded.
    """

    def shot(what: str, text: str, t: float, **fields: Any) -> Shot:
        return Shot(what, planner.request(text, t=t, **fields))

    default = planner.manifest.default_steps
    other = [count for count in sorted(planner.manifest.steps) if count != default][:2]
    first = shot("the start of a line", WORDS, 0.0, seed=5)
    line = planner.request(WORDS, seed=3)
    return [
        first,
        shot("on a line", WORDS, 0.37),
        shot("the end of a line", WORDS, 1.0, seed=2**32 - 1),
        shot("both axes, at an edge", BOTH_AXES, 0.5, u=0.0),
        shot("both axes, in a corner", BOTH_AXES, 1.0, u=1.0, seed=5),
        shot("a sum", "cat + 0.43*tabby", 0.0),
        shot("a slot", SLOT, 0.5),
        shot("a slot and the rows after it", SLOT, 0.5, edit="tail"),
        shot("a slot, both axes", SLOT_BOTH, 0.37, u=0.9, seed=5),
        shot("slerp", WORDS, 0.63, interp="slerp"),
        *(
            shot(
                f"in {count} steps" if count > 1 else "in one step", WORDS, 0.5, steps=count, seed=5
            )
            for count in other
        ),
        *(
            Shot(f"in a batch, {number + 1} of {BATCH}", line.at(number / (BATCH - 1)), True)
            for number in range(BATCH)
        ),
        replace(first, what="the first frame again"),
    ]


def draw(
    model: str,
    backend: str,
    precision: str,
    asked: Sequence[Shot],
    frames: int = 0,
    scrub: Scrub | None = None,
) -> Drawn:
    """Draw the shots on one engine runtime, and time ``frames`` frames of it, 0 for none.

    Raises:
        MorphError: whatever opening or rendering raises, or another engine runtime that opened.
    """
    before = None if backend in CPU else gpu_bytes()
    watch = Watch()
    opened = measure.open_timed(
        lambda: Pipeline.open(model, backend=backend, precision=precision), asked[0].request
    )
    with opened.pipeline as pipeline:
        engine = pipeline.engine
        if engine.name != backend:
            raise EngineError(f"{backend} was asked for and {engine.name} opened")
        pixels = _pixels(pipeline, asked)
        speed = None
        if frames:
            first = replace(asked[0].request, steps=pipeline.default_steps)
            speed = _speed(pipeline, first, opened, frames, scrub)
            after = None if before is None else gpu_bytes()
            used = None if before is None or after is None else max(after - before, 0)
            speed = replace(speed, gpu_bytes=used, others=watch.others())
        return Drawn(engine.name, engine.precision, engine.device, pixels, speed)


def verify_bundle(
    bundle: Bundle,
    backends: Sequence[str],
    bounds: Bounds,
    *,
    frames: int,
    prepare: Callable[[Bundle, str], bool] = lambda bundle, backend: False,
    scrub: Scrub | None = None,
    say: Callable[[str], None] = lambda text: None,
    run: RunIn = in_child,
) -> Verified:
    """Draw the same frames on every one of ``backends`` that is usable, and judge and time them.

    ``prepare`` builds what an engine runtime needs before it opens, and tells whether it needs
    anything. ``scrub`` returns so many
    latencies of a front end, in milliseconds. ``say`` hears what is done. What one engine runtime
    cannot do becomes its verdict and never keeps the others from theirs.

    Raises:
        MorphError: f32 on the CPU, which all are compared with, cannot be drawn.
    """
    model = str(bundle.folder)
    asked = shots(Planner(bundle.manifest, bundle.folder))
    say(f"{len(asked)} frames in f32 on the CPU, which all others are compared with")
    single = [replace(shot, batched=False) for shot in asked]
    wanted = run(draw, model, *REFERENCE, single).pixels
    verdicts, worst = [], {}
    for backend in backends:
        reason = usable(backend)
        if reason is not None:
            verdicts.append(Verdict(backend, "unusable", anonymous(reason)))
            continue
        say(f"{backend}: building what is missing, drawing, timing")
        start = time.perf_counter()
        try:
            needed = prepare(bundle, backend)
            built = time.perf_counter() - start if needed else None
            made = run(draw, model, backend, "auto", asked, frames, scrub)
        except MorphError as error:
            verdicts.append(Verdict(backend, "failed", anonymous(one_line(error))))
            continue
        likeness = tuple(map(_compare, asked, made.pixels, wanted))
        word, why = judge(made.precision, likeness, bounds)
        verdicts.append(
            Verdict(
                backend,
                word,
                why,
                precision=made.precision,
                device=made.device,
                built_seconds=built,
                frames=likeness,
                speed=made.speed,
            )
        )
        least = min(range(len(asked)), key=lambda index: likeness[index].psnr)
        worst[backend] = Pair(asked[least].what, made.pixels[least], wanted[least])
    manifest = bundle.manifest
    report = Report(
        format=FORMAT,
        date=datetime.now(UTC).date().isoformat(),
        model=Path(manifest.model).name,
        digest=bundle.digest(),
        width=manifest.width,
        height=manifest.height,
        steps=manifest.default_steps,
        graphs=manifest.precision,
        machine=this_machine(),
        card=this_card(),
        bounds=bounds,
        verdicts=tuple(verdicts),
    )
    return Verified(report, worst)


def _pixels(pipeline: Pipeline, asked: Sequence[Shot]) -> tuple[Pixels, ...]:
    together = [index for index, shot in enumerate(asked) if shot.batched]
    batch = pipeline.render_many([asked[index].request for index in together])
    made = {index: frame.pixels for index, frame in zip(together, batch, strict=True)}
    for index, shot in enumerate(asked):
        if index not in made:
            made[index] = pipeline.render(shot.request).pixels.copy()
    return tuple(made[index] for index in range(len(asked)))


def _speed(
    pipeline: Pipeline,
    first: Request,
    opened: measure.Opened,
    frames: int,
    scrub: Scrub | None,
) -> Speed:
    start = time.perf_counter()
    measure.warm_up(pipeline, first)
    one = (time.perf_counter() - start) / measure.WARM_UP
    count = max(min(frames, FEWEST), min(frames, int(SECONDS / one)))
    positions = measure.positions(first, count)
    timed = measure.timings(pipeline, positions)
    fill = measure.filling(pipeline, positions)
    waits = [] if scrub is None else scrub(pipeline, first, min(SCRUBS, count))
    return Speed(
        open_seconds=opened.seconds,
        first_frame_ms=opened.first_frame_ms,
        frame=Spread.of([taken["total"] for taken in timed]),
        batch=fill.batch,
        batched=fill.ms,
        new_word=measure.new_words(pipeline, first, min(measure.NEW_WORDS, count)),
        scrub=Spread.of(waits) if waits else None,
        peak_bytes=peak_bytes(),
        gpu_bytes=None,
        others=None,
    )


def _compare(shot: Shot, made: Pixels, wanted: Pixels) -> Likeness:
    apart = np.abs(made.astype(np.int16) - wanted)
    return Likeness(shot.what, peak_signal_to_noise(made, wanted), int(apart.max()))
