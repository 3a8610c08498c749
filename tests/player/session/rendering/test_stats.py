"""Figures of a session: what counts as a sample, and what does not."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from player.session.rendering.renderer import PendingRequest
from player.session.rendering.stats import Stats, lines, most_in_a_second, quantiles
from player.session.rendering.worker import Worker
from runtime.cache import FrameCache
from runtime.request import Frame, Request
from tests.player.fakes import FakeRenderer


def frame(t: float) -> Frame:
    return Frame(np.zeros((2, 2, 3), np.uint8), Request("cat -> kitten", t=t))


def test_a_picture_counts_from_when_it_was_asked_for_to_when_it_is_on_screen() -> None:
    stats = Stats()
    stats.ask(frame(0.1).request, known=False)
    time.sleep(0.02)
    shown = frame(0.1)
    stats.show(shown)
    stats.show(shown)
    stats.ask(frame(0.2).request, known=True)
    stats.show(frame(0.2))
    assert len(stats.unknown) == len(stats.known) == 1
    assert 0.02 <= stats.unknown[0] < 0.2
    assert stats.known[0] < 0.01


def test_a_picture_that_was_overtaken_is_no_sample_when_it_comes_by_later() -> None:
    stats = Stats()
    for t in (0.1, 0.2, 0.3):
        stats.ask(frame(t).request, known=False)
    stats.show(frame(0.2))  # one turn late, while 0.3 is on its way
    stats.show(frame(0.1))  # the nearest to something else, long after
    stats.show(frame(0.3))
    assert len(stats.unknown) == 2
    stats.show(frame(0.9))  # nobody asked
    assert len(stats.unknown) == 2


def test_pictures_in_a_second_are_those_that_changed() -> None:
    stats = Stats()
    for t in (0.1, 0.1, 0.2, 0.1):
        stats.show(frame(t))
    assert most_in_a_second(stats.pictures) == 3
    assert most_in_a_second([]) == 0
    assert most_in_a_second([0.0, 0.5, 0.99, 1.2, 1.3, 1.4, 1.45, 9.0]) == 6


def test_quantiles_are_in_milliseconds() -> None:
    assert quantiles([]) is None
    spread = quantiles([k / 1000 for k in range(1, 101)])
    assert spread is not None
    assert (spread["count"], spread["most"]) == (100, 100.0)
    assert spread["p50"] == pytest.approx(50.5)
    assert spread["p99"] == pytest.approx(99.01)


def test_a_picture_that_came_too_late_is_no_sample_when_it_is_the_nearest_of_another() -> None:
    stats = Stats()
    for t in (0.2, 0.9):
        stats.ask(frame(t).request, known=False)
    stats.overtake(frame(0.2).request)
    stats.show(frame(0.2))
    assert not stats.unknown
    stats.show(frame(0.9))
    assert len(stats.unknown) == 1


def test_the_request_being_drawn_is_among_those_that_add_up() -> None:
    drawing, release = threading.Event(), threading.Event()

    class Slow(FakeRenderer):
        def render(self, request: Request) -> Frame:
            drawing.set()
            release.wait(20)
            return super().render(request)

    cache = FrameCache(1 << 20)
    worker = Worker(Slow, cache)
    worker.ask(PendingRequest(Request("cat -> kitten"), 1))
    worker.start()
    try:
        assert drawing.wait(20)
        row = dict(lines(Stats().values(worker, cache)))
        assert row["requests asked"] == "1"
        assert row["= served + superseded + waiting + being drawn"] == "0 + 0 + 0 + 1"
    finally:
        release.set()
        worker.stop()
