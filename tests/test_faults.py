"""What goes wrong on people's machines, planted for real, and what must happen then.

``FAULTS`` is the table; every row has at least one test, which ``test_every_row_has_a_test``
checks. Where a GPU would be needed the fault is planted in the fakes of ``tests.fakecuda`` and
``tests.faketensorrt``, and the test says so.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import pickle
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest

from export.checkpoint import open_folder
from export.resolve import slug
from export.tensorrt import Builder, Options
from runtime import doctor
from runtime.bundle import MANIFEST, ROLES, Bundle, open_bundle
from runtime.cachefolder import Key, verify
from runtime.enginecache import PARTIAL, QUARANTINE, EngineCache
from runtime.engines import device, gpu, plans
from runtime.engines.gpu import Gpu, find_gpu
from runtime.engines.network import Network
from runtime.engines.onnxruntime import OnnxRuntimeEngine
from runtime.engines.openvino import open_engine as open_openvino
from runtime.engines.tensorrt import open_engine
from runtime.errors import BuildError, BundleError, EngineError, RequestError, TargetError
from runtime.pipeline import Pipeline
from tests.fakecuda import FakeCuda
from tests.faketensorrt import make_module, make_plan
from tests.tinybundle import STEPS, TOKENS, expect_tiny, render_tiny, write_tiny

pytest.importorskip("tensorrt_rtx")

FAULTS = {
    1: "engine truncated, or one byte of it flipped",
    2: "weights replaced under the same name",
    3: "engine runtime, GPU or shape changed; a manifest of another GPU",
    4: "TensorRT returns nothing instead of an engine or a context",
    5: "Ctrl-C or SIGKILL in the middle of a build",
    6: "two processes build one engine",
    7: "disk full",
    8: "out of GPU memory in a build",
    10: "the system kills a build for its memory",
    11: "a GPU provider that is silently the CPU",
    12: "both onnxruntime wheels installed",
    13: "onnxruntime's TensorRT provider wants another TensorRT",
    14: "NVIDIA's package index cannot be reached",
    15: "a shape or token count outside what was built",
    17: "CUDA graph capture fails",
    19: "a partial safetensors file",
    20: "a pickled checkpoint",
    21: "code in a model folder",
    22: "a model name that is a path",
    23: "an engine of somebody else's, or without a manifest",
    28: "no network",
}
"""Numbers as in the list of faults that the design was made against."""

ADA = Gpu("any", "8.9")
SPAWN = multiprocessing.get_context("spawn")
Test = TypeVar("Test", bound=Callable[..., Any])
TESTED: set[int] = set()


def fault(number: int) -> Callable[[Test], Test]:
    """Mark a test as planting row ``number`` of the table."""

    def mark(test: Test) -> Test:
        TESTED.add(number)
        return test

    return mark


def test_every_row_has_a_test() -> None:
    assert set(FAULTS) == TESTED


def quiet(*said: object) -> None:
    pass


def gpu_here() -> bool:
    try:
        return find_gpu() is not None
    except EngineError:  # cuda-bindings is not installed
        return False


def one_line(error: pytest.ExceptionInfo[BaseException]) -> str:
    text = str(error.value)
    assert text
    assert "\n" not in text
    return text


@pytest.fixture
def cache(tmp_path: Path) -> EngineCache:
    return EngineCache(tmp_path / "cache")


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return write_tiny(tmp_path / "bundle", 1)


def builder(bundle: Bundle, cache: EngineCache, **options: Any) -> Builder:
    return Builder(bundle, "tensorrt_rtx", ADA, cache, Options(**options))


def plan_of(bundle: Bundle, cache: EngineCache) -> Path:
    """Build the decoder's engine for real and return its file."""
    entry, _ = builder(bundle, cache).build("decoder", quiet, quiet)
    return entry.folder / plans.PLAN


def load(bundle: Bundle, cache: EngineCache, card: Gpu = ADA) -> Network:
    """Load the decoder's engine as the player would."""
    return Network(bundle, "decoder", "tensorrt_rtx", card, cache)


