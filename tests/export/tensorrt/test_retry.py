"""What is tried again when TensorRT refuses, and that new engines must draw what the CPU draws.

The builder is a script here: running out of memory at one level and not at another needs a GPU.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from export.tensorrt import builder as built
from export.tensorrt import retry
from export.tensorrt.builder import Builder, Options, build_engines, describe
from export.tensorrt.enginebuilder import STARVED, Job
from export.tensorrt.retry import build_with_retries
from runtime.bundles.bundle import Bundle
from runtime.enginecache.cache import EngineCache
from runtime.enginecache.place import QUARANTINE
from runtime.engines import gpu
from runtime.engines.engine import Rendered
from runtime.engines.gpu import Gpu
from runtime.engines.tensorrt import device
from runtime.engines.tensorrt.engine import TensorRtEngine, open_engine
from runtime.engines.tensorrt.module import make_log
from runtime.errors import BuildError, EngineError, TargetError
from tests.support.building import ignore
from tests.support.gpu.fakecuda import FakeCuda
from tests.support.gpu.faketensorrt import MAGIC, make_module, make_plan
from tests.support.models.tinybundle import write_tiny

NO_MEMORY = "TensorRT could not build the engine: OutOfMemory"
NO_REFIT = (
    "TensorRT could not build the engine: MyelinCheckException: graph_jit.cpp:278: "
    "CHECK(cuModuleLoad(...) == CUDA_SUCCESS) failed"
)
"""as tensorrt_rtx says it; the word refit is not in it"""
CARD = Gpu("RTX 4090", "8.9")


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Job]]:
    """Let builds at (level, refit) fail with the words given; return the jobs that were tried.

    The others write what ``plan`` makes of their graph.
    """

    def prepare(
        failures: dict[tuple[int, bool], str], plan: Callable[[Path], bytes] = make_plan
    ) -> list[Job]:
        tried: list[Job] = []

        def run(job: Job, show: Any) -> dict[str, Any]:
            tried.append(job)
            if (job.level, job.refit) in failures:
                raise BuildError(failures[job.level, job.refit])
            Path(job.plan).write_bytes(plan(Path(job.graph)))
            return {
                "refit": job.refit,
                "level": job.level,
                "workspace": job.workspace,
                "seconds": 1.0,
            }

        monkeypatch.setattr(retry, "run", run)
        return tried

    return prepare


@pytest.mark.parametrize(
    ("failures", "tried"),
    [
        ({(3, True): "TensorRT cannot read the graph: Bogus"}, [(3, True)]),
        (
            {(3, False): "the build was killed (signal 9)", (3, True): NO_REFIT},
            [(3, True), (3, False)],
        ),
        (
            {(3, True): NO_REFIT, (3, False): NO_REFIT, (1, False): NO_REFIT},
            [(3, True), (3, False), (1, False)],
        ),
        (
            {(3, True): NO_MEMORY, (3, False): NO_MEMORY, (1, False): NO_MEMORY},
            [(3, True), (3, False), (1, False)],
        ),
        (
            {(3, True): NO_REFIT, (3, False): NO_MEMORY, (1, False): NO_MEMORY},
            [(3, True), (3, False), (1, False)],
        ),
    ],
)
def test_each_thing_is_given_up_once_and_only_for_its_own_reason(
    script: Callable[..., list[Job]],
    failures: dict[tuple[int, bool], str],
    tried: list[tuple[int, bool]],
) -> None:
    jobs = script(failures)
    job = Job("tensorrt", "g", "p", [], "8.9", "f32", level=3, refit=True)
    with pytest.raises(BuildError):
        build_with_retries(job, ignore, ignore)
    assert [(one.level, one.refit) for one in jobs] == tried


def test_tactics_skipped_for_memory_count_as_memory() -> None:
    """TensorRT only warns of them; what it says in the end names a layer."""
    pytest.importorskip("tensorrt_rtx")
    log, errors = make_log("tensorrt_rtx", warning=STARVED)
    warning = "Skipping tactic 0x2 due to insufficient memory on requested size of 8589934592"
    severity = type(log).Severity
    log.log(severity.WARNING, "something else")
    assert not errors.warned
    log.log(severity.WARNING, warning)
    log.log(severity.ERROR, "Could not find any implementation for node conv1")
    assert errors.warned
    assert errors.tail() == "Could not find any implementation for node conv1"
    assert STARVED in retry.NEEDS_MEMORY


@pytest.fixture
def fake_gpu(monkeypatch: pytest.MonkeyPatch) -> FakeCuda:
    cuda = FakeCuda()
    monkeypatch.setitem(sys.modules, "tensorrt", make_module("tensorrt", cuda, "10.16"))
    for place in (gpu, device):
        monkeypatch.setattr(place, "cuda_runtime", lambda: cuda)
    return cuda


@pytest.mark.usefixtures("fake_gpu")
def test_an_engine_of_a_lower_level_says_so_and_gives_way(
    cache: EngineCache, bundle: Bundle, script: Callable[..., list[Job]]
) -> None:
    script({(3, False): NO_MEMORY})

    def builder(workspace: int) -> Builder:
        return Builder(bundle, "tensorrt", CARD, cache, Options(workspace=workspace, refit=False))

    entry, made = builder(1000).build("decoder", ignore, ignore)
    assert made
    assert "optimisation level 1, for want of memory" in describe(entry)
    assert not builder(1100).build("decoder", ignore, ignore)[1], "as little memory as before"
    lines: list[str] = []
    again, _ = builder(2000).build("decoder", ignore, lines.append)
    assert "there is more memory now" in lines[0]
    assert again.notes["level"] == 1
    script({})
    better, made = builder(4000).build("decoder", ignore, ignore)
    assert made
    assert better.notes["level"] == 3
    assert "level" not in describe(better)


@pytest.mark.usefixtures("fake_gpu")
@pytest.mark.parametrize(("version", "refit"), [("11.3.0.99", False), ("11.4.0", True)])
def test_no_engine_of_tensorrt_11_3_is_refittable(
    version: str,
    refit: bool,
    cache: EngineCache,
    bundle: Bundle,
    script: Callable[..., list[Job]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(sys.modules, "tensorrt", make_module("tensorrt", FakeCuda(), version))
    jobs = script({})
    builder = Builder(bundle, "tensorrt", None, cache, Options(refit=True))
    builder.build("decoder", ignore, ignore)
    assert [one.refit for one in jobs] == [refit]
    build_engines(bundle, "tensorrt", cache=cache, options=Options(refit=True), gpu=CARD)
    message = "--refit is left out: engines of TensorRT 11.3"
    assert (message in capsys.readouterr().err) is not refit


@pytest.mark.usefixtures("fake_gpu")
def test_engines_for_the_gpu_at_hand_must_draw_what_the_cpu_draws(
    tmp_path: Path,
    cache: EngineCache,
    bundle: Bundle,
    script: Callable[..., list[Job]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """On the fake GPU, which executes whatever graph the plan holds."""
    script({})
    assert len(build_engines(bundle, "tensorrt", cache=cache)) == 3
    assert "dB from f32 on the CPU" in capsys.readouterr().err
    shutil.rmtree(cache.root)
    other = write_tiny(tmp_path / "other", 2).path("denoiser")
    script({}, lambda graph: make_plan(other if graph.name == other.name else graph))
    with pytest.raises(BuildError, match=r"draw something else.* quarantine") as caught:
        build_engines(bundle, "tensorrt", cache=cache)
    assert "\n" not in str(caught.value)
    assert not [entry for entry in cache.entries() if entry.fields["kind"] == "tensorrt"]
    assert len(list((cache.root / QUARANTINE).iterdir())) == 3


@pytest.mark.usefixtures("fake_gpu")
def test_engines_that_draw_no_numbers_are_not_kept(
    cache: EngineCache, bundle: Bundle, script: Callable[..., list[Job]]
) -> None:
    script({}, lambda graph: altered(graph, np.nan if graph.stem == "denoiser" else 0))
    with pytest.raises(BuildError, match=r"not finite.* in quarantine"):
        build_engines(bundle, "tensorrt", cache=cache)
    assert not cache.entries()
    script({})
    assert len(build_engines(bundle, "tensorrt", cache=cache)) == 3


@pytest.mark.usefixtures("fake_gpu")
def test_a_batch_is_tried_too(
    cache: EngineCache,
    bundle: Bundle,
    script: Callable[..., list[Job]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Films come in fours, from kernels of their own."""
    script({})
    render = TensorRtEngine.render

    def crooked(self: TensorRtEngine, *given: Any) -> Rendered:
        rendered = render(self, *given)
        pixels = rendered.pixels.copy()
        pixels[1:] = 255 - pixels[1:]
        return replace(rendered, pixels=pixels)

    monkeypatch.setattr(TensorRtEngine, "render", crooked)
    with pytest.raises(BuildError, match="draw something else"):
        build_engines(bundle, "tensorrt", cache=cache)


