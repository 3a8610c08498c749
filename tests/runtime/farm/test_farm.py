"""A farm draws what a pipeline draws: in order, none missing, whoever dies meanwhile."""

from __future__ import annotations

import importlib.util
import os
import random
import socket
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from runtime.errors import EngineError, MorphError, TargetError
from runtime.farm import chunks
from runtime.farm.crew import Done
from runtime.farm.farm import AHEAD, KEPT_DAYS, Farm, open_crew
from runtime.farm.local import LocalCrew
from runtime.farm.worker import FarmWorker, Identity, Job, Opening
from runtime.language.line import Line
from runtime.perception.charting.atlas import LineJob, measure_line
from runtime.perception.charting.map import LEAST, PlaneMesh, sample
from runtime.pipeline import Pipeline
from runtime.planner import Planner
from runtime.request import Request
from tests.support.drawn import DrawnPipeline, morph
from tests.support.seeds import draw_seed

CRITTERS = Planner.of("critters")
IDENTITY = Identity(
    "drawings", CRITTERS.digest(), 48, 32, "drawn", "f32", "1", "paper", "unknown", 1
)
F32 = Opening(backend="openvino", precision="f32")


def film(count: int) -> list[Request]:
    return [Request("cat -> kitten", t=i / max(count - 1, 1)) for i in range(count)]


def draws_all(farm: Farm, requests: Sequence[Request]) -> None:
    """Check that a farm draws them, in their order and each as it is."""
    frames = list(farm.frames(requests))
    assert [frame.request for frame in frames] == requests
    for frame in frames:
        assert (frame.pixels == morph(frame.request, (48, 32))).all()


class ShuffledCrew:
    """Draws in random order; loses chunks now and then."""

    count = 3

    def __init__(self, seed: int, identities: Sequence[Identity] = (IDENTITY, IDENTITY)) -> None:
        self.draws = random.Random(seed)
        self.waiting: list[tuple[int, Job]] = []
        self.most = 0
        self.drawn = 0
        self.loses = 0.0
        self.error = ""
        self.closed = False
        self.stop_after: int | None = None
        """jobs after which Ctrl-C is pressed, as the driver waits"""
        self._identities = identities

    def identities(self) -> Sequence[Identity]:
        return self._identities

    def submit(self, index: int, job: Job) -> None:
        self.waiting.append((index, job))
        self.most = max(self.most, len(self.waiting))

    def drop(self) -> None:
        del self.waiting[self.count :]

    def in_hand(self) -> Iterator[Done]:
        self.drop()
        while self.waiting:
            yield self.wait()

    def wait(self) -> Done:
        if self.stop_after is not None:
            self.stop_after -= 1
            if self.stop_after < 0:
                self.stop_after = None
                raise KeyboardInterrupt
        index, job = self.waiting.pop(self.draws.randrange(len(self.waiting)))
        if self.error:
            return Done(index, error=self.error)
        if self.draws.random() < self.loses:
            return Done(index, lost=True, error="died")
        if isinstance(job, LineJob):
            return Done(index, measure_line(DrawnPipeline((48, 32)).frames, job))
        self.drawn += len(job)
        return Done(index, np.stack([morph(one, (48, 32)) for one in job]))

    def close(self) -> None:
        self.closed = True


def test_frames_come_in_order_whatever_the_workers_do(tmp_path: Path) -> None:
    seed = draw_seed()
    crew = ShuffledCrew(seed)
    crew.loses = 0.2
    requests = film(211)
    with Farm(Planner.of("critters"), crew, tmp_path) as farm:
        draws_all(farm, requests)
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
    for change, says in (
        ({"engine": "tensorrt"}, "engine"),
        ({"digest": "e2" * 32}, "digest"),
        ({"device": "another GPU"}, "device"),
        ({"library": "0.1"}, "library"),
        ({"batch": 4}, "batch"),
    ):
        crew = ShuffledCrew(1, (IDENTITY, replace(IDENTITY, **change)))
        with pytest.raises(EngineError, match=f"differ in {says}"):
            Farm(Planner.of("critters"), crew, tmp_path)
        assert crew.closed