@pytest.fixture
def fake_gpu(bundle: Bundle, cache: EngineCache, monkeypatch: pytest.MonkeyPatch) -> FakeCuda:
    """A fake GPU with the bundle's engines built for it."""
    cuda = FakeCuda()
    monkeypatch.setitem(sys.modules, "tensorrt", make_module("tensorrt", cuda))
    for place in (gpu, device):
        monkeypatch.setattr(place, "cuda_runtime", lambda: cuda)
    monkeypatch.setattr("runtime.enginecache.cache_root", lambda: cache.root)
    found = find_gpu()
    assert found is not None
    for role in ROLES:
        plan = make_plan(bundle.path(role))

        def write(folder: Path, plan: bytes = plan) -> Mapping[str, Any]:
            (folder / plans.PLAN).write_bytes(plan)
            return {}

        cache.get_or_build(plans.plan_key(bundle, role, "tensorrt", "0.0", found), write)
    return cuda


def truncate(data: bytes) -> bytes:
    return data[: random.randrange(len(data))]


def flip(data: bytes) -> bytes:
    harmed = bytearray(data)
    harmed[random.randrange(len(data))] ^= 1 << random.randrange(8)
    return bytes(harmed)


@fault(1)
@pytest.mark.parametrize("harm", [truncate, flip, lambda data: b""])
def test_a_harmed_engine_is_quarantined_before_it_is_loaded(
    bundle: Bundle,
    cache: EngineCache,
    harm: Callable[[bytes], bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import tensorrt_rtx

    def explode(*args: object) -> None:
        raise AssertionError("the bytes reached TensorRT")

    plan = plan_of(bundle, cache)
    plan.write_bytes(harm(plan.read_bytes()))
    monkeypatch.setattr(tensorrt_rtx, "Runtime", explode)
    with pytest.raises(EngineError, match="quarantine") as caught:
        load(bundle, cache)
    assert "build it again" in one_line(caught)
    with pytest.raises(EngineError, match="run: wordmorph build tiny"):
        load(bundle, cache)
    assert len(list((cache.root / QUARANTINE).iterdir())) == 1
    assert plan_of(bundle, cache).exists()


@fault(2)
def test_replaced_weights_never_meet_the_old_engine(tmp_path: Path, cache: EngineCache) -> None:
    folders = set()
    for seed in (1, 2):
        bundle = write_tiny(tmp_path / "same", seed)
        entry, made = builder(bundle, cache).build("decoder", quiet, quiet)
        assert made
        folders.add(entry.folder)
        engine = open_openvino(bundle, "f32")
        frame = render_tiny(engine, 3, 1, 1).pixels
        engine.close()
        assert np.abs(frame.astype(int) - expect_tiny(seed, 3, 1, 1)).max() <= 1
    assert len(folders) == 2


@fault(3)
@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"capability": "12.0"}, "capability is 12.0, built for 8.9"),
        ({"version": "9.9"}, r"version is 9.9, built for 1\."),
        ({"shapes": "latent=1x4x64x64"}, "shapes is latent=1x4x64x64, built for latent=1x3x4x8"),
        ({"precision": "f16"}, "precision is f16, built for f32"),
    ],
)
def test_a_miss_names_the_field_that_differs(
    bundle: Bundle, cache: EngineCache, changed: dict[str, str], said: str
) -> None:
    plan_of(bundle, cache)
    version = str(plans.load_module("tensorrt_rtx").__version__)
    key = plans.plan_key(bundle, "decoder", "tensorrt_rtx", version, ADA)
    other = Key(key.model, {**key.fields, **changed})
    assert cache.find(other) is None
    assert re.search(said, cache.explain_miss(other))
    assert ";" not in cache.explain_miss(other).replace("; latent", "")


@fault(3)
def test_a_manifest_of_another_gpu_is_quarantined(bundle: Bundle, cache: EngineCache) -> None:
    manifest = plan_of(bundle, cache).with_name("manifest.json")
    text = manifest.read_text()
    assert '"capability": "8.9"' in text
    manifest.write_text(text.replace('"capability": "8.9"', '"capability": "8.6"'))
    with pytest.raises(EngineError, match="wordmorph build"):
        load(bundle, cache)
    assert len(list((cache.root / QUARANTINE).iterdir())) == 1


