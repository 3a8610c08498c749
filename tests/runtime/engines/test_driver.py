"""What is said where no GPU can be used. The driver is a stub that is compiled here and answers
NVIDIA's real ``cuda.bindings``, or else the fake of ``tests.support.gpu.fakecuda``."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from runtime.engines import driver
from runtime.engines.childprocess import child_environment
from runtime.engines.driver import no_gpu_line
from tests.support.gpu.fakecuda import FakeCuda, cudaError_t

ROOT = Path(__file__).parents[3]
STUB = """
#include <stdlib.h>
#include <string.h>
static int number(const char *name) { const char *v = getenv(name); return v ? atoi(v) : 0; }
int cuInit(unsigned flags) { return number("STUB_INIT"); }
int cuDriverGetVersion(int *version) { *version = number("STUB_VERSION"); return 0; }
int cuDeviceGetCount(int *count) { *count = 0; return 0; }
int cuGetProcAddress_v2(const char *s, void **f, int v, unsigned long long flags, void *status) {
  *f = 0;
  if (!strcmp(s, "cuInit")) *f = cuInit;
  if (!strcmp(s, "cuDriverGetVersion")) *f = cuDriverGetVersion;
  if (!strcmp(s, "cuDeviceGetCount")) *f = cuDeviceGetCount;
  return *f ? 0 : 500;
}
int cuGetProcAddress(const char *s, void **f, int v, unsigned long long flags) {
  return cuGetProcAddress_v2(s, f, v, flags, 0);
}
"""
DOCTOR = "import sys; from player.cli import main; sys.argv[1:] = ['doctor', '--json']; main()"
FINDINGS = """
from runtime.engines.gpu import find_gpu, no_gpu_line
assert find_gpu() is None
print(no_gpu_line())
"""


@pytest.fixture(scope="session")
def stub(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a ``libcuda.so.1`` that answers as the environment tells it to."""
    pytest.importorskip("cuda.bindings.runtime")
    compiler = shutil.which("cc")
    if not sys.platform.startswith("linux") or compiler is None:
        pytest.skip("needs a C compiler on Linux")
    folder = tmp_path_factory.mktemp("stub")
    (folder / "stub.c").write_text(STUB)
    made = ["-shared", "-fPIC", "-w", "-o", str(folder / "libcuda.so.1"), str(folder / "stub.c")]
    subprocess.run([compiler, *made], check=True)
    return folder


def message(command: list[str], **changed: str) -> str:
    environment = child_environment() | changed
    done = subprocess.run(
        [sys.executable, *command], env=environment, capture_output=True, text=True, check=False
    )
    assert not done.stderr, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("version", "init", "words"),
    [
        ("12040", "0", "driver is too old: it serves CUDA 12.4, and the packages here are made"),
        ("12040", "0", "driver 580 or newer is needed"),
        ("13000", "100", "driver, for CUDA 13.0, but it finds no GPU"),
    ],
)
def test_nvidias_own_runtime_on_a_stub_driver(
    stub: Path, version: str, init: str, words: str
) -> None:
    answers = {"LD_LIBRARY_PATH": str(stub), "STUB_VERSION": version, "STUB_INIT": init}
    text = message(["-c", FINDINGS], **answers)
    assert words in text
    assert text.count("\n") == 1


def test_doctor_says_that_a_stub_driver_is_too_old_and_nothing_of_nvidia_is_usable(
    stub: Path,
) -> None:
    answers = {"LD_LIBRARY_PATH": str(stub), "STUB_VERSION": "12040"}
    findings = {one["subject"]: one for one in json.loads(message(["-c", DOCTOR], **answers))}
    assert "too old" in findings["NVIDIA GPU"]["text"]
    for backend in ("tensorrt", "tensorrt_rtx", "onnxruntime"):
        assert findings[backend]["state"] == "absent"


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeCuda:
    """A fake GPU on a Linux that is neither a container nor under WSL2."""
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(driver, "CONTAINER_MARKS", (tmp_path / "container",))
    monkeypatch.setattr(driver, "WSL_DEVICE", tmp_path / "dxg")
    monkeypatch.setattr(shutil, "which", lambda tool: None)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return FakeCuda()


def change(cuda: FakeCuda, **values: Any) -> None:
    for name, value in values.items():
        setattr(cuda, name, value)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"driver": 0}, "no NVIDIA GPU or driver answers here; if there is a GPU, install"),
        ({"driver": 12040}, "too old: it serves CUDA 12.4"),
        ({"devices": 0}, "but it finds no GPU"),
        ({"fault": cudaError_t.cudaErrorSystemDriverMismatch}, "restart the machine"),
        ({"fault": cudaError_t.cudaErrorStubLibrary}, "take the folder 'stubs' out"),
        ({"fault": cudaError_t.cudaErrorIllegalAddress}, "(cudaErrorIllegalAddress)"),
    ],
)
def test_each_lack_has_words_of_its_own(
    plain: FakeCuda, values: dict[str, Any], words: str
) -> None:
    change(plain, **values)
    text = no_gpu_line(plain)  # type: ignore[arg-type]
    assert words in text
    assert "\n" not in text


@pytest.mark.parametrize("version", [0, 12040])
def test_under_wsl2_no_driver_of_linux_is_offered(
    plain: FakeCuda, tmp_path: Path, version: int
) -> None:
    (tmp_path / "dxg").touch()
    change(plain, driver=version)
    text = no_gpu_line(plain)  # type: ignore[arg-type]
    assert "under WSL2" in text
    assert "Windows" in text
    assert "apt" not in text


def test_a_container_and_a_hidden_card_are_told_apart(
    plain: FakeCuda, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    change(plain, devices=0)
    assert no_gpu_line(plain) == (  # type: ignore[arg-type]
        "CUDA_VISIBLE_DEVICES=-1 hides every NVIDIA GPU: unset it"
    )
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    assert "hides" not in no_gpu_line(plain)  # type: ignore[arg-type]
    (tmp_path / "container").touch()
    change(plain, driver=0)
    assert "--gpus all" in no_gpu_line(plain)  # type: ignore[arg-type]
    assert "--gpus all" in no_gpu_line(None)


def test_macos_is_told_that_none_can_be_had(
    plain: FakeCuda, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert "no driver for macOS" in no_gpu_line(plain)  # type: ignore[arg-type]
