"""A GPU that fails while somebody plays: the session goes on. Planted on the fakes of a GPU."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from player.session.rendering.renderer import PendingRequest, Renderer, Result
from player.session.rendering.worker import Worker
from runtime.bundles.bundle import Bundle
from runtime.cache import FrameCache
from runtime.engines.childengine import ChildEngine
from runtime.engines.onnxruntime.engine import OnnxRuntimeEngine
from runtime.errors import DeviceLost, EngineError
from runtime.pipeline import Pipeline
from runtime.request import Request
from tests.runtime.engines.machine import Machine, fake_machine
from tests.support.models.tinybundle import write_worded


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return fake_machine("tensorrt", tmp_path / "cache", monkeypatch)


@pytest.fixture
def bundle(machine: Machine, tmp_path: Path) -> Bundle:
    """A tiny bundle with a tokenizer, its engines built for the fake GPU."""
    return machine.build(write_worded(tmp_path / "b", 5))


def worker(open_renderer: Callable[[], Renderer]) -> Worker:
    """Return a worker that renders in this thread."""
    return Worker(open_renderer, FrameCache(1 << 20))


def ask(played: Worker, request: Request) -> Result:
    played.ask(PendingRequest(request))
    if played.info is None:
        played.open()
    played.turn(0.0)
    result = played.results.take(0.0)
    assert result is not None
    return result


def request(steps: int, t: float = 0.0) -> Request:
    return Request("cat -> kitten", t=t, seed=1, steps=steps)


@pytest.mark.fault(9)
def test_no_memory_for_another_step_count_is_one_line_and_the_old_one_goes_on(
    machine: Machine, bundle: Bundle
) -> None:
    played = worker(lambda: Pipeline(bundle, machine.open(bundle)))
    assert ask(played, request(1)).frame is not None
    machine.cuda.free_bytes = 100
    refused = ask(played, request(3))
    assert refused.frame is None
    assert refused.error is not None
    assert "close other programs that use the GPU, or build" in refused.error
    assert "--size" in refused.error
    assert "\n" not in refused.error
    again = ask(played, request(1, 0.5))
    assert again.frame is not None, again.error
    machine.cuda.free_bytes = 1 << 30
    assert ask(played, request(3)).frame is not None, "memory came back"
    played.stop()


@pytest.mark.fault(16)
def test_a_frame_that_is_not_finite_is_one_line_and_the_next_seed_goes_on(
    machine: Machine, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = machine.open(bundle)
    poisoned = False
    load = engine.load_noise
    monkeypatch.setattr(
        engine, "load_noise", lambda noise: load(noise * np.float32(np.nan if poisoned else 1))
    )
    played = worker(lambda: Pipeline(bundle, engine))
    before = ask(played, request(1))
    assert before.frame is not None
    poisoned = True
    refused = ask(played, Request("cat -> kitten", seed=2, steps=1))
    assert refused.frame is None
    assert refused.error is not None
    assert "not finite" in refused.error
    assert "--precision f32" in refused.error
    poisoned = False
    assert ask(played, Request("cat -> kitten", seed=3, steps=1)).frame is not None
    assert played.cache.peek(before.request) is before.frame, "the good one is kept"
    assert played.cache.peek(refused.request) is None
    played.stop()


@pytest.mark.fault(18)
def test_a_lost_gpu_is_reopened_and_the_session_goes_on(machine: Machine, bundle: Bundle) -> None:
    """What stands for the new process is the same fake after it has recovered."""

    def reopen() -> object:
        machine.cuda.lost = None
        return machine.open(bundle)

    played = worker(
        lambda: Pipeline(bundle, machine.open(bundle), reopen=reopen)  # type: ignore[arg-type]
    )
    before = ask(played, request(2))
    assert before.frame is not None
    machine.cuda.lost = machine.cuda.cudaError_t.cudaErrorIllegalAddress
    with pytest.warns(RuntimeWarning, match="goes on in a process of its own"):
        after = ask(played, request(2, 1.0))
    assert after.frame is not None, after.error
    played.cache = FrameCache(1 << 20)
    same = ask(played, request(2))
    assert same.frame is not None
    assert np.array_equal(same.frame.pixels, before.frame.pixels)
    played.stop()


@pytest.mark.fault(18)
def test_a_gpu_that_stays_lost_is_one_line_until_it_is_back(
    machine: Machine, bundle: Bundle
) -> None:
    gone = True

    def reopen() -> object:
        if gone:
            raise EngineError("no NVIDIA GPU or driver answers here")
        machine.cuda.lost = None
        return machine.open(bundle)

    played = worker(
        lambda: Pipeline(bundle, machine.open(bundle), reopen=reopen)  # type: ignore[arg-type]
    )
    assert ask(played, request(1)).frame is not None
    machine.cuda.lost = machine.cuda.cudaError_t.cudaErrorUnknown
    with pytest.warns(RuntimeWarning, match="cudaErrorUnknown"):
        first = ask(played, request(1, 0.25))
    assert first.error == "no NVIDIA GPU or driver answers here"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert ask(played, request(1, 0.5)).error == first.error, "and no second warning"
        gone = False
        assert ask(played, request(1, 0.75)).frame is not None
    played.stop()


class Broken:
    """A buffer of ONNX Runtime on a GPU that was lost."""

    def update_inplace(self, values: object) -> None:
        raise RuntimeError("CUDA failure 700: an illegal memory access was encountered ; GPU=0")


@pytest.mark.fault(18)
def test_onnx_runtimes_gpu_that_is_lost_while_words_go_up_is_reopened(tmp_path: Path) -> None:
    """On its CPU provider, whose upload fails in the words of the CUDA provider."""
    pytest.importorskip("onnxruntime")
    bundle = write_worded(tmp_path / "b", 5)
    engines: list[OnnxRuntimeEngine] = []

    def reopen() -> OnnxRuntimeEngine:
        engines.append(OnnxRuntimeEngine(bundle, "onnxruntime-cpu"))
        return engines[-1]

    played = worker(lambda: Pipeline(bundle, reopen(), reopen=reopen))
    before = ask(played, request(1))
    assert before.frame is not None
    engines[0]._basis = Broken()
    with pytest.warns(RuntimeWarning, match=r"stopped answering in the upload.* of its own"):
        after = ask(played, Request("kitten -> cat", seed=1, steps=1))
    assert after.frame is not None, after.error
    assert len(engines) == 2
    played.stop()


class Fragile:
    """An engine whose GPU is lost at the third frame."""

    def __init__(self, engine: ChildEngine) -> None:
        self.frames, self._engine = 0, engine

    def __getattr__(self, name: str) -> object:
        return getattr(self._engine, name)

    def render(self, *arguments: object) -> object:
        self.frames += 1
        if self.frames > 2:
            raise DeviceLost("the GPU stopped answering while launching a frame")
        return self._engine.render(*arguments)  # type: ignore[arg-type]


@pytest.mark.fault(18)
def test_the_new_engine_is_really_another_process(tmp_path: Path) -> None:
    """With OpenVINO on the CPU, which runs in a child as any engine does."""
    bundle = write_worded(tmp_path / "b", 5)
    reopen = partial(ChildEngine, bundle.folder, "f32", "openvino")
    with Pipeline(bundle, Fragile(reopen()), reopen=reopen) as pipeline:  # type: ignore[arg-type]
        first = pipeline.render(request(2))
        pipeline.render(request(2, 0.5))
        with pytest.warns(RuntimeWarning, match="process of its own"):
            last = pipeline.render(request(2, 1.0))
        engine = pipeline.engine
        assert isinstance(engine, ChildEngine)
        assert np.array_equal(pipeline.render(request(2)).pixels, first.pixels)
        assert not np.array_equal(last.pixels, first.pixels)
        engine._child.kill()
        with pytest.warns(RuntimeWarning, match=r"process ended \(status -9\)"):
            again = pipeline.render(request(2))
        assert np.array_equal(again.pixels, first.pixels)
        assert pipeline.engine is not engine
