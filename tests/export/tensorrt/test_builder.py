"""Engines are built for real, by tensorrt_rtx, for a GPU that need not be here."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from export.build import build as export_bundle
from export.checkpoints.presets import ModelSpec
from export.tensorrt import builder as built
from export.tensorrt.builder import Builder, Options, build_engines
from export.tensorrt.enginebuilder import Job, build
from export.tensorrt.engineprocess import run
from export.tensorrt.structure import structure
from runtime.bundles.bundle import Bundle, open_bundle
from runtime.bundles.files import sha256_file
from runtime.bundles.library import built_in
from runtime.bundles.manifest import ROLES
from runtime.enginecache.cache import EngineCache
from runtime.engines.childprocess import WorkCancelled
from runtime.engines.gpu import Gpu
from runtime.engines.tensorrt.enginekey import PLAN, Profile
from runtime.errors import BuildError, EngineError
from tests.support.building import ADA, builder, gpu_here, ignore, no_leftovers, one_line
from tests.support.models.checkpoints import FAMILIES
from tests.support.models.tinybundle import tiny_bundle, write_tiny

pytest.importorskip("tensorrt_rtx")
CARD = Gpu("RTX 4090", "8.9")


@pytest.mark.parametrize("precision", ["f32", "f16"])
@pytest.mark.parametrize("pooled", [False, True])
def test_a_bundle_becomes_three_engines_once(
    tmp_path: Path, cache: EngineCache, precision: str, pooled: bool
) -> None:
    bundle = write_tiny(tmp_path / "b", pooled=pooled, precision=precision)
    first = build_engines(bundle, "tensorrt_rtx", gpu=ADA, cache=cache)
    assert [entry.fields["role"] for entry in first] == list(ROLES)
    assert all(len(cache.load(entry, PLAN)) > 1000 for entry in first)
    assert all(entry.notes["seconds"] > 0 and entry.notes["peak_bytes"] > 1e7 for entry in first)
    made = [entry.folder.stat().st_mtime_ns for entry in first]
    again = build_engines(bundle, "tensorrt_rtx", gpu=ADA, cache=cache)
    assert [entry.folder.stat().st_mtime_ns for entry in again] == made
    assert no_leftovers(cache)


def test_other_weights_or_another_gpu_make_other_engines(
    tmp_path: Path, cache: EngineCache, bundle: Bundle
) -> None:
    two = write_tiny(tmp_path / "2", 2)
    folders = {
        entry.folder
        for one, gpu in ((bundle, ADA), (two, ADA), (bundle, Gpu("any", "12.0")))
        for entry in build_engines(one, "tensorrt_rtx", gpu=gpu, cache=cache)
    }
    assert len(folders) == 9


@pytest.mark.parametrize("family", list(FAMILIES))
def test_every_family_of_checkpoints_builds(
    family: str, bundle_of: Callable[[str], Bundle], cache: EngineCache
) -> None:
    entries = build_engines(bundle_of(family), "tensorrt_rtx", gpu=ADA, cache=cache)
    assert len(entries) == 3


@pytest.mark.parametrize("family", ["sd-turbo", "sdxl"])
def test_graphs_in_f16_build(
    family: str, checkpoint_of: Callable[[str], Path], tmp_path: Path, cache: EngineCache
) -> None:
    """The one with a decoder in f16, the other with a full one, which stays f32."""
    spec = ModelSpec(family, checkpoint_of(family), "a test", steps=(1,), precision="f16")
    bundle = export_bundle(spec, tmp_path / "bundle")
    entries = build_engines(bundle, "tensorrt_rtx", gpu=ADA, cache=cache)
    assert [entry.fields["precision"] for entry in entries] == ["f16"] * 3


@pytest.mark.slow
@pytest.mark.parametrize("name", ["sd2", "sd1"])
def test_a_full_size_denoiser_builds_in_time_and_memory(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """SD-Turbo's (866 M parameters) and SD 1.5's architecture at 512×512 in f16."""
    import diffusers

    from export.checkpoints.architectures import ARCHITECTURES
    from export.graphs import graphs

    architecture, latent = ARCHITECTURES[name], (4, 64, 64)
    unet = diffusers.UNet2DConditionModel(**{**architecture.unet, "sample_size": 64}).half()
    graph = tmp_path / "denoiser.onnx"
    graphs.export_graph(
        graphs.DenoiserModule(unet),
        graphs.denoiser_inputs(latent, 77, architecture.context, 0),
        ("next_sample",),
        graph,
    )
    assert sum(weight.numel() for weight in unet.parameters()) > 850e6
    del unet
    shapes: list[Profile] = [
        {"sample": (b, *latent), "noise": (b, *latent), "weights": (b, 8, 77)} for b in (1, 4)
    ]
    notes = run(job(graph, tmp_path / "plan", shapes), ignore)
    size = (tmp_path / "plan").stat().st_size
    with capsys.disabled():
        peak = notes["peak_bytes"] / 1e9
        print(f"\n{name}: {notes['seconds']:.0f} s, {peak:.1f} GB peak, {size / 1e9:.2f} GB")
    assert size > 1.6e9
    assert notes["seconds"] < 600
    assert notes["peak_bytes"] < 14e9


@pytest.mark.slow
def test_the_built_in_model_builds(cache: EngineCache) -> None:
    entries = build_engines(open_bundle(built_in()), "tensorrt_rtx", gpu=ADA, cache=cache)
    assert len(entries) == 3


def test_the_bar_is_shown_and_says_what_was_built(
    cache: EngineCache, bundle: Bundle, capsys: pytest.CaptureFixture[str]
) -> None:
    build_engines(bundle, "tensorrt_rtx", gpu=ADA, cache=cache)
    printed = capsys.readouterr().err
    for words in ("text encoder: ", "denoiser: ", "built in", "at the peak", "left"):
        assert words in printed


def layers(path: Path, count: int, batch: str = "batch") -> Path:
    """Write a chain of convolutions that takes a while to build."""
    random = np.random.default_rng(0)
    nodes, constants, name = [], [], "sample"
    for i in range(count):
        kernel = random.normal(size=(64, 64 if i else 4, 3, 3)).astype(np.float16) / 25
        constants.append(numpy_helper.from_array(kernel.astype(np.float16), f"w{i}"))
        nodes.append(helper.make_node("Conv", [name, f"w{i}"], [f"y{i}"], pads=[1] * 4))
        nodes.append(helper.make_node("Tanh", [f"y{i}"], [f"z{i}"]))
        name = f"z{i}"
    graph = helper.make_graph(
        nodes,
        "layers",
        [helper.make_tensor_value_info("sample", TensorProto.FLOAT16, [batch, 4, 32, 32])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT16, [batch, 64, 32, 32])],
        constants,
    )
    opset = [helper.make_opsetid("", 20)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=10), path)
    return path


def job(graph: Path, plan: Path, profiles: list[Profile] | None = None) -> Job:
    shapes = profiles or [{"sample": (batch, 4, 32, 32)} for batch in (1, 4)]
    return Job("tensorrt_rtx", str(graph), str(plan), shapes, "8.9", "f16", level=3, refit=False)


def test_progress_grows_to_the_end_and_names_its_phases(tmp_path: Path) -> None:
    seen: list[tuple[float, str]] = []
    run(job(layers(tmp_path / "g.onnx", 8), tmp_path / "p"), lambda *now: seen.append(now))
    fractions = [fraction for fraction, _ in seen]
    assert fractions == sorted(fractions)
    assert fractions[0] < 0.1
    assert fractions[-1] > 0.9
    assert len({phase for _, phase in seen if phase}) > 3
    assert max(np.diff(fractions)) < 0.5


def test_the_builder_stops_where_it_is_told_to(tmp_path: Path) -> None:
    """The real builder gives up in the middle: no engine, and few messages after the word."""
    graph = layers(tmp_path / "g.onnx", 8)
    for stop_after in (1, 20, 60):
        cancelled = threading.Event()
        seen: list[object] = []

        def send(
            *message: object,
            seen: list[object] = seen,
            cancelled: threading.Event = cancelled,
            stop_after: int = stop_after,
        ) -> None:
            seen.append(message)
            if len(seen) == stop_after:
                cancelled.set()

        with pytest.raises(WorkCancelled):
            build(job(graph, tmp_path / "p"), send, cancelled)
        assert not (tmp_path / "p").exists()
        assert len(seen) < stop_after + 40


def test_ctrl_c_cancels_and_leaves_nothing(bundle: Bundle, cache: EngineCache) -> None:
    def interrupt(name: str, fraction: float, phase: str) -> None:
        if name == "denoiser" and fraction > 0.2:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(5)  # the signal arrives here

    builder(bundle, cache).build("text_encoder", ignore, ignore)
    with pytest.raises(KeyboardInterrupt):
        builder(bundle, cache).build("denoiser", interrupt, ignore)
    assert [entry.fields["role"] for entry in cache.entries()] == ["text_encoder"]
    assert no_leftovers(cache)
    assert builder(bundle, cache).build("denoiser", ignore, ignore)[1]


def test_a_build_whose_parent_dies_ends_too(tmp_path: Path) -> None:
    graph = layers(tmp_path / "g.onnx", 40)
    child = subprocess.Popen(
        [sys.executable, "-m", "export.tensorrt.enginebuilder"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(built.__file__).parents[2],
        text=True,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write(json.dumps(asdict(job(graph, tmp_path / "p"))) + "\n")
    child.stdin.flush()
    child.stdout.readline()
    child.stdin.close()
    assert child.stdout.read().splitlines()[-1] == '["cancelled"]'
    assert child.wait(60) == 0
    assert not (tmp_path / "p").exists()


@pytest.mark.fault(10)
def test_a_build_the_system_kills_names_the_signal_and_memory(
    bundle: Bundle, cache: EngineCache, children: list[subprocess.Popen[str]]
) -> None:
    """SIGKILL to the child that builds is what the kernel's out-of-memory killer sends."""

    def kill(name: str, fraction: float, phase: str) -> None:
        if children[-1].poll() is None:
            children[-1].kill()
            children[-1].wait()

    with pytest.raises(BuildError, match=r"killed \(signal 9\).*ran out of memory") as caught:
        builder(bundle, cache).build("denoiser", kill, ignore)
    one_line(caught)
    assert not cache.entries()
    assert no_leftovers(cache)


