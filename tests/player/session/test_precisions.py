"""The built-in model's storms in bf16 and in f32: strip, perceptual time, chart and retiming."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from player.session.filling.scan import Speeds
from player.session.rendering.renderer import PendingRequest
from player.session.rendering.worker import Worker
from runtime.cache import FrameCache
from runtime.errors import EngineError
from runtime.perception.distance import Descriptor, describe_frame
from runtime.perception.storms.retime import even_positions, measure
from runtime.perception.storms.storms import StormReport, find_storms
from runtime.perception.storms.survey import survey
from runtime.pipeline import Pipeline
from runtime.request import Frame, Request
from tests.player.session.filling.test_scan import MOMENTS, seen

pytestmark = pytest.mark.slow
LINES = ("a yacht on a calm sea -> a yacht in a storm", "kyoto -> tokyo", "cat -> dog -> fox")


class Rendered:
    """Each frame of a line once, in one precision."""

    def __init__(self, precision: str, line: str) -> None:
        try:
            self.pipeline = Pipeline.open("critters", backend="openvino", precision=precision)
        except EngineError as error:
            pytest.skip(str(error))
        self.request = self.pipeline.request(line)
        self.frames: dict[Request, Frame] = {}

    def render(self, request: Request) -> Frame:
        if request not in self.frames:
            self.frames[request] = self.pipeline.render(request)
        return self.frames[request]

    def __getattr__(self, name: str) -> object:
        return getattr(self.pipeline, name)

    def look(self, t: float) -> Descriptor:
        return describe_frame(self.render(self.request.at(t)).pixels)

    def scan(self) -> dict[int, Speeds]:
        worker = Worker(lambda: self, FrameCache())  # type: ignore[arg-type, return-value]
        worker.ask(PendingRequest(self.request))
        worker.open()
        told: dict[int, Speeds] = {}
        while len(worker.cache) < 401 or not told[401].complete:
            worker.turn()
            if len(worker.cache) in MOMENTS and worker.lines.speeds is not None:
                told[len(worker.cache)] = worker.lines.speeds
        return told

    def storms(self, frames: int) -> StormReport:
        at = [round(400 * i / (frames - 1)) / 400 for i in range(frames)]
        return find_storms(survey(at, map(self.look, at)), self.look)


def stormy(report: StormReport) -> tuple[float, float, float]:
    """Where the storms begin and end, and their share of the path."""
    zones = [zone for zone in report.zones if zone.kind == "storm"]
    path = sum(zone.path for zone in report.zones)
    if not zones:
        return 0.0, 0.0, 0.0
    return zones[0].start, zones[-1].end, sum(zone.path for zone in zones) / path


@pytest.mark.parametrize("line", LINES)
def test_bf16_says_what_f32_says(line: str) -> None:
    rounded, exact = Rendered("bf16", line), Rendered("f32", line)
    told, truth = rounded.scan(), exact.scan()
    for known in MOMENTS:
        a, b = told[known].values, truth[known].values
        assert np.sqrt(np.mean((a - b) ** 2)) < 0.05 * b.mean(), known
        assert np.abs(seen(told[known]) - seen(truth[known])).max() < 0.02, known
        assert np.abs(seen(told[known]) - seen(truth[401])).max() < 0.05, known
    for frames in (25, 50, 100, 401):
        assert stormy(rounded.storms(frames)) == pytest.approx(
            stormy(exact.storms(frames)), abs=0.05
        ), frames
    places: list[Callable[[float], Descriptor]] = [rounded.look, exact.look]
    ours, theirs = (even_positions(*measure(look, 100), 100) for look in places)
    assert np.abs(ours - theirs).max() < 0.02
