from __future__ import annotations

import time
from dataclasses import dataclass, field

import numpy as np
import pytest
from numpy.typing import NDArray

from runtime.bench.measure import positions
from runtime.bench.peers import TURNS, PeerSpec, compare, engine_peer
from runtime.errors import EngineError, RequestError
from runtime.pipeline import Pipeline
from runtime.request import Request


@dataclass
class Slow:
    """Draws what a pipeline draws, and takes as long again; fails at its ``fails``-th frame."""

    note: str = "a test"
    fails: int = -1
    asked: list[Request] = field(default_factory=list)
    closed: bool = False

    def draw(self, pipeline: Pipeline, request: Request) -> tuple[NDArray[np.uint8], float]:
        if len(self.asked) == self.fails:
            raise EngineError("out of memory")
        self.asked.append(request)
        start = time.perf_counter()
        pixels = pipeline.render(request).pixels
        took = time.perf_counter() - start
        time.sleep(took)
        return pixels, (time.perf_counter() - start) * 1e3

    def close(self) -> None:
        self.closed = True


def test_a_peer_draws_every_frame_in_turn_and_is_closed(pipeline: Pipeline) -> None:
    peer = Slow()
    asked = positions(pipeline.request("cat -> kitten"), 4)
    found = compare(pipeline, PeerSpec("slow", lambda: peer), asked)
    assert peer.asked == [asked[0]] * TURNS + asked
    assert peer.closed
    assert found.ms is not None
    assert found.ratio is not None
    assert found.ratio.count == 4
    assert found.ratio.median > 1.2  # twice the work; the machine may be busy
    assert found.psnr == 99.0
    assert found.others is None or 0 <= found.others <= 1


@pytest.mark.parametrize("fails", [0, TURNS + 1])
def test_a_peer_that_fails_says_why_and_is_closed(pipeline: Pipeline, fails: int) -> None:
    peer = Slow(fails=fails)
    asked = positions(pipeline.request("cat -> kitten"), 3)
    found = compare(pipeline, PeerSpec("slow", lambda: peer), asked)
    assert (found.reason, found.ratio, peer.closed) == ("out of memory", None, True)


def test_an_engine_that_is_not_here_says_why(pipeline: Pipeline) -> None:
    spec = engine_peer("critters", "tensorrt:f16", on_gpu=False)
    found = compare(pipeline, spec, positions(pipeline.request("cat -> kitten"), 2))
    assert found.ms is not None or "tensorrt" in (found.reason or "")


def test_onnxruntime_draws_the_same_frames_on_the_processor(pipeline: Pipeline) -> None:
    spec = engine_peer("critters", "onnxruntime", on_gpu=False)
    found = compare(pipeline, spec, positions(pipeline.request("cat -> kitten"), 2))
    assert found.reason is None
    assert found.note == "onnxruntime-cpu f32"
    assert found.psnr is not None
    assert found.psnr > 50


def test_a_name_that_is_no_peer_is_refused() -> None:
    with pytest.raises(RequestError, match="--against diffusers"):
        engine_peer("critters", "pytorch", on_gpu=False)