@pytest.mark.parametrize("harm", ["Ctrl-C", "no memory"])
def test_engines_that_nobody_has_looked_at_yet_are_not_played(
    cache: EngineCache,
    bundle: Bundle,
    script: Callable[..., list[Job]],
    fake_gpu: FakeCuda,
    monkeypatch: pytest.MonkeyPatch,
    harm: str,
) -> None:
    monkeypatch.setattr("runtime.enginecache.cache.cache_root", lambda: cache.root)
    jobs = script({})

    def interrupt(*given: object) -> float:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        if harm == "Ctrl-C":
            patch.setattr(built, "psnr_against_cpu", interrupt)
        else:
            patch.setattr(fake_gpu, "free_bytes", 10)
        with pytest.raises((KeyboardInterrupt, BuildError)):
            build_engines(bundle, "tensorrt", cache=cache)
    assert len(jobs) == 3
    with pytest.raises(EngineError, match="compared with the CPU; run: wordmorph build"):
        open_engine(bundle, "auto")
    build_engines(bundle, "tensorrt", cache=cache)
    assert len(jobs) == 3, "they were built already"
    open_engine(bundle, "auto").close()


def altered(graph: Path, share: float) -> bytes:
    """Return a plan of ``graph`` whose weights are off by ``share`` of themselves."""
    model = onnx.load(graph)
    random = np.random.default_rng(0)
    for tensor in model.graph.initializer:
        array = numpy_helper.to_array(tensor)
        if array.dtype == np.float32 and array.ndim > 1:
            off = array * (1 + share * random.normal(size=array.shape))
            tensor.CopyFrom(numpy_helper.from_array(off.astype(np.float32), tensor.name))
    return MAGIC + bytes(model.SerializeToString())


