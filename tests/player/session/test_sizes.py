"""A renderer gone wrong, which draws another size now and then, costs that picture and no more."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np

from player.session.filling.memory import Descriptors
from player.session.filling.scan import Scan
from player.session.rendering.renderer import PendingRequest
from player.session.rendering.worker import Worker
from player.session.saving.filmrecorder import FilmRecorder
from runtime.cache import FrameCache
from runtime.language.line import Line
from runtime.request import Frame, Request
from tests.player.fakes import FakeRenderer

BASE = Request("cat -> kitten")


def test_a_scan_passes_over_a_picture_of_another_size() -> None:
    fake, cache = FakeRenderer(), FrameCache()
    scan = Scan(Line(BASE, "t"), Descriptors(cache))
    for index in (0, 100, 200, 300):
        frame = fake.render(BASE.at(index / 400))
        if index == 200:
            frame = Frame(np.zeros((16, 24, 3), np.uint8), frame.request)
        cache.put(frame)
        scan.add(index)
    assert set(scan.differences) == {(0, 100)}
    assert scan.speeds().known == 0


def test_a_recording_keeps_what_came_before_a_picture_of_another_size(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    recorder = FilmRecorder(path, (64, 64), 20.0, {})
    for turn in range(10):
        recorder.show(np.full((64, 64, 3), 20 * turn, np.uint8), turn / 20)
    recorder.show(np.zeros((16, 24, 3), np.uint8), 0.5)
    recorder.wait()
    assert "another size" in recorder.ended
    with av.open(str(path)) as film:
        assert len(list(film.decode(video=0))) == 10


def test_a_picture_of_another_size_is_a_line_and_the_next_one_is_shown() -> None:
    class Odd(FakeRenderer):
        def render(self, request: Request) -> Frame:
            frame = super().render(request)
            if request.t == 0.5:
                return Frame(np.zeros((16, 24, 3), np.uint8), request)
            return frame

    worker = Worker(Odd, FrameCache())
    message = []
    worker.ask(PendingRequest(BASE))
    worker.open()
    for t in (0.0, 0.5, 0.75):
        worker.ask(PendingRequest(BASE.at(t)))
        worker.turn()
        result = worker.results.take()
        assert result is not None
        message.append(result.error)
    assert message == [
        None,
        "the model drew a picture of 24x16 instead of 64x64: build it again",
        None,
    ]
