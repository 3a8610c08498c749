"""What is timed is what a user meets: films as they are drawn, words as they were asked for."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from runtime.bench import measure
from runtime.engines.engine import Rendered
from runtime.pipeline import Pipeline
from runtime.request import Frame, Request
from tests.runtime.engines.machine import Machine
from tests.support.models.tinybundle import write_worded
from tests.support.seeds import draw_seed


def test_new_words_are_drawn_as_the_frames_are(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Request] = []
    render = Pipeline.render

    def recorded(self: Pipeline, request: Request) -> Frame:
        drawn.append(request)
        return render(self, request)

    monkeypatch.setattr(Pipeline, "render", recorded)
    first = Request(
        "cat -> kitten", seed=draw_seed(), steps=2, edit="tail", edit_row=3, interp="slerp"
    )
    assert measure.new_words(pipeline, first, 3).count == 3
    assert len({request.expression for request in drawn} - {first.expression}) == 3
    for request in drawn:
        assert replace(request, expression=first.expression, t=first.t) == first


@pytest.mark.parametrize("count", [12, 14])
def test_a_film_is_timed_with_the_next_batch_under_way(
    machine: Machine, tmp_path: Path, count: int
) -> None:
    bundle = write_worded(tmp_path / "b", 5)
    machine.build(bundle)
    log: list[str] = []
    with Pipeline(bundle, machine.open(bundle)) as pipeline:
        engine: Any = pipeline.engine
        really = engine.begin

        def begin(*given: Any) -> Callable[[], Rendered]:
            log.append("begun")
            begun = really(*given)

            def take() -> Rendered:
                log.append("taken")
                made: Rendered = begun()
                return made

            return take

        engine.begin = begin
        fill = measure.filling(pipeline, measure.positions(Request("cat -> kitten"), count))
    assert log[:2] == ["begun", "taken"], "one that is not counted"
    assert log[2:] == ["begun", "begun", "taken", "begun", "taken", "taken"]
    assert (fill.batch, fill.ms.count) == (4, 3)


def test_fewer_frames_than_a_batch_are_timed_alone(machine: Machine, tmp_path: Path) -> None:
    bundle = write_worded(tmp_path / "b", 5)
    machine.build(bundle)
    with Pipeline(bundle, machine.open(bundle)) as pipeline:
        fill = measure.filling(pipeline, measure.positions(Request("cat -> kitten"), 3))
    assert (fill.batch, fill.ms.count) == (1, 3)


def test_no_picture_is_kept_while_frames_are_timed(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures: list[weakref.ref[Any]] = []
    most = 0
    render = Pipeline.render

    def recorded(self: Pipeline, request: Request) -> Frame:
        nonlocal most
        frame = render(self, request)
        pictures.append(weakref.ref(frame.pixels))
        most = max(most, sum(picture() is not None for picture in pictures))
        return frame

    monkeypatch.setattr(Pipeline, "render", recorded)
    timed = measure.timings(pipeline, measure.positions(Request("cat -> kitten"), 5))
    assert len(timed) == len(pictures) == 5
    assert most <= 2