@pytest.mark.fault(29)
@pytest.mark.usefixtures("fake_gpu")
@pytest.mark.parametrize(("share", "words"), [(1e-3, "dB from f32"), (0.08, "coarse"), (1, "")])
def test_a_rebuilt_engine_may_draw_a_little_otherwise(
    cache: EngineCache,
    bundle: Bundle,
    script: Callable[..., list[Job]],
    capsys: pytest.CaptureFixture[str],
    share: float,
    words: str,
) -> None:
    """A little is said, more is said as coarse, another picture is refused."""
    script({})
    build_engines(bundle, "tensorrt", cache=cache)
    first = capsys.readouterr().err
    assert "99.0 dB" in first or "dB from f32" in first
    script({}, lambda graph: altered(graph, share))
    shutil.rmtree(cache.root)
    if not words:
        with pytest.raises(BuildError, match="draw something else"):
            build_engines(bundle, "tensorrt", cache=cache)
        return
    build_engines(bundle, "tensorrt", cache=cache)
    message = capsys.readouterr().err
    assert words in message
    assert ("coarse" in message) == (words == "coarse")
    assert len(build_engines(bundle, "tensorrt", cache=cache)) == 3, "kept"


@pytest.mark.usefixtures("fake_gpu")
def test_a_refitted_engine_that_draws_something_else_is_built_anew(
    tmp_path: Path,
    cache: EngineCache,
    bundle: Bundle,
    script: Callable[..., list[Job]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """As when a weight that lies behind a cast is left out of a refit."""
    jobs = script({})
    options = Options(refit=True)
    build_engines(bundle, "tensorrt", cache=cache, options=options)
    stale = {Path(job.graph).name: Path(job.graph) for job in jobs}
    jobs.clear()

    def refit(job: Job, show: Any) -> dict[str, Any]:
        assert job.base
        Path(job.plan).write_bytes(make_plan(stale[Path(job.graph).name]))
        return {"refit": True, "level": job.level, "refitted": True, "seconds": 0.1}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(built, "run", refit)
        other = write_tiny(tmp_path / "2", 2)
        entries = build_engines(other, "tensorrt", cache=cache, options=options)
    assert "building anew, because refitting went wrong" in capsys.readouterr().err
    assert [job.refit for job in jobs] == [False] * 3
    assert not any(entry.notes.get("refitted") for entry in entries)
    assert len(list((cache.root / QUARANTINE).iterdir())) == 3


@pytest.mark.usefixtures("fake_gpu")
def test_refit_is_what_was_asked_for_last(
    cache: EngineCache,
    bundle: Bundle,
    script: Callable[..., list[Job]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    jobs = script({})

    def build(*, refit: bool) -> list[bool]:
        jobs.clear()
        build_engines(bundle, "tensorrt", cache=cache, options=Options(refit=refit))
        return [job.refit for job in jobs]

    assert build(refit=False) == [False] * 3
    assert build(refit=False) == []
    with pytest.MonkeyPatch.context() as patch:  # one that is there is no base for itself
        patch.setattr(Builder, "_base", lambda *given: "")
        assert build(refit=True) == [True] * 3
        assert "it cannot be refitted, building it again" in capsys.readouterr().err
        assert build(refit=True) == []
        assert build(refit=False) == [False] * 3
        assert "draws slower, building it again" in capsys.readouterr().err
        script({(3, True): NO_REFIT})
        build_engines(bundle, "tensorrt", cache=cache, options=Options(refit=True))
        tried = script({(3, True): NO_REFIT})
        build_engines(bundle, "tensorrt", cache=cache, options=Options(refit=True))
        assert not tried, "what cannot be had is not tried for ever"


@pytest.mark.usefixtures("fake_gpu")
def test_timings_that_cannot_be_kept_lose_no_engine(
    cache: EngineCache,
    bundle: Bundle,
    script: Callable[..., list[Job]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    script({})
    honest = vars(retry)["run"]

    def with_timings(job: Job, show: Any) -> dict[str, Any]:
        Path(job.timing).write_bytes(b"timings")
        notes: dict[str, Any] = honest(job, show)
        return notes

    def full(*given: object) -> None:
        raise TargetError("the disk filled up")

    monkeypatch.setattr(retry, "run", with_timings)
    monkeypatch.setattr(EngineCache, "replace", full)
    builder = Builder(bundle, "tensorrt", CARD, cache, Options())
    assert builder.build("decoder", ignore, ignore)[1]
    assert len(cache.entries()) == 1


def test_a_backend_that_fails_gives_way_to_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from rich.console import Console

    from player.commands import build as command

    tried: list[str] = []

    def fail_once(bundle: Bundle, backend: str, options: Options) -> None:
        tried.append(backend)
        if backend == "tensorrt":
            raise BuildError("the denoiser: no memory [/tmp]")

    monkeypatch.setattr(command, "usable", lambda name: None)
    monkeypatch.setattr(built, "build_engines", fail_once)
    command._compile(Console(stderr=True), write_tiny(tmp_path), None)
    assert tried == ["tensorrt", "tensorrt_rtx"]
    assert "tensorrt: the denoiser: no memory [/tmp]" in capsys.readouterr().err
