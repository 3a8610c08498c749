"""What the player keeps stays within one budget, and a slow disk or encoder loses no time."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

import player.session.saving.filmrecorder
import runtime.output.film
from player.session.filling.memory import SHARE, Descriptors, default_budget, parse_budget
from player.session.rendering.renderer import PendingRequest
from player.session.rendering.worker import Worker
from player.session.saving.filmrecorder import FilmRecorder
from runtime.cache import BUDGET, FrameCache
from runtime.errors import RequestError
from runtime.language.line import DIVISIONS
from runtime.request import Frame, Request
from tests.player.fakes import FakeRenderer, picture, started, turn

MB = 1 << 20


@pytest.mark.parametrize(
    ("text", "size"),
    [("512M", 512 * MB), ("2G", 2048 * MB), ("1.5 GiB", 1536 * MB), ("40mb", 40 * MB)],
)
def test_sizes_are_read(text: str, size: int) -> None:
    assert parse_budget(text, (512, 512)) == size
    assert parse_budget(None, (512, 512)) is None


@pytest.mark.parametrize("text", ["", "much", "-1G", "27M", "0", "nan"])
def test_what_is_no_size_or_too_small_is_said(text: str) -> None:
    with pytest.raises(RequestError, match=r"^--cache .* (512M or 2G|28M or more)$"):
        parse_budget(text, (512, 512))


def test_by_default_a_line_of_any_size_has_room() -> None:
    assert default_budget((256, 256)) == BUDGET
    for side in (1024, 2048):
        line = (DIVISIONS + 1) * 3 * side**2
        assert default_budget((side, side)) * (1 - SHARE) >= line


class SlowFilm:
    """A film whose writer waits for a permit at every frame."""

    def __init__(self, film: Any, gate: threading.Event) -> None:
        self._film, self._gate = film, gate

    def write(self, pixels: NDArray[np.uint8]) -> None:
        self._gate.wait()
        self._film.write(pixels)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Nothing that is recorded gets written before this is set."""
    gate = threading.Event()
    real = runtime.output.film.open_film

    @contextmanager
    def slow(*words: Any, **named: Any) -> Iterator[SlowFilm]:
        with real(*words, **named) as film:
            yield SlowFilm(film, gate)

    monkeypatch.setattr(player.session.saving.filmrecorder, "open_film", slow)
    return gate


def test_a_recording_counts_in_the_budget(tmp_path: Path, gate: threading.Event) -> None:
    each = picture(Request("cat -> kitten")).nbytes
    session = started(tmp_path, "cat -> kitten | -tabby .. tabby", budget=80 * each)
    turn(session, 3)
    session.keeping.record()
    try:
        for count in range(60):
            session.state.seek(count / 60)
            session.turn(1 / 60, 1 + count / 60)
        recorder, cache = session.keeping.recorder, session.state.cache
        assert recorder is not None
        assert 8 < recorder.waiting <= 20, "a quarter of the budget"
        assert cache.kept - cache.bytes >= (recorder.waiting - 1) * each
        assert cache.kept <= cache.budget
    finally:
        gate.set()
    session.finish()
    turn(session, 1)
    assert cache.kept - cache.bytes <= SHARE * cache.budget, "what was written counts no more"


def test_descriptors_push_frames_out_rather_than_exceed_the_budget() -> None:
    each = picture(Request("cat -> kitten")).nbytes
    cache = FrameCache(40 * each)
    descriptors = Descriptors(cache)
    for index in range(60):
        request = Request("cat -> kitten", t=index / 60)
        cache.put(Frame(picture(request), request, {}))
        assert descriptors.of(request) is not None
        assert cache.kept <= cache.budget
    assert cache.kept > 0.7 * cache.budget
    assert cache.kept - cache.bytes <= SHARE * cache.budget


def test_many_lines_stay_within_the_budget_and_are_scanned_all_the_same() -> None:
    side = 64
    budget = round(2.0 * DIVISIONS * 3 * side * side)
    cache = FrameCache(budget)
    worker = Worker(lambda: FakeRenderer(size=side), cache)
    most = 0
    for seed in range(5):
        worker.ask(PendingRequest(Request("cat -> kitten", seed=seed)))
        if worker.info is None:
            worker.open()
        for _ in range(2 * DIVISIONS):
            worker.turn()
            most = max(most, cache.kept)
        assert worker.lines.speeds is not None
        assert worker.lines.speeds.line.request.seed == seed
        assert worker.lines.speeds.complete
    assert most <= budget


def test_a_recording_on_a_slow_machine_keeps_real_time_and_little_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gate: threading.Event
) -> None:
    monkeypatch.setattr(player.session.saving.filmrecorder, "WAITING_BYTES", 10 * 3 * 64 * 64)
    settings: Mapping[str, object] = {"expression": "x"}
    recorder = FilmRecorder(tmp_path / "a.mp4", (64, 64), 30, settings)
    most = 0
    for index in range(300):  # ten seconds, a new picture each thirtieth
        now = 0.0 if index == 0 else index / 30 + 1e-3
        recorder.show(picture(Request("cat -> kitten", t=index / 300)), now)
        most = max(most, recorder.waiting)
    seconds, dropped = recorder.seconds, recorder.dropped
    gate.set()
    recorder.stop()
    recorder.wait()
    assert most <= 10
    assert seconds == 10.0
    assert 280 < dropped < 300
    with av.open(str(tmp_path / "a.mp4")) as container:
        assert container.streams.video[0].frames == 300


def test_a_picture_that_stands_is_not_taken_for_a_dropped_one(tmp_path: Path) -> None:
    recorder = FilmRecorder(tmp_path / "a.mp4", (64, 64), 30, {"expression": "x"})
    still = picture(Request("cat -> kitten"))
    for index in range(90):
        recorder.show(still, 0.0 if index == 0 else index / 30 + 1e-3)
        time.sleep(0)
    recorder.stop()
    recorder.wait()
    assert (recorder.frames, recorder.dropped) == (90, 0)
