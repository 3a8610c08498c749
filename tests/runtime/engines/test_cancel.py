"""A frame that is given up while it is drawn, from another thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from runtime.errors import FrameCancelled, MorphError
from runtime.pipeline import Pipeline
from runtime.request import Request
from tests.support.seeds import draw_seed

CALM = Request("cat -> kitten", t=0.25)


@pytest.fixture(scope="module", params=["openvino", "onnxruntime-cpu"])
def opened(request: pytest.FixtureRequest) -> Iterator[Pipeline]:
    if request.param == "onnxruntime-cpu":
        pytest.importorskip("onnxruntime")
    with Pipeline.open("critters", backend=request.param) as pipeline:
        pipeline.render(CALM)
        yield pipeline


def cancelled(pipeline: Pipeline, request: Request) -> MorphError | None:
    """Draw ``request`` in a thread and cancel until that ends; return how it ended."""
    ended: list[MorphError | None] = []

    def draw() -> None:
        try:
            pipeline.render(request)
            ended.append(None)
        except MorphError as error:
            ended.append(error)

    thread = threading.Thread(target=draw)
    thread.start()
    while thread.is_alive():
        pipeline.cancel()
        time.sleep(0.001)
    return ended[0]


def test_a_frame_is_given_up_and_the_next_is_as_ever(opened: Pipeline) -> None:
    before = opened.render(CALM).pixels
    seed = draw_seed()
    other = Request("dog -> fox", t=0.5, seed=seed)  # another basis and noise than was loaded
    assert isinstance(cancelled(opened, other), FrameCancelled)
    assert np.array_equal(opened.render(CALM).pixels, before)
    assert isinstance(cancelled(opened, CALM.at(0.75)), FrameCancelled)
    drawn = opened.render(other).pixels
    with Pipeline.open("critters", backend=opened.engine.name) as fresh:
        assert np.array_equal(fresh.render(other).pixels, drawn)


def test_where_no_frame_is_drawn_the_next_is_not_touched(opened: Pipeline) -> None:
    before = opened.render(CALM).pixels
    opened.cancel()
    assert np.array_equal(opened.render(CALM).pixels, before)


def test_it_takes_a_part_of_a_frame_at_most(opened: Pipeline) -> None:
    whole = min(_seconds(lambda: opened.render(CALM.at(0.5))) for _ in range(5))
    parts = [_seconds(lambda: cancelled(opened, CALM.at(0.5))) for _ in range(9)]
    assert min(parts) < 0.5 * whole


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
