"""Ray's actors, by a stand-in for Ray whose actors die, hang and find no place as they are told."""

from __future__ import annotations

import math
import sys
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
from runtime.farm.ray import TRIES, RayCrew, actors_for
from runtime.farm.worker import Opening
from tests.runtime.farm.test_farm import CRITTERS, IDENTITY, draws_all, film
from tests.support.drawn import morph

SLOWLY = 300.0
"""Seconds that an actor takes which is slow, of the stand-in's clock."""


class ActorError(Exception):
    """What Ray raises of an actor that died, for whatever reason, and for each call after that."""

    def __init__(self, *text: str, actor_init_failed: bool = False) -> None:
        super().__init__(*text)
        self.actor_init_failed = actor_init_failed


class TaskError(Exception):
    """What Ray makes of an exception that the actor itself raised."""


@dataclass(eq=False)
class Answer:
    """What a call of an actor will give, and when."""

    what: str
    value: object
    at: float


class FakeRay(ModuleType):
    """Actors answer at once, but those with a plan: what they do at each call, in order."""

    def __init__(self, nodes: Sequence[dict[str, float]], plans: Sequence[Sequence[str]]) -> None:
        super().__init__("ray")
        self.machines = nodes
        self.plans = [list(plan) for plan in plans]
        self.killed = 0
        self.now = 0.0
        self.exceptions = SimpleNamespace(RayTaskError=TaskError)

    def init(self, **_: object) -> None:
        pass

    def nodes(self) -> list[dict[str, Any]]:
        return [{"Alive": True, "Resources": machine} for machine in self.machines]

    def remote(self, kind: object) -> Any:
        return SimpleNamespace(options=lambda **_: SimpleNamespace(remote=self._actor))

    def _actor(self, opening: object) -> Any:
        plan = self.plans.pop(0) if self.plans else []
        dead = ""

        def call(answer: object) -> Any:
            nonlocal dead
            what = dead or (plan.pop(0) if plan else "")
            if what in ("dies", "cannot open"):
                dead = what
            delay = {"hangs": math.inf, "is slow": SLOWLY}
            return Answer(what, answer, self.now + delay.get(what, 0.0))

        def do(job: Any, expected: object) -> Any:
            return call(np.stack([morph(one, (48, 32)) for one in job]))

        return SimpleNamespace(
            identity=SimpleNamespace(remote=lambda: call(IDENTITY)), do=SimpleNamespace(remote=do)
        )

    def wait(
        self, references: list[Any], *, num_returns: int, timeout: float
    ) -> tuple[list[Any], list[Any]]:
        soonest = min(one.at for one in references)
        self.now = max(self.now, min(soonest, self.now + timeout))
        ready = [one for one in references if one.at <= self.now][:num_returns]
        return ready, [one for one in references if one not in ready]

    def get(self, reference: Any) -> object:
        if reference.what == "is lost":
            raise DeviceLost("the GPU is gone")
        if reference.what == "raises":
            raise TaskError("no room for a batch")
        if reference.what == "dies":
            raise ActorError("The actor died unexpectedly before finishing this task.")
        if reference.what == "cannot open":
            why = "runtime.errors.EngineError: unknown model 'critters'"
            raise ActorError(
                f"died in its creation task, {'ray::' * 99}\n{why}", actor_init_failed=True
            )
        return reference.value

    def kill(self, actor: object) -> None:
        self.killed += 1

    def shutdown(self) -> None:
        pass


def crew_of(monkeypatch: pytest.MonkeyPatch, ray: FakeRay) -> RayCrew:
    monkeypatch.setitem(sys.modules, "ray", ray)
    clock = SimpleNamespace(monotonic=lambda: ray.now)
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
    with Farm(CRITTERS, crew_of(monkeypatch, ray), tmp_path) as farm:
        assert farm.crew.count == 1
        assert ray.now < OPEN_SECONDS
        draws_all(farm, film(40))


def test_a_cluster_without_room_is_a_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ray = FakeRay([{"CPU": 2}], [["hangs"], ["hangs"]])
    with pytest.raises(EngineError, match="no worker opened the model within 600 s") as error:
        Farm(CRITTERS, crew_of(monkeypatch, ray), tmp_path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("what", ["hangs", "is lost", "dies"])
def test_an_actor_that_is_no_use_is_replaced_and_its_job_done_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, what: str
) -> None:
    ray = FakeRay([{"CPU": 2}], [["", "", what], [], [""]])
    with Farm(CRITTERS, crew_of(monkeypatch, ray), tmp_path) as farm:
        draws_all(farm, film(60))
        assert farm.crew.count == 2
        assert ray.killed == 1


def test_an_actor_that_only_failed_goes_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ray = FakeRay([{"CPU": 1}], [["", "", "raises"]])
    with Farm(CRITTERS, crew_of(monkeypatch, ray), tmp_path) as farm:
        draws_all(farm, film(60))
        assert ray.killed == 0


def test_the_others_go_on_without_an_actor_that_never_comes_back(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ray = FakeRay([{"CPU": 2}], [["", "hangs"], [], ["hangs"]])
    with Farm(CRITTERS, crew_of(monkeypatch, ray), tmp_path) as farm:
        draws_all(farm, film(60))


@pytest.mark.parametrize("what", ["dies", "cannot open"])
def test_the_others_go_on_without_an_actor_that_dies_at_each_opening(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, what: str
) -> None:
    ray = FakeRay([{"CPU": 2}], [["", "", "dies"], [], *[[what]] * TRIES])
    with Farm(CRITTERS, crew_of(monkeypatch, ray), tmp_path) as farm:
        draws_all(farm, film(160))
        assert farm.crew.count == 1


def test_an_actor_that_opens_slowly_where_one_died_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ray = FakeRay([{"CPU": 1}], [["", "", "dies"], ["dies"], ["is slow"]])
    with Farm(CRITTERS, crew_of(monkeypatch, ray), tmp_path) as farm:
        draws_all(farm, film(60))
    assert ray.now == SLOWLY


@pytest.mark.parametrize(
    ("opening", "says"),
    [
        (["cannot open"], "a worker cannot open the model: unknown model 'critters'"),
        (["dies"], "a worker cannot open the model: ActorError: The actor died unexpectedly"),
        (["hangs"], "no worker opened the model within 600 s"),
    ],
)
def test_a_run_whose_last_actor_does_not_come_back_ends_with_a_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, opening: list[str], says: str
) -> None:
    ray = FakeRay([{"CPU": 1}], [["", "dies"], *[opening] * TRIES])
    with (
        Farm(CRITTERS, crew_of(monkeypatch, ray), tmp_path) as farm,
        pytest.raises(EngineError, match=says) as error,
    ):
        list(farm.frames(film(60)))
    assert "\n" not in str(error.value)
    assert ray.now <= OPEN_SECONDS
