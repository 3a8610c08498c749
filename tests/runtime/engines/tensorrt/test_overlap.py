"""The next frame is on the GPU while the last is taken from it: order and pixels, on the fakes."""

from __future__ import annotations

import warnings
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from runtime.bundles.bundle import Bundle
from runtime.errors import EngineError
from runtime.pipeline import Pipeline
from runtime.request import Request
from tests.runtime.engines.machine import Machine
from tests.support.models.tinybundle import (
    STEPS,
    expect_tiny,
    inputs,
    render_tiny,
    write_tiny,
    write_worded,
)
from tests.support.seeds import draw_seed


@pytest.fixture
def bundle(machine: Machine, tmp_path: Path) -> Bundle:
    return machine.build(write_worded(tmp_path / "b", 5))


def film(count: int, seed: int = 1, steps: int = 2) -> list[Request]:
    return [
        Request("cat -> kitten", t=index / (count - 1), seed=seed, steps=steps)
        for index in range(count)
    ]


def log_of(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return what will be asked of the GPU: launches of a frame, and waits for one."""
    log: list[str] = []
    for call, letter in (("cudaGraphLaunch", "L"), ("cudaEventSynchronize", "W")):
        real = getattr(machine.cuda, call)

        def logged(*given: object, real: object = real, letter: str = letter) -> object:
            log.append(letter)
            return real(*given)  # type: ignore[operator]

        monkeypatch.setattr(machine.cuda, call, logged)
    return log


def test_two_frames_under_way_are_each_their_own(machine: Machine, tmp_path: Path) -> None:
    """The fake does nothing before somebody waits, so a shared buffer would show."""
    engine = machine.open(machine.build(write_tiny(tmp_path / "b", 5, pooled=True)))
    render_tiny(engine, 1, 1, 2, pooled=True)
    taken = []
    seeds = [draw_seed() for _ in range(5)]
    for seed in seeds:
        basis, weights, noise, pooled_basis, pooled_weights = inputs(seed, 1, pooled=True)
        engine.load_basis(basis, pooled_basis)
        engine.load_noise(noise[:2])
        taken.append(engine.begin(weights, pooled_weights, STEPS[2]))
        if len(taken) > 1:
            made = taken[-2]().pixels
            wanted = expect_tiny(5, seeds[len(taken) - 2], 1, 2, pooled=True)
            assert np.abs(made.astype(int) - wanted).max() <= 1
    last = taken[-1]().pixels
    assert np.abs(last.astype(int) - expect_tiny(5, seeds[-1], 1, 2, pooled=True)).max() <= 1
    engine.close()
    assert not machine.cuda.pinned
    assert not machine.cuda.events


def test_a_third_frame_gives_up_the_first(machine: Machine, tmp_path: Path) -> None:
    engine = machine.open(machine.build(write_tiny(tmp_path / "b", 5)))
    render_tiny(engine, 1, 1, 1)
    made = [inputs(1, 3)[1][index : index + 1] for index in range(3)]
    begun = [engine.begin(weights, None, STEPS[1]) for weights in made]
    with pytest.raises(EngineError, match="two others"):
        begun[0]()
    for index in (1, 2):
        alone = begun[index]().pixels
        again = engine.render(made[index], None, STEPS[1]).pixels
        assert np.array_equal(alone, again)
    engine.close()


def test_a_film_launches_the_next_frame_before_it_waits_for_the_last(
    machine: Machine, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Pipeline(bundle, machine.open(bundle)) as pipeline:
        alone = [pipeline.render(request).pixels for request in film(7)]
        pipeline.engine.batches = (1,)  # type: ignore[misc]
        log = log_of(machine, monkeypatch)
        shown = []
        for frame in pipeline.frames(film(7)):
            shown.append(frame)
            assert log.count("L") == min(len(shown) + 1, 7), "one ahead, and no more"
        assert "".join(log) == "LL" + "WL" * 5 + "WW"
        assert [frame.request for frame in shown] == film(7)
        for frame, wanted in zip(shown, alone, strict=True):
            assert np.array_equal(frame.pixels, wanted)
            assert frame.timings["total"] > 0


def test_batches_seeds_and_steps_follow_one_another(machine: Machine, bundle: Bundle) -> None:
    """Fours and single frames, other noise and other graphs between them."""
    asked = [*film(6), *film(5, seed=2), *film(3, seed=2, steps=1), *film(9)]
    with Pipeline(bundle, machine.open(bundle)) as pipeline:
        alone = [pipeline.render(request).pixels for request in asked]
        for _ in range(2):  # the second time every graph is there
            shown = list(pipeline.frames(asked))
            assert [frame.request for frame in shown] == asked
            for frame, wanted in zip(shown, alone, strict=True):
                assert np.abs(frame.pixels.astype(int) - wanted).max() <= 1


def test_whoever_stops_in_the_middle_spoils_nothing(machine: Machine, bundle: Bundle) -> None:
    with Pipeline(bundle, machine.open(bundle)) as pipeline:
        pipeline.engine.batches = (1,)  # type: ignore[misc]
        alone = [pipeline.render(request).pixels for request in film(5)]
        for stop in (1, 2, 3, 4):
            list(islice(pipeline.frames(film(5)), stop))
            for request, wanted in zip(film(5), alone, strict=True):
                assert np.array_equal(pipeline.render(request).pixels, wanted)


@pytest.mark.fault(18)
@pytest.mark.parametrize("lost_after", [1, 3, 6])
def test_a_gpu_lost_in_the_middle_of_a_film_costs_no_frame(
    machine: Machine, bundle: Bundle, lost_after: int
) -> None:
    def reopen() -> object:
        machine.cuda.lost = None
        machine.cuda.pending.clear()
        return machine.open(bundle)

    pipeline = Pipeline(bundle, machine.open(bundle), reopen=reopen)  # type: ignore[arg-type]
    pipeline.engine.batches = (1,)  # type: ignore[misc]
    alone = [pipeline.render(request).pixels for request in film(7)]
    shown = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        for frame in pipeline.frames(film(7)):
            shown.append(frame)
            if len(shown) == lost_after:
                machine.cuda.lost = machine.cuda.cudaError_t.cudaErrorIllegalAddress
    assert [frame.request for frame in shown] == film(7)
    for frame, wanted in zip(shown, alone, strict=True):
        assert np.abs(frame.pixels.astype(int) - wanted).max() <= 1
    pipeline.close()
