"""Ray's actors, by a stand-in for Ray whose actors hang and find no place as they are told."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from runtime.errors import DeviceLost, EngineError
from runtime.farm import ray as ray_module
from runtime.farm.crew import OPEN_SECONDS
from runtime.farm.farm import Farm
from runtime.farm.ray import RayCrew, actors_for
from runtime.farm.worker import Opening
from tests.runtime.farm.test_farm import CRITTERS, IDENTITY, film
from tests.support.drawn import morph


@dataclass(eq=False)
class Answer:
    """What a call of an actor will give."""

    what: str
    value: object


class FakeRay(ModuleType):
    """Actors answer at once, but those with a plan: what they do at each call, in order."""

    def __init__(self, nodes: Sequence[dict[str, float]], plans: Sequence[Sequence[str]]) -> None:
        super().__init__("ray")
        self.machines = nodes
        self.plans = [list(plan) for plan in plans]
        self.killed = 0
        self.now = 0.0
        self.exceptions = SimpleNamespace(RayActorError=ConnectionError)

    def init(self, **_: object) -> None:
        pass

    def nodes(self) -> list[dict[str, Any]]:
        return [{"Alive": True, "Resources": machine} for machine in self.machines]

    def remote(self, kind: object) -> Any:
        return SimpleNamespace(options=lambda **_: SimpleNamespace(remote=self._actor))

    def _actor(self, opening: object) -> Any:
        plan = self.plans.pop(0) if self.plans else []

        def call(answer: object) -> Any:
            what = plan.pop(0) if plan else ""
            return Answer(what, answer)

        def do(job: Any, expected: object) -> Any:
            return call(np.stack([morph(one, (48, 32)) for one in job]))

        return SimpleNamespace(
            identity=SimpleNamespace(remote=lambda: call(IDENTITY)), do=SimpleNamespace(remote=do)
        )

    def wait(
        self, references: list[Any], *, num_returns: int, timeout: float
    ) -> tuple[list[Any], list[Any]]:
        ready = [one for one in references if one.what != "hangs"][:num_returns]
        if not ready:
            self.now += timeout
        return ready, [one for one in references if one not in ready]

    def get(self, reference: Any) -> object:
        if reference.what == "is lost":
            raise DeviceLost("the GPU is gone")
        return reference.value

    def kill(self, actor: object) -> None:
        self.killed += 1

    def shutdown(self) -> None:
        pass


def crew_of(monkeypatch: pytest.MonkeyPatch, ray: FakeRay) -> RayCrew:
    monkeypatch.setitem(sys.modules, "ray", ray)
    clock = SimpleNamespace(monotonic=lambda: ray.now, sleep=time.sleep)
    monkeypatch.setattr(ray_module, "time", clock)
    return RayCrew(Opening())


@pytest.mark.parametrize(
    ("machines", "count", "needs"),
    [
        ([{"CPU": 2}], 2, {"num_gpus": 0, "num_cpus": 1}),
        ([{"CPU": 2}] * 4, 8, {"num_gpus": 0, "num_cpus": 1}),
        ([{"CPU": 6}] * 2, 4, {"num_gpus": 0, "num_cpus": 3}),
        ([{"CPU": 16}, {"CPU": 6}, {}], 5, {"num_gpus": 0, "num_cpus": 4}),
        ([{"CPU": 64, "GPU": 4}, {"CPU": 8, "GPU": 1}], 5, {"num_gpus": 1, "num_cpus": 0}),
        ([{"CPU": 1}], 1, {"num_gpus": 0, "num_cpus": 1}),
        ([{}], 1, {"num_gpus": 0, "num_cpus": 1}),
    ],
)
def test_every_actor_fits_on_one_machine(
    machines: list[dict[str, float]], count: int, needs: dict[str, int]
) -> None:
    assert actors_for(machines) == (count, needs)


def test_actors_whose_cores_are_taken_are_done_without(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ray = FakeRay([{"CPU": 4, "GPU": 3}], [["hangs"], [], ["hangs"]])
    requests = film(40)
    with Farm(CRITTERS, crew_of(monkeypatch, ray), tmp_path) as farm:
        assert farm.crew.count == 1
        assert ray.now < OPEN_SECONDS
        assert [frame.request for frame in farm.frames(requests)] == requests


def test_a_cluster_without_room_is_a_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ray = FakeRay([{"CPU": 2}], [["hangs"], ["hangs"]])
    with pytest.raises(EngineError, match="no worker opened the model within 600 s") as error:
        Farm(CRITTERS, crew_of(monkeypatch, ray), tmp_path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("what", ["hangs", "is lost"])
def test_an_actor_that_is_no_use_is_replaced_and_its_job_done_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, what: str
) -> None:
    ray = FakeRay([{"CPU": 2}], [["", "", what], [], [""]])
    requests = film(60)
    with Farm(CRITTERS, crew_of(monkeypatch, ray), tmp_path) as farm:
        drawn = list(farm.frames(requests))
        assert farm.crew.count == 2
        assert ray.killed == 1
    assert [frame.request for frame in drawn] == requests
    for frame in drawn:
        assert (frame.pixels == morph(frame.request, (48, 32))).all()


def test_the_others_go_on_without_an_actor_that_never_comes_back(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ray = FakeRay([{"CPU": 2}], [["", "hangs"], [], ["hangs"]])
    requests = film(60)
    with Farm(CRITTERS, crew_of(monkeypatch, ray), tmp_path) as farm:
        assert [frame.request for frame in farm.frames(requests)] == requests
