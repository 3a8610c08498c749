from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from player.session.filling.memory import Descriptors
from player.session.filling.scan import Scan
from player.session.rendering.renderer import PendingRequest, Result
from player.session.rendering.worker import FAILURES, Worker
from runtime.cache import FrameCache
from runtime.errors import BundleError, FrameCancelled
from runtime.language.line import Line
from runtime.perception.distance import describe_frame, distance
from runtime.request import Frame, Request
from tests.player.fakes import FakeRenderer, picture

BASE = Request("cat -> kitten")


def opened(fake: FakeRenderer, budget: int = 1 << 30) -> Worker:
    worker = Worker(lambda: fake, FrameCache(budget))
    worker.ask(PendingRequest(BASE))
    worker.open()
    return worker


def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.perf_counter() + seconds
    while not condition():
        assert time.perf_counter() < deadline, "it did not happen in time"
        time.sleep(0.002)


def test_a_live_request_comes_before_filling_and_only_the_newest_is_rendered() -> None:
    fake = FakeRenderer()
    worker = opened(fake)
    worker.turn()
    for _ in range(5):
        worker.turn()
    for t in (0.11, 0.12, 0.13):
        worker.ask(PendingRequest(BASE.at(t)))
    worker.turn()
    assert fake.rendered[-1].t == 0.13
    assert not {0.11, 0.12} & {request.t for request in fake.rendered}
    result = worker.results.take()
    assert result is not None
    assert result.frame is not None
    assert np.array_equal(result.frame.pixels, picture(BASE.at(0.13)))


def test_idle_time_fills_the_whole_line_and_measures_it() -> None:
    fake = FakeRenderer()
    worker = opened(fake)
    for _ in range(500):
        worker.turn()
    assert [request.t for request in fake.rendered[1:4]] == [1.0, 0.5, 0.25]
    assert len(fake.rendered) == len(set(fake.rendered)) == 401
    assert worker.cache.positions(BASE) == tuple(k / 400 for k in range(401))
    speeds = worker.lines.speeds
    assert speeds is not None
    assert speeds.complete
    posts = [describe_frame(picture(BASE.at(t))) for t in (96 / 400, 104 / 400)]
    assert speeds.values[96:104].sum() / 400 == pytest.approx(distance(*posts), rel=0.05)
    assert 0.6 < np.argmax(speeds.values) / 400 < 0.64  # where the fake storms


def test_the_order_in_which_frames_arrive_does_not_change_the_scan() -> None:
    cache = FrameCache()
    indices = list(range(0, 401, 8))
    for index in indices:
        cache.put(FakeRenderer().render(BASE.at(index / 400)))
    scans = [Scan(Line(BASE, "t"), Descriptors(cache)) for _ in range(2)]
    for index in indices:
        scans[0].add(index)
    for index in np.random.default_rng(3).permutation(indices):
        scans[1].add(int(index))
    assert scans[0].differences == scans[1].differences
    assert len(scans[0].differences) == len(indices) - 1


def test_filling_stays_inside_a_budget_that_cannot_hold_the_line() -> None:
    fake = FakeRenderer()
    worker = opened(fake, budget=50 * 64 * 64 * 3)
    for _ in range(200):
        worker.turn()
    assert len(fake.rendered) <= 50
    assert BASE in worker.cache


def test_the_second_axis_alone_is_a_line_too() -> None:
    fake = FakeRenderer()
    worker = Worker(lambda: fake, FrameCache())
    worker.ask(PendingRequest(Request("cat | -tabby .. tabby")))
    worker.open()
    for _ in range(500):
        worker.turn()
    assert len({request.u for request in fake.rendered}) == 401
    assert {request.t for request in fake.rendered} == {0.0}


def test_a_frame_that_fails_is_a_result_and_the_thread_lives_on() -> None:
    fake = FakeRenderer(refuse=(0.3, 0.5))
    worker = Worker(lambda: fake, FrameCache())
    worker.ask(PendingRequest(BASE.at(0.3)))
    worker.start()
    results: list[Result] = []

    def received() -> bool:
        result = worker.results.take()
        results.extend([result] if result is not None else [])
        return bool(results)

    until(received)
    assert results[0].error == "the latent is not finite: lower the weights"
    assert results[0].frame is None
    results.clear()
    worker.ask(PendingRequest(BASE.at(0.4)))
    until(received)
    assert results[0].frame is not None
    worker.stop()
    assert fake.closed
    assert worker.failure is None


def test_a_model_that_cannot_be_opened_is_a_failure_for_the_window_to_raise() -> None:
    def refuse() -> FakeRenderer:
        raise BundleError("no such model")

    worker = Worker(refuse, FrameCache())
    worker.ask(PendingRequest(BASE))
    worker.start()
    until(lambda: worker.failure is not None)
    assert isinstance(worker.failure, BundleError)
    worker.stop()