@fault(4)
def test_no_engine_from_tensorrt_is_its_own_words(bundle: Bundle, cache: EngineCache) -> None:
    """Without a driver, the real TensorRT answers None to a good engine."""
    if gpu_here():
        pytest.skip("the driver that must be absent is here")
    plan_of(bundle, cache)
    with pytest.raises(EngineError, match=r"cannot load the decoder: .*CUDA driver") as caught:
        load(bundle, cache)
    assert "wordmorph build" in one_line(caught)


@fault(4)
def test_no_context_from_tensorrt_is_its_own_words(bundle: Bundle, fake_gpu: FakeCuda) -> None:
    """On the fake GPU."""
    fake_gpu.free_bytes = 0
    with pytest.raises(EngineError, match=r"cannot run the text encoder: .*OutOfMemory") as caught:
        open_engine(bundle, "auto", "tensorrt")
    one_line(caught)


BUILD = """
import sys
from pathlib import Path
from export.tensorrt import Builder, Options
from runtime.bundle import open_bundle
from runtime.enginecache import EngineCache
from runtime.engines.gpu import Gpu
builder = Builder(
    open_bundle(Path(sys.argv[1])), "tensorrt_rtx", Gpu("any", "8.9"),
    EngineCache(Path(sys.argv[2])), Options(),
)
print("ready", flush=True)
entry, made = builder.build(sys.argv[3], lambda *a: None, lambda *a: None)
print("made" if made else "reused", flush=True)
"""


