"""Faults 15 and 19 to 22: requests, checkpoints and names that must be refused."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export.checkpoints.checkpoint import open_folder
from runtime.bundles.bundle import MANIFEST, Bundle, open_bundle
from runtime.enginecache.cache import EngineCache
from runtime.enginecache.entry import Key
from runtime.engines.tensorrt.engine import open_engine
from runtime.errors import BuildError, BundleError, EngineError, RequestError
from runtime.pipeline import Pipeline
from runtime.slug import slug
from tests.faults.table import fault, one_line
from tests.support.fakecuda import FakeCuda
from tests.support.tinybundle import STEPS, TOKENS, render_tiny


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