@pytest.mark.fault(8)
def test_too_little_memory_is_tried_once_more_then_reported(
    bundle: Bundle, cache: EngineCache
) -> None:
    lines: list[str] = []
    message = r"the denoiser: .*workspace.*smaller --size, or play with another --backend"
    with pytest.raises(BuildError, match=message) as caught:
        builder(bundle, cache, workspace=1).build("denoiser", ignore, lines.append)
    one_line(caught)
    assert lines == ["not enough memory, trying once more at optimisation level 1"]
    assert not cache.entries()
    assert no_leftovers(cache)


def test_where_refitting_cannot_be_built_in_the_engine_is_built_without(
    tmp_path: Path, cache: EngineCache
) -> None:
    """tensorrt_rtx needs a GPU to build a refittable engine, and fails in words of its own."""
    if gpu_here():
        pytest.skip("the GPU that must be absent is here")
    bundle = write_tiny(tmp_path / "b", precision="f16")
    output: list[str] = []
    entry, made = builder(bundle, cache, refit=True).build("denoiser", ignore, output.append)
    assert made
    assert entry.notes["refit"] is False
    (line,) = output
    assert line.startswith("building an engine that cannot be refitted, because ")
    assert "Myelin" in line or "refit" in line.lower(), line


@pytest.mark.parametrize("name", ["plain", "Jürgen 猫 кот"])
def test_folders_of_any_name_are_built_in(tmp_path: Path, name: str) -> None:
    """TensorRT sees bare file names only: on Windows it could not open others."""
    bundle = write_tiny(tmp_path / name / "b")
    cache = EngineCache(tmp_path / name / "cache")
    before = os.getcwd()
    assert builder(bundle, cache).build("denoiser", ignore)[1]
    assert os.getcwd() == before


