from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path

import pytest

from runtime.bundles.library import built_in
from runtime.bundles.manifest import MANIFEST
from runtime.doctor import Finding, examine
from runtime.enginecache.cache import EngineCache
from runtime.enginecache.entry import EntryKey
from runtime.engines import driver, gpu
from runtime.engines.choose import BACKENDS
from runtime.engines.openvino.engine import open_engine as open_openvino
from tests.support.gpu.fakecuda import FakeCuda
from tests.support.models.tinybundle import render_tiny, write_tiny


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of installed packages, first on the path."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    return folder


def install(site: Path, package: str, version: str, files: dict[str, bytes] | None = None) -> None:
    info = site / f"{package.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n")
    for name, data in (files or {}).items():
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_bytes(data)
    (info / "RECORD").write_text("".join(f"{name},,\n" for name in files or {}))


def find(subject: str) -> Finding:
    return next(finding for finding in examine() if finding.subject == subject)


def found(subject: str) -> bool:
    return any(finding.subject == subject for finding in examine())


def test_every_backend_is_usable_or_has_a_line_with_a_command() -> None:
    findings = {finding.subject: finding for finding in examine()}
    for backend in BACKENDS:
        finding = findings[backend]
        assert "\n" not in finding.text
        assert finding.state == "ok" or "install" in finding.text
    assert findings["openvino"].state == "ok"


def test_the_memory_is_said_in_figures() -> None:
    finding = find("memory")
    figures = re.match(r"([\d.]+) of ([\d.]+) GiB free", finding.text)
    assert figures is not None, finding.text
    free, total = map(float, figures.groups())
    assert 0 < free <= total
    if hasattr(os, "sysconf"):  # another way to ask
        asked = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
        assert total == pytest.approx(asked, rel=0.1)


@pytest.mark.fault(12)
def test_both_onnxruntime_wheels_are_named_with_the_fix(site: Path) -> None:
    install(site, "onnxruntime", "1.32.0")
    assert not found("onnxruntime packages")
    install(site, "onnxruntime-gpu", "1.31.1")
    finding = find("onnxruntime packages")
    assert finding.state == "problem"
    assert "pip uninstall -y onnxruntime onnxruntime-gpu" in finding.text


@pytest.mark.fault(13)
def test_a_tensorrt_that_onnxruntime_cannot_load_is_explained(site: Path) -> None:
    provider = "onnxruntime/capi/libonnxruntime_providers_tensorrt.so"
    install(site, "onnxruntime-gpu", "1.31.1", {provider: b"\0ELF\0libnvinfer.so.10\0"})
    install(site, "tensorrt", "11.4.0.106")
    finding = find("onnxruntime's TensorRT provider")
    assert "libnvinfer.so.10" in finding.text
    assert "libnvinfer.so.11" in finding.text


@pytest.mark.fault(14)
@pytest.mark.parametrize(
    "text",
    [
        "raise FileNotFoundError('libnvinfer.so.11: cannot open shared object file')",
        "raise ImportError('libnvinfer.so.11: cannot open shared object file')",
        "import libnvinfer_so_11",
    ],
)
def test_a_tensorrt_without_its_libraries_is_reported_absent(
    site: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    """This is what stays behind when NVIDIA's own package index cannot be reached; frames go on."""
    monkeypatch.delitem(sys.modules, "tensorrt", raising=False)
    (site / "tensorrt").mkdir()
    (site / "tensorrt" / "__init__.py").write_text(text)
    finding = find("tensorrt")
    assert finding.state == "absent"
    assert "libnvinfer" in finding.text
    assert "pip install tensorrt" in finding.text
    engine = open_openvino(write_tiny(site.parent / "bundle", 1), "f32")
    assert render_tiny(engine, 1, 1, 1).pixels.shape == (1, 8, 16, 3)
    engine.close()


def test_no_display_suggests_a_film(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER"):
        monkeypatch.delenv(name, raising=False)
    finding = find("display")
    if sys.platform.startswith("linux"):
        assert "wordmorph render" in finding.text


def test_quarantined_engines_are_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = EngineCache(tmp_path)
    monkeypatch.setattr("runtime.enginecache.cache.cache_root", lambda: tmp_path)
    assert not found("quarantine")
    entry = cache.get_or_build(EntryKey("m", {"kind": "x"}), lambda folder: {})
    cache.quarantine(entry.folder)
    finding = find("quarantine")
    assert "wordmorph engines prune" in finding.text


def test_a_damaged_built_in_model_is_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = find("model critters")
    if (built_in() / MANIFEST).exists():
        assert model.state == "ok"
    monkeypatch.setattr("runtime.bundles.library.built_in", lambda: tmp_path / "gone")
    model = find("model critters")
    assert model.state == "problem"


def test_a_built_model_that_cannot_be_read_is_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORDMORPH_HOME", str(tmp_path))
    write_tiny(tmp_path / "mine")
    model = find("model mine")
    assert model.state == "ok"
    (tmp_path / "mine" / MANIFEST).write_text("{")
    model = find("model mine")
    assert model.state == "problem"
    assert "build the model again" in model.text


@pytest.mark.skipif(sys.platform == "win32", reason="modes the POSIX way")
def test_a_cache_that_others_can_write_to_is_a_problem_with_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runtime.enginecache.cache.cache_root", lambda: tmp_path)
    tmp_path.chmod(0o777)
    finding = find("engine cache")
    assert finding.state == "problem"
    assert f"chmod 700 {tmp_path}" in finding.text


def test_without_a_gpu_there_is_a_command_that_installs_a_driver(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cuda = FakeCuda()
    cuda.driver = 0
    monkeypatch.setattr(gpu, "cuda_runtime", lambda: cuda)
    monkeypatch.setattr(driver, "CONTAINER_MARKS", ())
    monkeypatch.setattr(sys, "platform", "linux")
    for tools, command in (
        ({"apt-get", "ubuntu-drivers"}, "sudo ubuntu-drivers install"),
        ({"dnf"}, "sudo dnf install akmod-nvidia"),
        (set(), "xdg-open https://www.nvidia.com/drivers"),
    ):
        monkeypatch.setattr(shutil, "which", lambda tool, t=tools: tool if tool in t else None)
        finding = find("NVIDIA GPU")
        assert finding.state == "absent"
        assert finding.text.endswith(f"install its driver with: {command}")
