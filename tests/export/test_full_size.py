"""The published architectures at full size, with random weights: time and memory of a build."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from export.checkpoints.architectures import ARCHITECTURES
from export.exporter import export_in_child
from export.report import report
from export.tensorrt.builder import build_engines
from runtime.enginecache.cache import EngineCache
from runtime.engines.gpu import Gpu
from tests.support.models import checkpoints

MINUTES = 10
GIGABYTES = 14


def full_size(name: str) -> checkpoints.Family:
    architecture = ARCHITECTURES[name]
    return checkpoints.Family(
        scheduler="EulerDiscreteScheduler",
        scheduler_config={"timestep_spacing": "trailing"},
        unet={**architecture.unet, "norm_num_groups": 32},
        text=architecture.text,
        vae_config={"width": 64, "blocks": 3},
        pad=architecture.pads[0],
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", ["sd2", "sd1"])
def test_a_full_size_build_fits_the_time_and_the_memory(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """SD-Turbo (866 M parameters in its UNet) and SD 1.5 at 512×512: bundle, parity, engines."""
    if sys.platform == "win32":
        pytest.skip("memory is measured the POSIX way")
    import resource

    folder = checkpoints.make(tmp_path / "checkpoint", full_size(name), picture=512)
    for path in folder.rglob("*.safetensors"):
        state = {key: value.to(torch.float16) for key, value in load_file(path).items()}
        save_file(state, path, metadata={"format": "pt"})
    del state
    started = time.monotonic()
    bundle, _ = export_in_child(
        str(folder), {"steps": [1]}, tmp_path / "bundle", lambda stage: None
    )
    exported = (time.monotonic() - started) / 60
    cache = EngineCache(tmp_path / "engines")
    entries = build_engines(bundle, "tensorrt_rtx", gpu=Gpu("any", "8.9"), cache=cache)
    minutes = (time.monotonic() - started) / 60
    if sys.platform == "win32":
        pytest.skip("reads the peak of its children the POSIX way")

    gigabytes = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / 1e9
    with capsys.disabled():
        print(
            f"\n{name}: exported in {exported:.1f}, engines built after {minutes:.1f} minutes, "
            f"{gigabytes:.1f} GB at most, engines of "
            f"{sum(entry.bytes for entry in entries) / 1e9:.2f} GB",
            *report(bundle.manifest),
            sep="\n",
        )
    manifest = bundle.manifest
    assert manifest.parity["f32"]["worst_levels"] <= 2
    assert (manifest.width, manifest.height) == (512, 512)
    assert minutes < MINUTES
    assert gigabytes < GIGABYTES
