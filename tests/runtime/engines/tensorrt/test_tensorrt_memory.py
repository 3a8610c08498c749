"""What the TensorRT engine takes of the GPU's memory, when it may look at it, and what it gives
back when there is too little."""

from __future__ import annotations

import warnings
from pathlib import Path
from types import ModuleType
from typing import cast

import numpy as np
import pytest

from runtime.engines.tensorrt.device import Device
from runtime.engines.tensorrt.framegraph import FrameGraph
from runtime.errors import EngineError
from tests.runtime.engines.machine import Machine
from tests.support.gpu.fakecuda import FakeCuda
from tests.support.models.tinybundle import TOKENS, expect_tiny, render_tiny, see_tiny, write_tiny


def test_copies_are_seen_by_the_work_on_the_stream_that_follows() -> None:
    cuda = FakeCuda()
    gpu = Device(cast(ModuleType, cuda))
    sent = np.arange(1000, dtype=np.float32)
    place, got = gpu.allocate(sent.nbytes), gpu.pin(sent.nbytes)
    gpu.enqueue_download(got, place)
    gpu.wait()
    assert not got.array.any()  # cleared
    gpu.upload(place, sent)
    sent[:] = -1  # it was copied, not lent
    gpu.enqueue_download(got, place)
    gpu.wait()
    assert np.array_equal(got.array.view(np.float32), np.arange(1000))
    back = np.empty(1000, np.float32)
    gpu.download(back, place)
    assert np.array_equal(back, np.arange(1000))
    gpu.close()


def test_the_fake_shows_the_race_with_the_default_stream() -> None:
    cuda = FakeCuda()
    gpu = Device(cast(ModuleType, cuda))
    sent = np.full(8, 7, np.uint8)
    place, got = gpu.allocate(8), gpu.pin(8)
    up = cuda.cudaMemcpyKind.cudaMemcpyHostToDevice
    cuda.cudaMemcpy(place, sent.ctypes.data, 8, up)
    gpu.enqueue_download(got, place)
    gpu.wait()
    assert not got.array.any()
    cuda.cudaStreamSynchronize(0)
    gpu.enqueue_download(got, place)
    gpu.wait()
    assert (got.array == 7).all()
    gpu.close()


@pytest.mark.parametrize("pooled", [False, True])
def test_a_batch_that_does_not_fit_is_rendered_frame_by_frame(
    machine: Machine, tmp_path: Path, pooled: bool
) -> None:
    bundle = machine.build(write_tiny(tmp_path / "b", 5, pooled=pooled))
    engine = machine.open(bundle)
    render_tiny(engine, 1, 1, 1, pooled=pooled)
    machine.cuda.free_bytes = 3000
    before = set(machine.cuda.device), set(machine.cuda.pinned), machine.cuda.free_bytes
    with pytest.warns(RuntimeWarning, match=r"no room for batches.*cudaErrorMemoryAllocation"):
        made = render_tiny(engine, 1, 4, 1, pooled=pooled).pixels
    assert made.shape[0] == 4
    wanted = expect_tiny(5, 1, 4, 1, pooled=pooled)
    assert np.abs(made.astype(int) - wanted).max() <= 1
    assert (set(machine.cuda.device), set(machine.cuda.pinned), machine.cuda.free_bytes) == before
    assert engine.batches == (1,)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # once is enough
        see_tiny(engine, 2, 4, 1, pooled=pooled)
    engine.close()


def test_a_batch_that_fails_in_its_first_run_is_rendered_frame_by_frame(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TensorRT may ask for its scratch memory only then."""
    bundle = machine.build(write_tiny(tmp_path / "b", 5))
    engine = machine.open(bundle)
    begin = FrameGraph.begin

    def refuse(self: FrameGraph, weights: np.ndarray, pooled: np.ndarray | None) -> object:
        if len(weights) > 1:
            raise EngineError("no scratch memory")
        return begin(self, weights, pooled)

    monkeypatch.setattr(FrameGraph, "begin", refuse)
    before = machine.cuda.free_bytes
    render_tiny(engine, 1, 1, 1)
    single = before - machine.cuda.free_bytes
    with pytest.warns(RuntimeWarning, match="no scratch memory"):
        see_tiny(engine, 1, 4, 1)
    assert before - machine.cuda.free_bytes == single
    engine.close()


def test_a_single_frame_that_does_not_fit_says_what_to_do(machine: Machine, tmp_path: Path) -> None:
    bundle = machine.build(write_tiny(tmp_path / "b", 5))
    engine = machine.open(bundle)
    free, machine.cuda.free_bytes = machine.cuda.free_bytes, 2000
    with pytest.raises(EngineError, match=r"close other programs.*with a smaller --size"):
        render_tiny(engine, 1, 1, 1)
    machine.cuda.free_bytes += free - 2000
    see_tiny(engine, 2, 1, 1)
    engine.close()


def test_a_prompt_that_does_not_fit_leaves_nothing_behind(machine: Machine, tmp_path: Path) -> None:
    bundle = machine.build(write_tiny(tmp_path / "b", pooled=True))
    engine = machine.open(bundle)
    ids = np.arange(TOKENS)[None].astype(np.int64)
    before = set(machine.cuda.device)
    free = machine.cuda.free_bytes
    machine.cuda.free_bytes = ids.nbytes + 10  # the ids fit, what is made of them does not
    with pytest.raises(EngineError, match="cudaErrorMemoryAllocation"):
        engine.encode((ids,))
    assert set(machine.cuda.device) == before
    assert machine.cuda.free_bytes == ids.nbytes + 10
    machine.cuda.free_bytes = free
    assert engine.encode((ids,))[0].shape == (TOKENS, 6)
    engine.close()