def test_a_graph_tensorrt_cannot_read_is_one_line_with_the_operator(tmp_path: Path) -> None:
    graph = helper.make_graph(
        [helper.make_node("Bogus", ["sample"], ["y"], name="middle", domain="nowhere")],
        "g",
        [helper.make_tensor_value_info("sample", TensorProto.FLOAT16, ["b", 4, 32, 32])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT16, ["b", 4, 32, 32])],
    )
    opsets = [helper.make_opsetid("", 20), helper.make_opsetid("nowhere", 1)]
    path = tmp_path / "g.onnx"
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=10), path)
    with pytest.raises(BuildError, match="cannot read the graph: Bogus middle: ") as caught:
        run(job(path, tmp_path / "p"), ignore)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("harm", ["truncated", "missing", "not a graph"])
def test_a_damaged_graph_is_one_line(tmp_path: Path, bundle: Bundle, harm: str) -> None:
    data = bundle.folder / "denoiser.onnx.data"
    if harm == "truncated":
        data.write_bytes(data.read_bytes()[:100])
    elif harm == "missing":
        data.unlink()
    else:
        bundle.path("denoiser").write_bytes(b"\x08 nonsense")
    with pytest.raises(BuildError) as caught:
        run(job(bundle.path("denoiser"), tmp_path / "p"), ignore)
    one_line(caught)
    assert not (tmp_path / "p").exists()


