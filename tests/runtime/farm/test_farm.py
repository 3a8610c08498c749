"""A farm draws what a pipeline draws: in order, none missing, whoever dies meanwhile."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from runtime.errors import EngineError, MorphError
from runtime.farm import chunks
from runtime.farm.crew import Done
from runtime.farm.farm import AHEAD, Farm, open_crew
from runtime.farm.local import LocalCrew
from runtime.farm.worker import Identity, Opening
from runtime.pipeline import Pipeline
from runtime.planner import Planner
from runtime.request import Request
from tests.support.drawn import morph

IDENTITY = Identity("drawings", "d1" * 32, 48, 32, "drawn", "f32", "1")
F32 = Opening(backend="openvino", precision="f32")


def film(count: int) -> list[Request]:
    return [Request("cat -> kitten", t=i / max(count - 1, 1)) for i in range(count)]


class ShuffledCrew:
    """Draws in random order; loses chunks now and then."""

    count = 3

    def __init__(self, seed: int, identities: Sequence[Identity] = (IDENTITY, IDENTITY)) -> None:
        self.draws = random.Random(seed)
        self.waiting: list[tuple[int, tuple[Request, ...]]] = []
        self.most = 0
        self.drawn = 0
        self.loses = 0.0
        self.error = ""
        self.closed = False
        self._identities = identities

    def identities(self) -> Sequence[Identity]:
        return self._identities

    def submit(self, index: int, requests: Sequence[Request]) -> None:
        self.waiting.append((index, tuple(requests)))
        self.most = max(self.most, len(self.waiting))

    def wait(self) -> Done:
        index, requests = self.waiting.pop(self.draws.randrange(len(self.waiting)))
        if self.error:
            return Done(index, error=self.error)
        if self.draws.random() < self.loses:
            return Done(index, lost=True, error="died")
        self.drawn += len(requests)
        return Done(index, np.stack([morph(one, (48, 32)) for one in requests]))

    def close(self) -> None:
        self.closed = True


def test_frames_come_in_order_whatever_the_workers_do(tmp_path: Path) -> None:
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    crew = ShuffledCrew(seed)
    crew.loses = 0.2
    requests = film(211)
    with Farm(Planner.of("critters"), crew, tmp_path) as farm:
        frames = list(farm.frames(requests))
    assert [frame.request for frame in frames] == requests
    for frame in frames:
        assert (frame.pixels == morph(frame.request, (48, 32))).all()
    assert crew.most <= AHEAD * crew.count
    assert crew.drawn == len(requests)
    assert list(tmp_path.iterdir()) == []
    assert crew.closed


def test_a_film_that_was_stopped_goes_on_where_it_stopped(tmp_path: Path) -> None:
    requests = film(100)
    first = ShuffledCrew(1)
    with Farm(Planner.of("critters"), first, tmp_path) as farm:
        frames = farm.frames(requests)
        for _ in range(50):
            next(frames)
    (folder,) = tmp_path.iterdir()
    kept = sorted(folder.iterdir())
    kept[0].write_bytes(kept[0].read_bytes()[:-1])  # damaged: drawn again
    again = ShuffledCrew(2)
    with Farm(Planner.of("critters"), again, tmp_path) as farm:
        whole = list(farm.frames(requests))
    assert len(whole) == 100
    assert again.drawn <= 100 - len(kept[1:]) * chunks.LENGTH
    assert list(tmp_path.iterdir()) == []


def test_workers_that_differ_are_refused_with_what_differs(tmp_path: Path) -> None:
    for change, says in (({"engine": "tensorrt"}, "engine"), ({"digest": "e2" * 32}, "digest")):
        crew = ShuffledCrew(1, (IDENTITY, replace(IDENTITY, **change)))  # type: ignore[arg-type]
        with pytest.raises(EngineError, match=f"differ in {says}"):
            Farm(Planner.of("critters"), crew, tmp_path)
        assert crew.closed


def test_a_chunk_that_nobody_survives_is_given_up(tmp_path: Path) -> None:
    crew = ShuffledCrew(1)
    crew.loses = 1.0
    with (
        Farm(Planner.of("critters"), crew, tmp_path) as farm,
        pytest.raises(EngineError, match="a worker of the farm failed: died"),
    ):
        list(farm.frames(film(4)))
    crew = ShuffledCrew(1)
    crew.error = "the latent is not finite"
    with (
        Farm(Planner.of("critters"), crew, tmp_path) as farm,
        pytest.raises(EngineError, match="not finite"),
    ):
        list(farm.frames(film(4)))


@pytest.mark.parametrize(
    "spec", ["", "locale", "local:x", "local:0", "local:1000", "ray:nowhere", "ray:host:x", "slurm"]
)
def test_a_farm_that_is_none_is_a_line(spec: str) -> None:
    with pytest.raises(MorphError) as error:
        open_crew(spec, Opening())
    assert "\n" not in str(error.value)


def test_real_processes_draw_what_the_pipeline_draws_though_one_is_killed(
    tmp_path: Path, pipeline: Pipeline
) -> None:
    crew = LocalCrew(F32, 2)
    requests = film(3 * chunks.LENGTH)
    with Farm(Planner.of("critters"), crew, tmp_path) as farm:
        victim = crew._hands[0].process
        killer = threading.Timer(0.3, victim.kill)
        killer.start()
        frames = list(farm.frames(requests))
        killer.join()
        assert farm.settings() == pipeline.settings()
    assert [frame.request for frame in frames] == requests
    for frame in frames[:: chunks.LENGTH - 1]:
        assert (frame.pixels == pipeline.render(frame.request).pixels).all()


def test_a_model_that_is_not_there_is_a_line(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="unknown model") as error:
        Farm(Planner.of("critters"), LocalCrew(Opening("no-such-model"), 1), tmp_path)
    assert "\n" not in str(error.value)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="kills the driver the POSIX way")
@pytest.mark.parametrize("spec", ["local:2", "ray"])
def test_a_killed_driver_goes_on_and_its_film_is_the_plain_one(tmp_path: Path, spec: str) -> None:
    """The issue's film of 2,000 frames: equal pixels, resumed after SIGKILL."""
    from runtime.output.film import read_settings

    command = [
        sys.executable,
        "-c",
        "from player.cli import main; main()",
        *("render", "cat -> kitten", "--frames", "2000", "--precision", "f32"),
        *("--backend", "openvino", "-o"),
    ]
    environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    root = Path(__file__).parents[3]
    farmed = [*command, str(tmp_path / "farm.gif"), "--fps", "50", "--farm", spec]
    child = subprocess.Popen(farmed, cwd=root, env=environment)
    deadline = time.monotonic() + 120
    while len(list(tmp_path.glob("cache/wordmorph/farm/*/*"))) < 20:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    child.kill()
    child.wait()
    kept = len(list(tmp_path.glob("cache/wordmorph/farm/*/*")))
    assert kept >= 20
    subprocess.run(farmed, cwd=root, env=environment, check=True)
    plain = [*command, str(tmp_path / "plain.gif"), "--fps", "50"]
    subprocess.run(plain, cwd=root, env=environment, check=True)
    first, second = (tmp_path / name for name in ("farm.gif", "plain.gif"))
    assert read_settings(first)["digest"] == read_settings(second)["digest"]
    from PIL import Image

    with Image.open(first) as farm_film, Image.open(second) as plain_film:
        assert farm_film.n_frames == plain_film.n_frames == 2000  # type: ignore[attr-defined]
        for number in range(0, 2000, 97):
            farm_film.seek(number)
            plain_film.seek(number)
            assert farm_film.convert("RGB").tobytes() == plain_film.convert("RGB").tobytes()
