"""The same frames on every NVIDIA engine at hand, against f32 on the CPU: ``pytest -m gpu``."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from export.build import build
from export.checkpoints.presets import ModelSpec
from export.tensorrt.builder import Options, build_engines
from runtime.bundles.bundle import open_bundle
from runtime.bundles.library import built_in
from runtime.engines.choose import BACKENDS, usable
from runtime.engines.gpu import find_gpu
from runtime.engines.tensorrt.engine import open_engine
from runtime.perception.psnr import LEAST, peak_signal_to_noise
from runtime.pipeline import Pipeline
from tests.support.models import checkpoints
from tests.support.models.tinybundle import expect_tiny, render_tiny, write_tiny

pytestmark = pytest.mark.gpu

NVIDIA = ("tensorrt", "tensorrt_rtx", "onnxruntime")
EXPRESSIONS = ("cat -> kitten", "a photo of a [fox -> bear | -3/7*tabby .. +3/7*tabby]")


@pytest.fixture(params=NVIDIA)
def backend(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    reason = usable(name)
    if reason:
        pytest.skip(f"{name}: {reason}")
    return name


@pytest.fixture
def on_gpu(backend: str) -> Iterator[Pipeline]:
    """The built-in model on an NVIDIA engine, built first where it must be."""
    if backend.startswith("tensorrt"):
        build_engines(open_bundle(built_in()), backend)
    with Pipeline.open("critters", backend=backend) as opened:
        assert opened.engine.name == backend
        yield opened


@pytest.mark.parametrize("family", ["sd-turbo", "sd15", "sdxl"])
def test_f16_draws_what_f32_draws(backend: str, family: str, tmp_path: Path) -> None:
    """The precision of real checkpoints on a GPU: a tiny, a full and SDXL's full decoder."""
    checkpoint = checkpoints.make(tmp_path / "checkpoint", family)
    spec = ModelSpec(family, checkpoint, "a test", steps=(1, 2), precision="f16")
    bundle = build(spec, tmp_path / "bundle")
    if backend.startswith("tensorrt"):
        build_engines(bundle, backend)
    folder = str(bundle.folder)
    with (
        Pipeline.open(folder, backend=backend) as on_gpu,
        Pipeline.open(folder, backend="openvino", precision="f32") as on_cpu,
    ):
        assert on_gpu.engine.precision == "f16"
        for steps in (1, 2):
            request = on_cpu.request("cat -> kitten", 0.37, steps=steps, seed=5)
            made, wanted = on_gpu.render(request).pixels, on_cpu.render(request).pixels
            assert peak_signal_to_noise(made, wanted) > LEAST


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_frames_are_those_of_f32_on_the_cpu(
    on_gpu: Pipeline, pipeline: Pipeline, expression: str
) -> None:
    for steps in sorted(pipeline.bundle.manifest.steps)[:3]:
        for t in (0.0, 0.37, 1.0):
            request = pipeline.request(expression, t, steps=steps, seed=5)
            wanted, made = pipeline.render(request).pixels, on_gpu.render(request).pixels
            if on_gpu.engine.precision == "f32":
                assert np.abs(made.astype(int) - wanted).max() <= 2
            assert peak_signal_to_noise(made, wanted) > 35


def test_a_batch_shows_the_same_frames(on_gpu: Pipeline) -> None:
    first = on_gpu.request("cat -> kitten")
    requests = [first.at(t / 7) for t in range(8)]
    for batched, request in zip(on_gpu.render_many(requests), requests, strict=True):
        single = on_gpu.render(request).pixels
        assert np.abs(batched.pixels.astype(int) - single).max() <= 2


def test_a_repeated_frame_is_the_same(on_gpu: Pipeline) -> None:
    request = on_gpu.request("cat -> kitten", 0.5)
    first = on_gpu.render(request).pixels.copy()
    on_gpu.render(request.at(0.9))
    assert np.array_equal(on_gpu.render(request).pixels, first)


def test_what_was_just_uploaded_is_what_the_frame_is_made_of(on_gpu: Pipeline) -> None:
    """Each seed and expression is a fresh upload that the frame must wait for."""
    requests = [
        on_gpu.request(text, 0.5, seed=seed)
        for text in ("cat -> kitten", "fox -> bear")
        for seed in (1, 2)
    ]
    first = [on_gpu.render(request).pixels.copy() for request in requests]
    for _ in range(20):
        for request, wanted in zip(requests, first, strict=True):
            assert np.array_equal(on_gpu.render(request).pixels, wanted)


@pytest.mark.parametrize("pooled", [False, True])
def test_the_tiny_graphs_agree_with_numpy(backend: str, tmp_path: Path, pooled: bool) -> None:
    bundle = write_tiny(tmp_path, 5, pooled=pooled)
    if backend.startswith("tensorrt"):
        build_engines(bundle, backend)
    engine = import_module(BACKENDS[backend]).open_engine(bundle, "auto", backend)
    for batch in engine.batches:
        for steps in (1, 2, 3):
            for seed in (1, 2, 1):
                made = render_tiny(engine, seed, batch, steps, pooled=pooled).pixels
                wanted = expect_tiny(5, seed, batch, steps, pooled=pooled)
                assert np.abs(made.astype(int) - wanted).max() <= 2
    engine.close()


@pytest.mark.parametrize("name", ["tensorrt", "tensorrt_rtx"])
def test_another_checkpoint_of_the_architecture_reuses_the_engine(
    name: str, tmp_path: Path
) -> None:
    if usable(name):
        pytest.skip(f"{name}: {usable(name)}")
    assert find_gpu()
    build_engines(write_tiny(tmp_path / "1", 1), name, options=Options(refit=True))
    other = write_tiny(tmp_path / "2", 2)
    entries = build_engines(other, name, options=Options(refit=True))
    assert any(entry.notes.get("refitted") for entry in entries)
    engine = open_engine(other, "auto", name)
    made = render_tiny(engine, 1, 1, 1).pixels
    assert np.abs(made.astype(int) - expect_tiny(2, 1, 1, 1)).max() <= 2
    engine.close()