def test_workers_whose_model_is_not_the_one_here_are_refused(tmp_path: Path) -> None:
    crew = ShuffledCrew(1, (replace(IDENTITY, digest="e2" * 32),))
    with pytest.raises(EngineError, match="differs in digest from the one here"):
        Farm(CRITTERS, crew, tmp_path)
    assert crew.closed


def test_what_is_drawn_stays_until_its_file_is_whole(tmp_path: Path) -> None:
    """A film is renamed, and runs back for --bounce, after its last frame was handed over."""
    requests = film(40)
    killed = pytest.raises(RuntimeError, match="killed")
    with killed, Farm(CRITTERS, ShuffledCrew(1), tmp_path) as farm:
        assert len(list(farm.frames(requests))) == 40
        raise RuntimeError("killed before the film was renamed")
    again = ShuffledCrew(2)
    with Farm(CRITTERS, again, tmp_path) as farm:
        assert len(list(farm.frames(requests))) == 40
    assert again.drawn == 0
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_left_of_single_frames_or_of_a_map_that_is_cut_short(tmp_path: Path) -> None:
    """As of the frames that storms are bisected with, and when --seconds are over."""
    seed = draw_seed()
    mesh = PlaneMesh(CRITTERS.request("cat -> kitten | -tabby .. +tabby"), LEAST + 20)
    with Farm(CRITTERS, ShuffledCrew(seed), tmp_path) as farm:
        for request in film(5):
            assert (farm.render(request).pixels == morph(request, (48, 32))).all()
        sample(mesh, farm.frames, lambda: mesh.done < LEAST + 3)
        assert mesh.done == LEAST + 3
    assert list(tmp_path.iterdir()) == []


def test_single_frames_are_kept_until_the_command_has_ended_well(tmp_path: Path) -> None:
    killed = pytest.raises(RuntimeError, match="killed")
    with killed, Farm(CRITTERS, ShuffledCrew(1), tmp_path) as farm:
        farm.render(film(1)[0])
        raise RuntimeError("killed before the chart was written")
    again = ShuffledCrew(2)
    with Farm(CRITTERS, again, tmp_path) as farm:
        farm.render(film(1)[0])
    assert again.drawn == 0
    assert list(tmp_path.iterdir()) == []


def test_two_runs_of_one_film_at_once_both_end_well(tmp_path: Path) -> None:
    requests = film(60)
    with Farm(CRITTERS, ShuffledCrew(1), tmp_path) as slower:
        frames = slower.frames(requests)
        first = [next(frames) for _ in range(10)]
        with Farm(CRITTERS, ShuffledCrew(2), tmp_path) as faster:
            assert len(list(faster.frames(requests))) == 60
        assert list(tmp_path.iterdir()) == []
        rest = list(frames)
    assert [frame.request for frame in (*first, *rest)] == requests


def test_a_film_that_nobody_went_on_with_is_removed(tmp_path: Path) -> None:
    old, fresh = tmp_path / "old", tmp_path / "fresh"
    for folder in (old, fresh):
        folder.mkdir()
        (folder / "chunk").write_bytes(b"x")
    long_ago = time.time() - (KEPT_DAYS + 1) * 86_400
    os.utime(old, (long_ago, long_ago))
    with Farm(CRITTERS, ShuffledCrew(1), tmp_path):
        assert list(tmp_path.iterdir()) == [fresh]


def test_a_film_that_nobody_wants_to_its_end_disturbs_no_other(tmp_path: Path) -> None:
    """As when --seconds are over in the middle of a round."""
    seed = draw_seed()
    crew = ShuffledCrew(seed)
    with Farm(CRITTERS, crew, tmp_path) as farm:
        frames = farm.frames(film(100))
        next(frames)
        del frames
        draws_all(farm, [replace(request, seed=1) for request in film(30)])


def test_a_short_round_is_shared_by_all_workers(tmp_path: Path) -> None:
    class Counting(ShuffledCrew):
        lengths: list[int] = []  # noqa: RUF012

        def submit(self, index: int, job: Job) -> None:
            assert not isinstance(job, LineJob)
            self.lengths.append(len(job))
            super().submit(index, job)

    crew = Counting(1)
    crew.lengths = []
    with Farm(CRITTERS, crew, tmp_path) as farm:
        list(farm.frames(film(10)))
        assert crew.lengths == [2] * 5
        crew.lengths.clear()
        list(farm.frames([replace(request, seed=1) for request in film(100)]))
        assert crew.lengths == [chunks.LENGTH] * 12 + [4]
    batched = Counting(1, (replace(IDENTITY, batch=4),))
    batched.lengths = []
    with Farm(CRITTERS, batched, tmp_path) as farm:
        list(farm.frames(film(10)))
    assert batched.lengths == [4, 4, 2], "chunks are whole batches, so that they round alike"


