"""Engines that were built and are then harmed, stale, foreign, or refused by TensorRT."""

from __future__ import annotations

import os
import random
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from runtime.bundles.bundle import Bundle
from runtime.enginecache.cache import EngineCache
from runtime.enginecache.entry import EntryKey
from runtime.enginecache.place import QUARANTINE
from runtime.engines.openvino.engine import open_engine as open_openvino
from runtime.engines.tensorrt import enginekey
from runtime.engines.tensorrt.module import load_module
from runtime.errors import EngineError
from tests.support.building import ADA, builder, gpu_here, ignore, load, one_line, plan_of
from tests.support.models.tinybundle import expect_tiny, render_tiny, write_tiny
from tests.support.seeds import draw_seed

pytest.importorskip("tensorrt_rtx")


def truncate(data: bytes, draws: random.Random) -> bytes:
    return data[: draws.randrange(len(data))]


def flip(data: bytes, draws: random.Random) -> bytes:
    harmed = bytearray(data)
    harmed[draws.randrange(len(data))] ^= 1 << draws.randrange(8)
    return bytes(harmed)


def empty(data: bytes, draws: random.Random) -> bytes:
    return b""


@pytest.mark.fault(1)
@pytest.mark.parametrize("harm", [truncate, flip, empty])
def test_a_harmed_engine_is_quarantined_before_it_is_loaded(
    bundle: Bundle,
    cache: EngineCache,
    harm: Callable[[bytes, random.Random], bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import tensorrt_rtx

    def explode(*args: object) -> None:
        raise AssertionError("the bytes reached TensorRT")

    plan = plan_of(bundle, cache)
    plan.write_bytes(harm(plan.read_bytes(), random.Random(draw_seed())))
    monkeypatch.setattr(tensorrt_rtx, "Runtime", explode)
    with pytest.raises(EngineError, match="quarantine") as caught:
        load(bundle, cache)
    assert "build it again" in one_line(caught)
    with pytest.raises(EngineError, match="run: wordmorph build tiny"):
        load(bundle, cache)
    assert len(list((cache.root / QUARANTINE).iterdir())) == 1
    assert plan_of(bundle, cache).exists()


@pytest.mark.fault(2)
def test_replaced_weights_never_meet_the_old_engine(tmp_path: Path, cache: EngineCache) -> None:
    folders = set()
    for seed in (1, 2):
        bundle = write_tiny(tmp_path / "same", seed)
        entry, made = builder(bundle, cache).build("decoder", ignore, ignore)
        assert made
        folders.add(entry.folder)
        engine = open_openvino(bundle, "f32")
        frame = render_tiny(engine, 3, 1, 1).pixels
        engine.close()
        assert np.abs(frame.astype(int) - expect_tiny(seed, 3, 1, 1)).max() <= 1
    assert len(folders) == 2


@pytest.mark.fault(3)
@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({"capability": "12.0"}, "capability is 12.0, built for 8.9"),
        ({"version": "9.9"}, r"version is 9.9, built for 1\."),
        ({"shapes": "latent=1x4x64x64"}, "shapes is latent=1x4x64x64, built for latent=1x3x4x8"),
        ({"precision": "f16"}, "precision is f16, built for f32"),
    ],
)
def test_a_miss_names_the_field_that_differs(
    bundle: Bundle, cache: EngineCache, changed: dict[str, str], line: str
) -> None:
    plan_of(bundle, cache)
    version = str(load_module("tensorrt_rtx").__version__)
    key = enginekey.engine_key(bundle, "decoder", "tensorrt_rtx", version, ADA)
    other = EntryKey(key.model, {**key.fields, **changed})
    assert cache.find(other) is None
    assert re.search(line, cache.explain_miss(other))
    assert ";" not in cache.explain_miss(other).replace("; latent", "")


@pytest.mark.fault(3)
def test_a_manifest_of_another_gpu_is_quarantined(bundle: Bundle, cache: EngineCache) -> None:
    manifest = plan_of(bundle, cache).with_name("manifest.json")
    text = manifest.read_text()
    assert '"capability": "8.9"' in text
    manifest.write_text(text.replace('"capability": "8.9"', '"capability": "8.6"'))
    with pytest.raises(EngineError, match="wordmorph build"):
        load(bundle, cache)
    assert len(list((cache.root / QUARANTINE).iterdir())) == 1


@pytest.mark.fault(4)
def test_no_engine_from_tensorrt_is_its_own_words(bundle: Bundle, cache: EngineCache) -> None:
    """Without a driver, the real TensorRT answers None to a good engine."""
    if gpu_here():
        pytest.skip("the driver that must be absent is here")
    plan_of(bundle, cache)
    with pytest.raises(EngineError, match=r"cannot load the decoder: .*CUDA driver") as caught:
        load(bundle, cache)
    assert "wordmorph build" in one_line(caught)


@pytest.mark.fault(23)
def test_an_engine_without_a_manifest_is_not_used(bundle: Bundle, cache: EngineCache) -> None:
    plan = plan_of(bundle, cache)
    plan.with_name("manifest.json").unlink()
    with pytest.raises(EngineError, match="wordmorph build"):
        load(bundle, cache)
    assert len(list((cache.root / QUARANTINE).iterdir())) == 1


@pytest.mark.fault(23)
@pytest.mark.parametrize("what", ["engine.plan", "manifest.json", ".", ".."])
def test_an_engine_of_another_user_is_refused(
    bundle: Bundle, cache: EngineCache, what: str
) -> None:
    if sys.platform == "win32" or os.getuid():
        pytest.skip("only root can give files away")
    folder = plan_of(bundle, cache).parent
    os.chown(folder / what, 12345, -1)
    with pytest.raises(EngineError) as caught:
        load(bundle, cache)
    one_line(caught)
    os.chown(cache.root, 0, -1)


@pytest.mark.fault(23)
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
