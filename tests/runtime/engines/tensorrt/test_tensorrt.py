"""The TensorRT engine on a fake of TensorRT and CUDA (no GPU here): the frames must be right,
and what the code asks of the fake must exist in every TensorRT we serve."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from runtime.bundles.bundle import Bundle
from runtime.enginecache.place import QUARANTINE
from runtime.engines import driver
from runtime.engines.tensorrt import enginekey
from runtime.engines.tensorrt.engine import available
from runtime.engines.tensorrt.module import PACKAGES
from runtime.errors import DeviceLost, EngineError
from tests.runtime.engines.machine import Machine
from tests.support.gpu.fakecuda import FakeCuda
from tests.support.gpu.faketensorrt import make_module
from tests.support.gpu.tensorrt_surface import surfaces
from tests.support.models.tinybundle import (
    STEPS,
    TOKENS,
    expect_tiny,
    render_tiny,
    see_tiny,
    write_tiny,
)

SURFACE = surfaces()


@pytest.fixture
def bundle(machine: Machine, tmp_path: Path) -> Bundle:
    """A tiny bundle of seed 5, its engines built for the fake GPU."""
    return machine.build(write_tiny(tmp_path / "b", 5))


@pytest.mark.parametrize("pooled", [False, True])
def test_frames_are_those_of_the_graphs(machine: Machine, tmp_path: Path, pooled: bool) -> None:
    engine = machine.open(machine.build(write_tiny(tmp_path / "b", 5, pooled=pooled)))
    for batch in (1, 4):
        for steps in (1, 2, 3, 1):
            for seed in (1, 2, 1):  # run plainly, then as a captured graph, with other noise
                see_tiny(engine, seed, batch, steps, pooled=pooled)
    engine.close()
    assert not machine.cuda.device
    assert not machine.cuda.pinned


def test_a_frame_is_one_graph_with_one_copy_each_way(machine: Machine, tmp_path: Path) -> None:
    engine = machine.open(machine.build(write_tiny(tmp_path / "b", pooled=True)))
    render_tiny(engine, 1, 1, 3, pooled=True)
    weights = np.random.default_rng(0).normal(size=(1, 8, TOKENS)).astype(np.float32)
    machine.cuda.calls.clear()
    engine.render(weights, np.ones((1, 8), np.float32), STEPS[3])
    assert machine.cuda.calls == {
        "cudaGraphLaunch": 1,
        "cudaMemcpyHostToDevice": 1,
        "cudaMemcpyDeviceToHost": 1,
    }
    engine.close()


@pytest.mark.fault(17)
def test_a_failed_capture_warns_once_and_frames_go_on(machine: Machine, bundle: Bundle) -> None:
    engine = machine.open(bundle)
    machine.cuda.capturable = False
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        frames = [render_tiny(engine, seed, 1, 2).pixels for seed in (1, 2, 3)]
    for seed, made in enumerate(frames, start=1):
        assert np.abs(made.astype(int) - expect_tiny(5, seed, 1, 2)).max() <= 1
    (only,) = caught
    assert "without a CUDA graph" in str(only.message)
    assert "cudaGraphLaunch" not in machine.cuda.calls
    engine.close()


def test_networks_that_cannot_be_recorded_capture_themselves(
    machine: Machine, bundle: Bundle
) -> None:
    """TensorRT-RTX alone says so; the fake refuses to be recorded where it has said so."""
    engine = machine.open(bundle)
    machine.cuda.networks_capturable = machine.backend != "tensorrt_rtx"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for batch in (1, 4, 1):
            for steps in (1, 2):
                for seed in (1, 2, 1):
                    see_tiny(engine, seed, batch, steps)
    chosen = [int(config.cuda_graph_strategy) for config in machine.module.context_configs]
    if machine.backend == "tensorrt_rtx":
        assert "cudaGraphLaunch" not in machine.cuda.calls
        assert chosen[:3] == [0, 0, 0], "the text encoder and the frame that was found out"
        assert set(chosen[3:]) == {1}
    else:
        assert machine.cuda.calls["cudaGraphLaunch"] > 0
        assert set(chosen) == {0}
    engine.close()
    assert not machine.cuda.device
    assert not machine.cuda.pinned


@pytest.mark.parametrize("error", ["cudaErrorIllegalAddress", "cudaErrorUnknown"])
def test_a_gpu_that_is_lost_is_told_from_other_failures(
    machine: Machine, bundle: Bundle, error: str
) -> None:
    engine = machine.open(bundle)
    render_tiny(engine, 1, 1, 1)
    machine.cuda.lost = machine.cuda.cudaError_t[error]
    for steps in (1, 2):  # a captured graph, and a frame that was never run
        with pytest.raises(DeviceLost, match=f"stopped answering.*{error}"):
            render_tiny(engine, 1, 1, steps)
    with pytest.raises(DeviceLost):
        engine.encode((np.zeros((1, TOKENS), np.int64),))


def test_the_text_encoder_runs_and_frees_what_it_took(machine: Machine, tmp_path: Path) -> None:
    engine = machine.open(machine.build(write_tiny(tmp_path / "b", pooled=True)))
    before = set(machine.cuda.device)
    ids = np.arange(TOKENS)[None].astype(np.int64)
    rows, pooled = engine.encode((ids,))
    other, _ = engine.encode((ids[:, ::-1],))
    assert np.array_equal(rows, other[::-1])
    assert not np.array_equal(rows, other)
    assert pooled is not None
    assert set(machine.cuda.device) == before
    engine.close()


@pytest.mark.fault(15)
def test_shapes_outside_the_profiles_are_refused_with_those_inside(
    machine: Machine, bundle: Bundle
) -> None:
    engine = machine.open(bundle)
    render_tiny(engine, 1, 1, 1)
    for shape in ((2, 8, TOKENS), (3, 8, TOKENS), (1, 8, TOKENS + 1)):
        message = f"use 1 or 4 frames of 8 prompts x {TOKENS} tokens"
        with pytest.raises(EngineError, match=message) as caught:
            engine.render(np.zeros(shape, np.float32), None, STEPS[1])
        assert "\n" not in str(caught.value)
    engine.close()


@pytest.mark.fault(3)
def test_an_absent_engine_says_what_differs_and_what_builds_it(
    machine: Machine, tmp_path: Path
) -> None:
    bundle = write_tiny(tmp_path / "b")
    with pytest.raises(EngineError, match=r"nothing was built yet.*wordmorph build tiny"):
        machine.open(bundle)
    machine.build(bundle)
    machine.cuda.capability = (12, 0)
    with pytest.raises(EngineError, match=r"capability is 12.0, built for 8.9"):
        machine.open(bundle)
    machine.cuda.capability = (8, 9)
    other = write_tiny(tmp_path / "b2", 6)
    with pytest.raises(EngineError, match=r"weights is \w+…, built for \w+…"):
        machine.open(other)


def test_only_tensorrt_is_tied_to_the_card(machine: Machine, bundle: Bundle) -> None:
    machine.cuda.name = "Fake 4080"
    if machine.backend == "tensorrt_rtx":
        machine.open(bundle).close()
    else:
        with pytest.raises(EngineError, match="gpu is Fake 4080, built for Fake 4090"):
            machine.open(bundle)


@pytest.mark.fault(1)
def test_an_altered_engine_never_reaches_tensorrt(
    machine: Machine, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = machine.cache.find(machine.key(bundle, "text_encoder"))
    assert entry is not None
    plan = entry.folder / enginekey.PLAN
    data = bytearray(plan.read_bytes())
    data[-20] ^= 1
    plan.write_bytes(data)

    def explode(*args: Any) -> None:
        raise AssertionError("deserialised")

    monkeypatch.setattr(machine.module, "Runtime", explode)
    with pytest.raises(EngineError, match=r"sha256; moved to .*quarantine.*run: wordmorph build"):
        machine.open(bundle)
    assert len(list((machine.cache.root / QUARANTINE).iterdir())) == 1


@pytest.mark.fault(4)
@pytest.mark.parametrize(
    ("plan", "notes", "message"),
    [
        (b"of another version", {}, "Serialization assertion failed; run: wordmorph build"),
        (
            b"of another driver",
            {"driver": "12.4"},
            r"under a driver for CUDA 12\.4, this one is for 13\.1",
        ),
    ],
)
def test_what_tensorrt_refuses_is_an_error_with_its_own_words(
    machine: Machine, tmp_path: Path, plan: bytes, notes: dict[str, str], message: str
) -> None:
    bundle = write_tiny(tmp_path / "b")

    def write(folder: Path) -> dict[str, Any]:
        (folder / enginekey.PLAN).write_bytes(plan)
        return notes

    machine.cache.get_or_build(machine.key(bundle, "text_encoder"), write)
    with pytest.raises(EngineError, match=message):
        machine.open(bundle)


@pytest.mark.fault(3)
def test_an_engine_filed_under_another_gpus_name_says_which_field_differs(
    machine: Machine, bundle: Bundle
) -> None:
    manifest = machine.cache.folder(machine.key(bundle, "text_encoder")) / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"8.9"', '"8.6"'))
    with pytest.raises(EngineError, match=r"capability is 8\.9, built for 8\.6"):
        machine.open(bundle)


@pytest.mark.fault(4)
def test_no_memory_for_a_context_is_an_error(machine: Machine, bundle: Bundle) -> None:
    machine.cuda.free_bytes = 10
    message = r"cannot run the text encoder: .*OutOfMemory; close other programs"
    with pytest.raises(EngineError, match=message) as caught:
        machine.open(bundle)
    assert "\n" not in str(caught.value)


def test_a_latent_that_is_not_finite_is_an_error(machine: Machine, bundle: Bundle) -> None:
    engine = machine.open(bundle)
    render_tiny(engine, 1, 1, 1)
    engine.load_noise(np.full((1, 3, 4, 8), np.nan, np.float32))
    with pytest.raises(EngineError, match="not finite"):
        engine.render(np.ones((1, 8, TOKENS), np.float32), None, STEPS[1])
    engine.close()


def test_compiled_kernels_are_kept_for_the_next_start(machine: Machine, bundle: Bundle) -> None:
    for _ in range(2):
        engine = machine.open(bundle)
        engine.encode((np.zeros((1, TOKENS), np.int64),))
        render_tiny(engine, 1, 1, 1)
        engine.close()
    kinds = [entry.fields["kind"] for entry in machine.cache.entries()]
    assert kinds.count("jit") == (3 if machine.backend == "tensorrt_rtx" else 0)


def test_kernels_of_a_batch_are_kept_where_networks_capture_themselves(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cache grows with each context that has run; the fake's is a count."""
    if machine.backend != "tensorrt_rtx":
        pytest.skip("only tensorrt_rtx compiles kernels")
    bundle = write_tiny(tmp_path / "b")
    machine.build(bundle)
    machine.cuda.networks_capturable = False
    cache_kind: Any = machine.module
    monkeypatch.setattr(
        cache_kind.IRuntimeCache,
        "serialize",
        lambda self: f"{len(cache_kind.context_configs)}".encode(),
    )

    def kept() -> set[bytes]:
        kinds = [one for one in machine.cache.entries() if one.fields["kind"] == "jit"]
        return {(one.folder / enginekey.JIT).read_bytes() for one in kinds}

    engine = machine.open(bundle)
    render_tiny(engine, 1, 1, 1)
    render_tiny(engine, 1, 1, 1)
    before = kept()
    render_tiny(engine, 1, 4, 1)
    assert kept()
    assert kept().isdisjoint(before), "those of the batch are lost"
    engine.close()