def test_a_gpu_that_rtx_does_not_serve_is_refused_with_those_it_does(
    bundle: Bundle, cache: EngineCache
) -> None:
    with pytest.raises(BuildError, match=r"9.0 \(only .*SM89.*package tensorrt"):
        build_engines(bundle, "tensorrt_rtx", gpu=Gpu("H100", "9.0"), cache=cache)


def test_without_a_gpu_and_without_a_target_nothing_is_guessed(tmp_path: Path) -> None:
    if gpu_here():
        pytest.skip("there is a GPU here")
    with pytest.raises(EngineError, match="no NVIDIA GPU"):
        build_engines(tiny_bundle(tmp_path, {}), "tensorrt_rtx", cache=EngineCache(tmp_path))


def test_an_absent_package_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    with pytest.raises(EngineError, match="tensorrt is not installed"):
        build_engines(tiny_bundle(tmp_path, {}), "tensorrt", gpu=ADA, cache=EngineCache(tmp_path))


@pytest.fixture
def shim(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let ``tensorrt`` be the real builder of ``tensorrt_rtx`` under the other name."""
    folder = tmp_path / "shim" / "tensorrt"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text(
        "import warnings\n"
        "warnings.simplefilter('ignore')\n"
        "from tensorrt_rtx import *\n"
        "from tensorrt_rtx import Builder as _Builder, ComputeCapability\n"
        "__version__ = '11.4.0'\n"
        "class Builder(_Builder):\n"
        "    def create_builder_config(self):\n"
        "        config = super().create_builder_config()\n"
        "        config.num_compute_capabilities = 1\n"
        "        config.set_compute_capability(ComputeCapability.SM89, 0)\n"
        "        return config\n"
    )
    monkeypatch.syspath_prepend(str(folder.parent))
    monkeypatch.setenv("PYTHONPATH", str(folder.parent))
    monkeypatch.delitem(sys.modules, "tensorrt", raising=False)


@pytest.mark.usefixtures("shim")
def test_kernel_timings_are_kept_and_used_again(tmp_path: Path, cache: EngineCache) -> None:
    for seed in (1, 2):
        bundle = write_tiny(tmp_path / f"b{seed}", seed)
        made = Builder(bundle, "tensorrt", CARD, cache, Options())
        entry, _ = made.build("decoder", ignore, ignore)
        assert set(entry.files) == {PLAN}
        assert entry.fields["gpu"] == "RTX 4090"
    kinds = [entry.fields["kind"] for entry in cache.entries()]
    assert sorted(kinds) == ["tensorrt", "tensorrt", "timing"]


@pytest.mark.usefixtures("shim")
def test_kernel_timings_outlive_a_cancelled_build(bundle: Bundle, cache: EngineCache) -> None:
    def interrupt(name: str, fraction: float, phase: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Builder(bundle, "tensorrt", CARD, cache, Options()).build("decoder", interrupt, ignore)
    assert [entry.fields["kind"] for entry in cache.entries()] == ["timing"]


def test_structure_is_that_of_the_architecture(tmp_path: Path) -> None:
    one, two = (write_tiny(tmp_path / str(seed), seed) for seed in (1, 2))
    pooled = write_tiny(tmp_path / "p", 1, pooled=True)
    assert sha256_file(one.path("denoiser")) == sha256_file(one.path("denoiser"))
    assert structure(one.path("denoiser")) == structure(two.path("denoiser"))
    assert structure(one.path("decoder")) == structure(two.path("decoder"))
    assert structure(one.path("denoiser")) != structure(pooled.path("denoiser"))
    assert structure(one.path("denoiser")) != structure(one.path("decoder"))