def test_what_fails_once_is_done_again(tmp_path: Path) -> None:
    class Failing(ShuffledCrew):
        failed = False

        def wait(self) -> Done:
            if not self.failed:
                self.failed = True
                return Done(self.waiting.pop()[0], error="the driver hiccuped")
            return super().wait()

    with Farm(CRITTERS, Failing(1), tmp_path) as farm:
        assert len(list(farm.frames(film(40)))) == 40


@pytest.mark.fault(7)
@pytest.mark.skipif(sys.platform == "win32", reason="bounds a file the POSIX way")
def test_a_disk_that_fills_up_is_a_line_and_the_same_command_goes_on(tmp_path: Path) -> None:
    if sys.platform == "win32":
        return
    import resource

    requests = film(200)
    with Farm(CRITTERS, ShuffledCrew(1), tmp_path) as farm:
        frames = farm.frames(requests)
        for _ in range(20):
            next(frames)
        bounds = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, bounds[1]))
        try:
            with pytest.raises(TargetError, match="no space left for the frames in") as error:
                list(frames)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, bounds)
    assert "\n" not in str(error.value)
    (folder,) = tmp_path.iterdir()
    assert not any(path.name.startswith(".") for path in folder.iterdir()), "half a chunk is left"
    again = ShuffledCrew(2)
    with Farm(CRITTERS, again, tmp_path) as farm:
        assert len(list(farm.frames(requests))) == 200
    assert again.drawn < 200


def test_scratch_that_cannot_be_written_is_a_line(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("no folder")
    with (
        Farm(CRITTERS, ShuffledCrew(1), file / "farm") as farm,
        pytest.raises(TargetError, match="cannot be written"),
    ):
        list(farm.frames(film(4)))


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


@pytest.mark.fault(30)
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


def test_lines_are_measured_by_whoever_is_free_and_each_once(tmp_path: Path) -> None:
    seed = draw_seed()
    crew = ShuffledCrew(seed)
    crew.loses = 0.2
    jobs = [
        LineJob(Line(Request(f"cat {number} -> kitten", seed=number), "t"), 11)
        for number in range(23)
    ]
    with Farm(Planner.of("critters"), crew, tmp_path) as farm:
        found = list(farm.measure(jobs))
    assert sorted(number for number, _ in found) == list(range(23))
    assert crew.most <= AHEAD * crew.count
    for number, one in found:
        assert one == measure_line(DrawnPipeline((48, 32)).frames, jobs[number])


def test_a_worker_that_came_back_as_another_is_refused() -> None:
    worker = FarmWorker(F32)
    try:
        requests = tuple(film(2))
        assert isinstance(worker.do(requests, worker.identity()), np.ndarray)
        with pytest.raises(EngineError, match="differ in digest"):
            worker.do(requests, replace(worker.identity(), digest="e2" * 32))
    finally:
        worker.close()


def test_a_model_that_is_not_there_is_a_line(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="unknown model") as error:
        Farm(Planner.of("critters"), LocalCrew(Opening("no-such-model"), 1), tmp_path)
    assert "\n" not in str(error.value)


@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="needs Ray")
@pytest.mark.parametrize("answer", [b"SSH-2.0-OpenSSH_9.2\r\n", b"", b"HTTP/1.1 400\r\n\r\n"])
def test_a_port_of_something_else_is_no_cluster(answer: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            line, _ = listener.accept()
            with line:
                line.recv(100)
                line.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        place = f"127.0.0.1:{listener.getsockname()[1]}"
        began = time.monotonic()
        with pytest.raises(EngineError, match=f"no Ray cluster at {place}.*is no Ray"):
            open_crew(f"ray:{place}", Opening())
        thread.join()
        assert time.monotonic() - began < 30
