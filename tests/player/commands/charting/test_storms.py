from __future__ import annotations

import json
import os

import numpy as np
import pytest
from PIL import Image

from runtime.errors import RequestError, TargetError
from runtime.output.film import read_settings
from runtime.request import Frame, Request
from tests.player.commands.commandline import Run
from tests.runtime.perception.storms.test_storms import Planted
from tests.support.drawn import DrawnPipeline


class Stormy(DrawnPipeline):
    """A pipeline over a film in which a jump, a slope and a flicker were planted."""

    film = Planted(60, jump=0.2, slope=(0.42, 0.55), flicker=(45, 45))

    def render(self, request: Request) -> Frame:
        self.asked.append(request)
        return Frame(self.film.picture(request.t), request)


@pytest.fixture
def pipeline() -> Stormy:
    return Stormy((64, 64))


def test_table_names_what_was_planted(run: Run) -> None:
    printed = run("storms", "a [cat -> kitten] asleep", "--frames", "60")
    rows = [line.split() for line in printed.splitlines()]
    kinds = [row[1] for row in rows if len(row) > 2 and row[1] in EVENTS]
    assert kinds == ["calm", "jump", "storm", "calm", "flicker"]
    assert "a [cat -> kitten] asleep: 60 frames, smoothness" in " ".join(printed.split())
    assert os.listdir() == []


EVENTS = {"calm", "storm", "jump", "flicker"}


def test_json_is_whole_and_alone_on_stdout(run: Run) -> None:
    found = json.loads(run("storms", "cat -> kitten", "--frames", "60", "--json"))
    assert [zone["kind"] for zone in found["zones"]] == ["calm", "storm", "calm"]
    assert found["jumps"][0]["t"] == pytest.approx(0.2, abs=1e-3)
    assert found["flickers"][0]["first"] == 45
    assert len(found["positions"]) == 60
    assert len(found["distances"]) == 59
    assert found["path"] == pytest.approx(sum(found["change"]))
    assert found["expression"] == "cat -> kitten"
    assert found["precision"] == "f32"


def test_chart_shows_the_storm_and_the_pictures(run: Run) -> None:
    run("storms", "cat -> kitten", "--frames", "60", "-o", "storms.png")
    chart = np.asarray(Image.open("storms.png")).astype(int)
    assert chart.shape == (896, 1536, 3)
    assert read_settings("storms.png")["frames"] == 60
    shaded = np.abs(chart - (246, 227, 217)).max(-1) <= 3
    columns = np.flatnonzero(shaded[400:800].any(0)) / 1536
    left, width = 0.075, 0.9
    assert (columns.min() - left) / width == pytest.approx(0.42, abs=0.02)
    assert (columns.max() - left) / width == pytest.approx(0.55, abs=0.02)
    blob = Planted().picture(0)[:8, :8].reshape(-1, 3).mean(0)  # the ground of every picture
    assert (np.abs(chart[100:300] - blob).max(-1) < 12).any(0).mean() > 0.3


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        ("--frames 2", RequestError, "2 frames cannot be compared"),
        ("-o storms.mp4", TargetError, r"ends in \.png"),
        ("-o no/storms.png", TargetError, "there is no folder no"),
        ("--u 2", RequestError, "between 0 and 1"),
    ],
)
def test_bad_input_is_one_line(run: Run, words: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        run("storms", "cat -> kitten", *words.split())
    assert os.listdir() == []
