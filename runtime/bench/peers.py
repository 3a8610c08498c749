"""Others that draw the same frames, in turn with ours, frame by frame."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from runtime.bench.figures import PeerFigures, Spread
from runtime.bench.machine import Watch
from runtime.engines.choose import BACKENDS
from runtime.errors import MorphError, RequestError, one_line
from runtime.perception.psnr import peak_signal_to_noise
from runtime.pipeline import Pipeline
from runtime.request import Pixels, Request

TURNS = 3
"""drawn before the clock starts"""


class Peer(Protocol):
    """Something that draws what a pipeline would."""

    @property
    def note(self) -> str:
        """What a reader must know of it: versions, settings."""

    def draw(self, pipeline: Pipeline, request: Request) -> tuple[Pixels, float]:
        """Draw the frame that ``pipeline`` would, uint8 [H, W, 3]; also its milliseconds.

        Raises:
            MorphError: it cannot.
        """

    def close(self) -> None:
        """Give back what it holds."""


@dataclass(frozen=True, slots=True)
class PeerSpec:
    """A peer's name and what opens it: ``open`` raises MorphError where it cannot run here."""

    name: str
    open: Callable[[], Peer]


@dataclass(frozen=True, slots=True)
class EnginePeer:
    """The same bundle on another engine runtime, in another precision, or run otherwise."""

    pipeline: Pipeline
    note: str
    batch: int = 1
    """frames at a time"""

    def draw(self, pipeline: Pipeline, request: Request) -> tuple[Pixels, float]:
        """See ``Peer.draw``; the time is a frame's share."""
        start = time.perf_counter()
        frames = self.pipeline.render_many([request] * self.batch)
        return frames[0].pixels, (time.perf_counter() - start) * 1e3 / self.batch

    def close(self) -> None:
        """See ``Peer.close``."""
        self.pipeline.close()


def engine_peer(model: str, asked: str, on_gpu: bool) -> PeerSpec:
    """Return the bundle ``model`` on the engine runtime ``asked``: ``NAME`` or ``NAME:PRECISION``.

    ``onnxruntime`` is that on the CPU unless ours runs ``on_gpu``.

    Raises:
        RequestError: no such engine runtime.
    """
    name, _, precision = asked.partition(":")
    if name not in BACKENDS:
        raise RequestError(
            f"nothing is called {asked!r} here: use --against diffusers, an engine runtime as "
            f"--backend names it ({', '.join(BACKENDS)}), perhaps with a precision, as in "
            "openvino:f32, or whole or batch for ours run otherwise"
        )
    if name == "onnxruntime" and not on_gpu:
        name = "onnxruntime-cpu"

    def opened() -> EnginePeer:
        pipeline = Pipeline.open(model, backend=name, precision=precision or "auto")
        return EnginePeer(pipeline, f"{pipeline.engine.name} {pipeline.engine.precision}")

    return PeerSpec(asked, opened)


def compare(pipeline: Pipeline, spec: PeerSpec, requests: Sequence[Request]) -> PeerFigures:
    """Draw ``requests`` in turn with a peer, which is opened and closed here.

    Whatever keeps the peer from running becomes its ``reason``; it is never left out in silence.

    Raises:
        MorphError: whatever ``pipeline`` raises.
    """
    start = time.perf_counter()
    try:
        peer = spec.open()
    except MorphError as error:
        return PeerFigures(spec.name, one_line(error))
    try:
        first: float | None = None
        theirs, ours, likeness, watch = [], [], [], Watch()
        for turn, request in enumerate([requests[0]] * TURNS + list(requests)):
            if turn == TURNS:
                watch = Watch()
            try:
                pixels, milliseconds = peer.draw(pipeline, request)
            except MorphError as error:
                return PeerFigures(spec.name, one_line(error))
            if first is None:
                first = time.perf_counter() - start
            own_start = time.perf_counter()
            frame = pipeline.render(request)
            own = (time.perf_counter() - own_start) * 1e3
            if turn >= TURNS:
                theirs.append(milliseconds)
                ours.append(own)
                likeness.append(peak_signal_to_noise(pixels, frame.pixels))
        others = watch.others()
    finally:
        peer.close()
    return PeerFigures(
        spec.name,
        ms=Spread.of(theirs),
        ours_ms=Spread.of(ours),
        ratio=Spread.of([a / b for a, b in zip(theirs, ours, strict=True)]),
        psnr=min(likeness),
        open_seconds=first,
        note=peer.note,
        others=others,
    )