def test_kernels_that_cannot_be_serialised_cost_no_frame(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = write_tiny(tmp_path / "b", 5)
    machine.build(bundle)
    kind: Any = machine.module
    monkeypatch.setattr(kind.IRuntimeCache, "serialize", lambda self: None)
    engine = machine.open(bundle)
    see_tiny(engine, 1, 1, 1)
    engine.close()


def test_availability_is_none_or_a_line_with_a_command(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert available(machine.backend) is None
    machine.cuda.capability, machine.cuda.name = (9, 0), "Fake H100"
    reason = available(machine.backend)
    if machine.backend == "tensorrt_rtx":
        assert "Fake H100 (compute capability 9.0) is no RTX card" in str(reason)
    else:
        assert reason is None
    machine.cuda.driver = 0
    monkeypatch.setattr(driver, "CONTAINER_MARKS", ())
    assert "no NVIDIA GPU or driver" in str(available(machine.backend))
    assert "install its driver" in str(available(machine.backend))
    monkeypatch.setitem(sys.modules, machine.backend, None)
    assert f"pip install {PACKAGES[machine.backend]}" in str(available(machine.backend))


@pytest.mark.parametrize("version", sorted(SURFACE))
def test_the_fake_has_nothing_that_tensorrt_lacks(version: str) -> None:
    """So the engine, which runs on the fake, uses nothing that is absent from the stubs."""
    module = make_module("tensorrt", FakeCuda())
    only_rtx = {
        "DynamicShapesKernelSpecializationStrategy",
        "IRuntimeCache",
        "CudaGraphStrategy",
        "IExecutionContext.is_stream_capturable",
        "IRuntimeConfig.cuda_graph_strategy",
        "IRuntimeConfig.create_runtime_cache",
        "IRuntimeConfig.set_runtime_cache",
        "IRuntimeConfig.dynamic_shapes_kernel_specialization_strategy",
    }
    surface = SURFACE[version]
    for name, kind in vars(module).items():
        if not isinstance(kind, type) or (name in only_rtx and version != "rtx-1.7"):
            continue
        assert name in surface, f"{version} has no {name}"
        for member, value in vars(kind).items():
            full = f"{name}.{member}"
            if member.startswith("_") or (full in only_rtx and version != "rtx-1.7"):
                continue
            assert member in surface[name], f"{version} has no {full}"
            if callable(value) and not isinstance(value, type):
                code = value.__code__
                taken = list(code.co_varnames[1 : code.co_argcount])
                assert taken in surface[name][member], f"{full}{taken} in {version}"


def test_the_fake_cuda_has_nothing_that_cuda_lacks() -> None:
    real = pytest.importorskip("cuda.bindings.runtime")
    for name in dir(FakeCuda):
        if name.startswith("cuda"):
            assert hasattr(real, name), name
    for kind in (FakeCuda.cudaMemcpyKind, FakeCuda.cudaStreamCaptureMode, FakeCuda.cudaError_t):
        for member in kind:
            assert int(getattr(getattr(real, kind.__name__), member.name)) == int(member)