def start_build(bundle: Bundle, cache: EngineCache) -> subprocess.Popen[str]:
    root = str(Path(__file__).parent.parent)
    path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    return subprocess.Popen(
        [sys.executable, "-c", BUILD, str(bundle.folder), str(cache.root), "denoiser"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": path},
        text=True,
    )


@fault(5)
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_build_stopped_at_a_random_moment_leaves_nothing_visible(
    bundle: Bundle, cache: EngineCache, how: signal.Signals
) -> None:
    for _ in range(3):
        child = start_build(bundle, cache)
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        time.sleep(random.uniform(0.0, 1.0))
        child.send_signal(how)
        child.communicate(timeout=60)
        for entry in cache.entries():  # it was quicker
            assert verify(entry)
        cache.prune(older_than_s=-1)
    entry, made = builder(bundle, cache).build("denoiser", quiet, quiet)
    assert made
    assert verify(entry)
    assert not list(cache.root.glob(f"*{PARTIAL}"))


@fault(6)
def test_the_second_builder_waits_and_reuses(bundle: Bundle, cache: EngineCache) -> None:
    racers = [start_build(bundle, cache) for _ in range(2)]
    said = sorted(racer.communicate(timeout=120)[0].split()[-1] for racer in racers)
    assert said == ["made", "reused"]
    assert len(cache.entries()) == 1


def _full(root: Path) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    def build(folder: Path) -> Mapping[str, Any]:
        (folder / plans.PLAN).write_bytes(bytes(100_000))
        return {}

    try:
        EngineCache(root).replace(Key("m", {"kind": "x"}), build)
    except TargetError as error:
        assert "engines prune" in str(error)  # noqa: PT017  # in a child process
        sys.exit(7)


@fault(7)
def test_no_room_keeps_the_old_engine_and_no_half_of_the_new(cache: EngineCache) -> None:
    """The kernel refuses to let the file grow, as a full disk or a quota would."""
    key = Key("m", {"kind": "x"})

    def build(folder: Path) -> Mapping[str, Any]:
        (folder / plans.PLAN).write_bytes(b"old")
        return {}

    cache.get_or_build(key, build)
    child = SPAWN.Process(target=_full, args=(cache.root,))
    child.start()
    child.join(60)
    assert child.exitcode == 7
    entry = cache.find(key)
    assert entry is not None
    assert cache.load(entry, plans.PLAN) == b"old"
    assert not list(cache.root.glob(f"*{PARTIAL}"))


@fault(7)
def test_a_disk_that_is_really_full(bundle: Bundle, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("no right to mount a small disk here")
    try:
        cache = EngineCache(disk / "cache")
        with pytest.raises(TargetError, match=r"needs about 0\.0 GB.*engines prune"):
            builder(bundle, cache).build("decoder", quiet, quiet)

        def build(folder: Path) -> Mapping[str, Any]:
            (folder / plans.PLAN).write_bytes(bytes(1 << 20))
            return {}

        with pytest.raises(TargetError, match="filled up") as caught:
            cache.get_or_build(Key("m", {"kind": "x"}), build)
        one_line(caught)
        assert not list(cache.root.glob(f"*{PARTIAL}"))
        assert not cache.entries()
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@fault(7)
def test_too_little_room_is_said_before_the_work(cache: EngineCache) -> None:
    def build(folder: Path) -> Mapping[str, Any]:
        raise AssertionError("the work was begun")

    with pytest.raises(TargetError, match="make room"):
        cache.get_or_build(Key("m", {"kind": "x"}), build, need_bytes=1 << 60)


@fault(8)
def test_too_little_memory_is_retried_lower_then_said(bundle: Bundle, cache: EngineCache) -> None:
    said: list[str] = []
    with pytest.raises(BuildError, match="--size, or play with another --backend") as caught:
        builder(bundle, cache, workspace=1).build("denoiser", quiet, said.append)
    one_line(caught)
    assert said == ["not enough memory, trying once more at optimisation level 1"]
    assert not cache.entries()


@fault(10)
def test_a_build_the_system_kills_is_reported(
    bundle: Bundle, cache: EngineCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SIGKILL to the child that builds is what the kernel's out-of-memory killer sends."""
    started: list[Any] = []
    real = subprocess.Popen

    def remember(*args: Any, **settings: Any) -> Any:
        started.append(real(*args, **settings))
        return started[-1]

    def kill(name: str, fraction: float, phase: str) -> None:
        started[-1].kill()
        started[-1].wait()

    monkeypatch.setattr(subprocess, "Popen", remember)
    with pytest.raises(BuildError, match=r"killed \(signal 9\).*ran out of memory") as caught:
        builder(bundle, cache).build("denoiser", kill, quiet)
    one_line(caught)
    assert not cache.entries()
    assert not list(cache.root.glob(f"*{PARTIAL}"))


@fault(11)
def test_a_provider_that_is_not_there_is_refused(bundle: Bundle) -> None:
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("the provider that must be absent is here")
    with pytest.raises(EngineError, match="instead of CUDAExecutionProvider") as caught:
        OnnxRuntimeEngine(bundle, "onnxruntime")
    one_line(caught)


def install(site: Path, package: str, version: str, files: Mapping[str, bytes]) -> None:
    """Put a package's records, and some files, into a folder of packages."""
    info = site / f"{package.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n")
    (info / "RECORD").write_text("".join(f"{name},,\n" for name in files))
    for name, data in files.items():
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_bytes(data)


def diagnosis(subject: str) -> str:
    return next(found.text for found in doctor.examine() if found.subject == subject)


@fault(12)
def test_both_wheels_are_named_with_the_fix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "onnxruntime", "1.32.0", {})
    install(tmp_path, "onnxruntime-gpu", "1.31.1", {})
    monkeypatch.syspath_prepend(str(tmp_path))
    assert "pip uninstall -y onnxruntime onnxruntime-gpu" in diagnosis("onnxruntime packages")


@fault(13)
def test_libraries_of_different_versions_are_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = "onnxruntime/capi/libonnxruntime_providers_tensorrt.so"
    install(tmp_path, "onnxruntime-gpu", "1.31.1", {provider: b"\x7fELF\0libnvinfer.so.10\0"})
    install(tmp_path, "tensorrt", "11.4.0.106", {})
    monkeypatch.syspath_prepend(str(tmp_path))
    text = diagnosis("onnxruntime's TensorRT provider")
    assert "libnvinfer.so.10" in text
    assert "libnvinfer.so.11" in text


@fault(14)
def test_a_tensorrt_without_its_libraries_is_absent_and_the_rest_works(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = b"raise FileNotFoundError('libnvinfer.so.11: cannot open shared object file')"
    install(tmp_path, "tensorrt", "11.4.0.106", {"tensorrt/__init__.py": broken})
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "tensorrt", raising=False)
    assert "libnvinfer.so.11" in diagnosis("tensorrt")
    engine = open_openvino(bundle, "f32")
    assert render_tiny(engine, 1, 1, 1).pixels.shape == (1, 8, 16, 3)
    engine.close()


@fault(15)
def test_what_was_not_built_is_refused_with_what_was(pipeline: Pipeline) -> None:
    with pytest.raises(RequestError, match="tokens and this model reads 75"):
        pipeline.request("cat " * 80 + "-> kitten")
    offered = sorted(pipeline.bundle.manifest.steps)
    with pytest.raises(RequestError, match=f"use {offered[0]}") as caught:
        pipeline.request("cat -> kitten", steps=99)
    one_line(caught)
    with pytest.raises(RequestError, match=f"pictures of {pipeline.size[0]}x{pipeline.size[1]}"):
        Pipeline.open("critters", backend="openvino", size=(8, 8))


@fault(15)
def test_shapes_outside_the_profiles_are_refused(bundle: Bundle, fake_gpu: FakeCuda) -> None:
    """On the fake GPU."""
    engine = open_engine(bundle, "auto", "tensorrt")
    render_tiny(engine, 1, 1, 1)
    with pytest.raises(EngineError, match="use 1 or 4 frames of 8 prompts x 5 tokens") as caught:
        engine.render(np.zeros((2, 8, TOKENS), np.float32), None, STEPS[1])
    one_line(caught)
    engine.close()


@fault(17)
def test_a_failed_capture_is_one_warning_and_right_frames(
    bundle: Bundle, fake_gpu: FakeCuda
) -> None:
    """On the fake GPU."""
    engine = open_engine(bundle, "auto", "tensorrt")
    fake_gpu.capturable = False
    with pytest.warns(RuntimeWarning, match="without a CUDA graph") as caught:
        frames = [render_tiny(engine, seed, 1, 2).pixels for seed in (1, 2, 3)]
    assert len(caught) == 1
    for seed, frame in enumerate(frames, start=1):
        assert np.abs(frame.astype(int) - expect_tiny(1, seed, 1, 2)).max() <= 1
    engine.close()


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    from tests import checkpoints

    made: Path = checkpoints.make(tmp_path / "checkpoint", next(iter(checkpoints.FAMILIES)))
    return made


@fault(19)
@pytest.mark.parametrize("component", ["unet", "vae", "text_encoder"])
def test_a_partial_safetensors_file_is_named(checkpoint: Path, component: str) -> None:
    (weights,) = (checkpoint / component).glob("*.safetensors")
    weights.write_bytes(weights.read_bytes()[:-1000])
    with pytest.raises(BuildError, match="fetch it again") as caught:
        open_folder(checkpoint)
    assert weights.name in one_line(caught)


@fault(20)
@pytest.mark.parametrize("suffix", [".bin", ".ckpt", ".pt"])
def test_a_pickled_checkpoint_is_refused_unread(
    checkpoint: Path, suffix: str, tmp_path: Path
) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "exploded",))

    (weights,) = (checkpoint / "unet").glob("*.safetensors")
    weights.unlink()
    weights.with_suffix(suffix).write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(BuildError, match="convert it to safetensors") as caught:
        open_folder(checkpoint)
    one_line(caught)
    assert not (tmp_path / "exploded").exists()


