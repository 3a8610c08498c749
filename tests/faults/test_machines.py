"""Faults 11 to 14, 17 and 28: packages that do not fit, a capture that fails, no network."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from runtime import doctor
from runtime.bundles.bundle import Bundle
from runtime.engines.onnxruntime.engine import OnnxRuntimeEngine
from runtime.engines.openvino.engine import open_engine as open_openvino
from runtime.engines.tensorrt.engine import open_engine
from runtime.errors import EngineError
from runtime.pipeline import Pipeline
from tests.faults.table import fault, one_line
from tests.support.fakecuda import FakeCuda
from tests.support.tinybundle import expect_tiny, render_tiny


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
        cwd=Path(__file__).parent.parent.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    height, width = pipeline.size[1], pipeline.size[0]
    assert done.stdout.strip() == f"({height}, {width}, 3) True"