def render_threads() -> int:
    return sum(thread.name == "render" for thread in threading.enumerate())


def test_stopping_a_thread_that_was_asked_nothing_opens_no_model() -> None:
    opened: list[FakeRenderer] = []

    def open_one() -> FakeRenderer:
        opened.append(FakeRenderer())
        return opened[-1]

    worker = Worker(open_one, FrameCache())
    worker.start()
    assert render_threads() == 1
    worker.stop()
    assert render_threads() == 0
    assert opened == []
    assert worker.failure is None


@pytest.mark.parametrize(("frames", "filling"), [(3, False), (10_000, True)])
def test_stopping_ends_a_thread_that_waits_and_one_that_fills(frames: int, filling: bool) -> None:
    fake = FakeRenderer(seconds=0.01)
    worker = Worker(lambda: fake, FrameCache(frames * 64 * 64 * 3))
    worker.ask(PendingRequest(BASE))
    worker.start()
    until(lambda: len(fake.rendered) >= 3)
    time.sleep(0.1)  # the one waits by now, the other is in the midst of a frame
    assert (len(fake.rendered) > 3) == filling
    worker.stop()
    assert render_threads() == 0
    assert fake.closed
    assert worker.failure is None
    assert len(fake.rendered) < 401, "stopping did not wait for the whole line"


class Slow(FakeRenderer):
    """Takes a long time over a frame, unless it is cancelled."""

    def __init__(self) -> None:
        super().__init__()
        self.drawing: Request | None = None  # while it is
        self.cancelled: list[Request] = []
        self._end = threading.Event()

    def render(self, request: Request) -> Frame:
        self._end.clear()
        self.drawing = request
        filling = request.t > 0 and (request.t * 400).is_integer()
        ended = self._end.wait(20.0 if filling else 0.0)
        self.drawing = None
        if ended:
            self.cancelled.append(request)
            raise FrameCancelled("given up")
        return super().render(request)

    def cancel(self) -> None:
        self._end.set()


def test_a_frame_that_nobody_asked_for_gives_way_to_one_that_somebody_waits_for() -> None:
    fake = Slow()
    worker = Worker(lambda: fake, FrameCache())
    worker.ask(PendingRequest(BASE))
    worker.start()
    until(lambda: fake.drawing is not None and fake.drawing.t == 1.0)  # it fills
    worker.ask(PendingRequest(BASE))  # which is known: nobody waits for a render
    time.sleep(0.05)
    assert fake.drawing is not None
    assert not fake.cancelled
    worker.ask(PendingRequest(BASE.at(0.3001)))
    until(lambda: BASE.at(0.3001) in worker.cache)
    assert [request.t for request in fake.cancelled] == [1.0]
    until(lambda: fake.drawing is not None)  # and goes on filling
    started = time.perf_counter()
    worker.stop()
    assert time.perf_counter() - started < 5  # closing waits for no frame either
    assert fake.closed


def test_a_picture_of_other_words_is_not_waited_for() -> None:
    fake = Slow()
    worker = Worker(lambda: fake, FrameCache())
    worker.ask(PendingRequest(BASE))
    worker.start()
    until(lambda: BASE in worker.cache)
    worker.ask(PendingRequest(BASE.at(0.25)))
    until(lambda: fake.drawing is not None and fake.drawing.t == 0.25)
    worker.ask(PendingRequest(BASE.at(0.5001)))  # the way there is shown as it comes
    time.sleep(0.05)
    assert [request.t for request in fake.cancelled if request.t == 0.25] == []
    other = replace(BASE, expression="dog -> fox", t=0.6001)
    worker.ask(PendingRequest(other))
    until(lambda: other in worker.cache)
    assert [request.t for request in fake.cancelled if request.t == 0.25] == [0.25]
    until(lambda: worker.served == 2)  # BASE and the last: what lies between came to nothing
    result = worker.results.take()
    assert result is not None
    assert result.request == other
    assert result.error is None
    assert worker.requests.puts == worker.served + worker.requests.replaced
    worker.stop()


def test_giving_way_is_no_failure_of_the_frame() -> None:
    fake = Slow()
    worker = Worker(lambda: fake, FrameCache())
    worker.ask(PendingRequest(BASE))
    worker.start()
    for count in range(2 * FAILURES):
        until(lambda: fake.drawing is not None)
        worker.ask(PendingRequest(BASE.at(0.3001 + count / 1000)))
        until(lambda: len(worker.cache) == 2 + count)  # noqa: B023
    until(lambda: fake.drawing is not None)
    worker.stop()
    assert {request.t for request in fake.cancelled[:-1]} == {1.0}