@fault(21)
def test_code_in_a_model_folder_never_runs(checkpoint: Path, tmp_path: Path) -> None:
    trap = f"open({str(tmp_path / 'exploded')!r}, 'w').close()\n"
    for place in (".", "unet", "vae", "scheduler", "text_encoder", "tokenizer"):
        for name in ("pipeline.py", "__init__.py", "modeling_unet.py", "custom.py"):
            (checkpoint / place / name).write_text(trap)
    index = json.loads((checkpoint / "model_index.json").read_text())
    opened = open_folder(checkpoint)
    for component in ("scheduler", "tokenizer", "text_encoder", "unet", "vae"):
        opened.load(component)
    for component in ("unet", "scheduler"):
        planted = dict(index) | {component: ["pipeline", "MyPipeline"]}
        (checkpoint / "model_index.json").write_text(json.dumps(planted))
        with pytest.raises(BuildError):
            open_folder(checkpoint).load(component)
    assert not (tmp_path / "exploded").exists()


HOSTILE = (
    "../../etc/cron.d/x",
    "/etc/passwd",
    "C:\\Windows\\x",
    "\\\\server\\share",
    "a\0b",
    "a\nb\x1b[31m",
    "..",
    "con",
    "x" * 500,
    "模型",
)


@fault(22)
@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_never_becomes_a_path(name: str, cache: EngineCache) -> None:
    key = Key(name, {"kind": "x", "model": name})
    entry = cache.get_or_build(key, lambda folder: {})
    assert entry.folder.parent == cache.root
    assert entry.folder.resolve().is_relative_to(cache.root.resolve())
    assert set(entry.folder.name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert Path(slug(name)).name == slug(name)
    assert slug(name) not in ("", ".", "..")


@fault(22)
def test_a_bundle_cannot_name_files_elsewhere(bundle: Bundle) -> None:
    manifest = bundle.folder / MANIFEST
    text = manifest.read_text()
    for name in ("../denoiser.onnx", "/etc/passwd", "a/b.onnx"):
        manifest.write_text(text.replace('"denoiser": "denoiser.onnx"', f'"denoiser": "{name}"'))
        with pytest.raises(BundleError, match="not a plain file name"):
            open_bundle(bundle.folder)


@fault(23)
def test_an_engine_without_a_manifest_is_not_used(bundle: Bundle, cache: EngineCache) -> None:
    plan = plan_of(bundle, cache)
    plan.with_name("manifest.json").unlink()
    with pytest.raises(EngineError, match="wordmorph build"):
        load(bundle, cache)
    assert len(list((cache.root / QUARANTINE).iterdir())) == 1


@fault(23)
@pytest.mark.parametrize("what", ["engine.plan", "manifest.json", ".", ".."])
def test_an_engine_of_another_user_is_refused(
    bundle: Bundle, cache: EngineCache, what: str
) -> None:
    if os.getuid():
        pytest.skip("only root can give files away")
    folder = plan_of(bundle, cache).parent
    os.chown(folder / what, 12345, -1)
    with pytest.raises(EngineError) as caught:
        load(bundle, cache)
    one_line(caught)
    os.chown(cache.root, 0, -1)


@fault(23)
def test_a_link_is_not_followed_and_the_folder_is_private(
    bundle: Bundle, cache: EngineCache, tmp_path: Path
) -> None:
    plan = plan_of(bundle, cache)
    assert plan.parent.stat().st_mode & 0o77 == 0
    assert cache.root.stat().st_mode & 0o77 == 0
    shutil.move(plan, tmp_path / "elsewhere.plan")
    plan.symlink_to(tmp_path / "elsewhere.plan")
    with pytest.raises(EngineError, match="is a link"):
        load(bundle, cache)


OFFLINE = """
import sys
def refuse(event, args):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname"):
        if not (event == "socket.connect" and isinstance(args[1], (str, bytes))):
            raise RuntimeError(f"the network was used: {event} {args}")
sys.addaudithook(refuse)
from runtime.doctor import examine
from runtime.pipeline import Pipeline
with Pipeline.open("critters", backend="auto") as pipeline:
    frame = pipeline.render(pipeline.request("cat -> kitten", 0.5))
    print(frame.pixels.shape, len(examine()) > 5)
assert not [name for name in sys.modules if name.split(".")[0] in ("torch", "diffusers")]
"""


@fault(28)
def test_rendering_needs_no_network(pipeline: Pipeline) -> None:
    done = subprocess.run(
        [sys.executable, "-c", OFFLINE],
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    height, width = pipeline.size[1], pipeline.size[0]
    assert done.stdout.strip() == f"({height}, {width}, 3) True"
