"""Checkpoint → bundle → frame, against diffusers run on the checkpoint by the test itself."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch

from export.build import build
from export.checkpoints.presets import ModelSpec
from export.graphs import graphs, sampling
from export.graphs.geometry import geometry
from export.report import report
from runtime.bundles.bundle import Bundle, open_bundle
from runtime.bundles.manifest import BASIS, Step
from runtime.bundles.publish import staging, write_bundle
from runtime.errors import BuildError, TargetError
from runtime.perception.psnr import peak_signal_to_noise
from tests.support.models import checkpoints
from tests.support.models.checkpoints import Checkpoints, alter, edit_json
from tests.support.models.reference import EDITS, Diffusers, our_frame
from tests.support.seeds import draw_seed

Bundles = Callable[[str], Bundle]
WEIGHTS = "diffusion_pytorch_model.safetensors"


@pytest.mark.parametrize("family", checkpoints.FAMILIES)
def test_frames_equal_diffusers(
    family: str, checkpoint_of: Checkpoints, bundle_of: Bundles
) -> None:
    bundle = bundle_of(family)
    reference = Diffusers(checkpoint_of(family))
    guidance = 8.0 if family == "lcm" else 1.0
    frames = []
    for edit in EDITS:
        for steps in (1, 4) if edit == "mix" else (1,):
            expected = reference.frame(edit, steps, guidance)
            actual = our_frame(bundle, edit, steps)
            assert actual.shape == expected.shape == (64, 64, 3) or family == "critters"
            assert np.abs(actual.astype(int) - expected).max() <= 2, (edit, steps)
            if steps == 1:
                frames.append(expected.astype(int))
    for i, a in enumerate(frames):
        for b in frames[i + 1 :]:
            assert np.abs(a - b).max() > 8, "edits do not differ: this test proves nothing"


@pytest.mark.parametrize("family", checkpoints.FAMILIES)
def test_manifest_tells_what_was_measured(family: str, bundle_of: Bundles) -> None:
    bundle = open_bundle(bundle_of(family).folder)
    parity = bundle.manifest.parity
    assert parity["f32"]["worst_levels"] <= 2
    assert parity["f32"]["worst_latent"] < 1e-3
    assert parity["f32"]["embedding"] < 1e-4
    assert parity["hears"] > 0.3
    assert all(figures["psnr"] >= 35 for name, figures in parity.items() if name != "hears")
    assert sorted(bundle.manifest.steps) == [1, 2, 4]
    assert len(bundle.manifest.sources["weights"]) == (4 if family == "sdxl" else 3)
    written = (bundle.folder / "manifest.json").read_text(encoding="utf-8")
    assert str(Path.home()) not in written


def test_nothing_in_the_graphs_names_the_machine(bundle_of: Bundles) -> None:
    bundle = bundle_of("sd15")
    for name in bundle.manifest.graphs.values():
        content = (bundle.folder / name).read_bytes()
        assert b"site-packages" not in content
        assert b".py" not in content


def test_graphs_have_the_documented_inputs_and_outputs(bundle_of: Bundles) -> None:
    bundle = bundle_of("sdxl")
    manifest = bundle.manifest
    c, h, w = manifest.latent
    tokens, width, pooled = manifest.tokens, manifest.embedding, manifest.pooled
    batch = "batch"
    expected = {
        "text_encoder": (
            {"input_ids": [1, tokens], "input_ids_2": [1, tokens]},
            {"embedding": [1, tokens, width], "pooled": [1, pooled]},
        ),
        "denoiser": (
            {
                "sample": [batch, c, h, w],
                "timestep": [1],
                "basis": [BASIS, tokens, width],
                "weights": [batch, BASIS, tokens],
                "coefficients": [4],
                "noise": [batch, c, h, w],
                "pooled_basis": [BASIS, pooled],
                "pooled_weights": [batch, BASIS],
            },
            {"next_sample": [batch, c, h, w]},
        ),
        "decoder": (
            {"latent": [batch, c, h, w]},
            {"pixels": [batch, manifest.height, manifest.width, 3], "total": [batch]},
        ),
    }
    for role, (inputs, outputs) in expected.items():
        graph = onnx.load(bundle.path(role), load_external_data=False).graph
        assert signature(graph.input) == inputs
        assert signature(graph.output) == outputs


def signature(values: Any) -> dict[str, list[int | str]]:
    return {
        value.name: [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]
        for value in values
    }


@pytest.fixture(scope="module")
def awkward(
    tmp_path_factory: pytest.TempPathFactory, checkpoint_of: Checkpoints
) -> tuple[Path, Bundle]:
    """A checkpoint with half-size weights and planted scripts, and its wide bundle."""
    root = tmp_path_factory.mktemp("awkward")
    folder = Path(shutil.copytree(checkpoint_of("sd15"), root / "checkpoint"))
    for path in folder.rglob("*.safetensors"):
        alter(path, halve)
    bomb = f"open({str(root / 'ran')!r}, 'w')\n"
    for place in ("pipeline.py", "unet/unet.py", "text_encoder/modeling.py", "model_index.py"):
        (folder / place).write_text(bomb, encoding="utf-8")
    edit_json(folder / "model_index.json", _class_name=["pipeline", "Trap"])
    for name in ("unet", "text_encoder"):
        edit_json(folder / name / "config.json", auto_map={"AutoModel": "modeling.Trap"})
    bundle = build(ModelSpec("awkward", folder, "", size=(96, 64), steps=(1,)), root / "bundle")
    edit_json(folder / "model_index.json", _class_name="StableDiffusionPipeline")
    return folder, bundle


@pytest.mark.fault(21)
def test_a_planted_script_never_runs(awkward: tuple[Path, Bundle], tmp_path: Path) -> None:
    folder, bundle = awkward
    assert bundle.manifest.model == "awkward"
    assert not (folder.parent / "ran").exists()
    trap = Path(shutil.copytree(folder, tmp_path / "trap"))
    edit_json(trap / "model_index.json", unet=["unet", "Trap"])
    with pytest.raises(BuildError, match="Trap as its unet"):
        build(ModelSpec("trap", trap, ""), tmp_path / "bundle")
    assert not (folder.parent / "ran").exists()


def test_weights_that_f16_holds_take_half_the_space_and_change_nothing(
    awkward: tuple[Path, Bundle], bundle_of: Bundles
) -> None:
    folder, bundle = awkward
    full = (bundle_of("sd15").folder / "denoiser.onnx.data").stat().st_size
    assert (bundle.folder / "denoiser.onnx.data").stat().st_size < 0.55 * full
    assert bundle.manifest.precision == "f32"
    expected = Diffusers(folder).frame("slot", 1, size=(96, 64))
    difference = our_frame(bundle, "slot", 1).astype(int) - expected
    assert np.abs(difference).max() <= 2


def test_another_size_is_baked_in(awkward: tuple[Path, Bundle]) -> None:
    _, bundle = awkward
    assert our_frame(bundle, "plain", 1).shape == (64, 96, 3)
    assert bundle.manifest.latent == (4, 16, 24)


def halve(state: dict[str, torch.Tensor]) -> None:
    for key, value in state.items():
        state[key] = value.half() if value.dtype == torch.float32 else value


def test_f16_graphs_keep_f32_inputs_and_stay_close(
    tmp_path: Path, checkpoint_of: Checkpoints
) -> None:
    folder = checkpoint_of("sdxl")
    spec = ModelSpec("half", folder, "a test", steps=(1,), precision="f16")
    bundle = build(spec, tmp_path / "bundle")
    assert bundle.manifest.precision == "f16"
    assert 35 <= bundle.manifest.parity["f16"]["psnr"] < 99, "nothing was rounded"
    lines = report(bundle.manifest)
    assert any("f16 graphs computed in f32: " in line for line in lines)
    assert any("diffusers, f16: " in line for line in lines)
    graph = onnx.load(bundle.path("denoiser"), load_external_data=False).graph
    types = {value.name: value.type.tensor_type.elem_type for value in graph.input}
    assert set(types.values()) == {onnx.TensorProto.FLOAT}
    stored = [tensor.data_type for tensor in graph.initializer if np.prod(tensor.dims) > 256]
    assert stored.count(onnx.TensorProto.FLOAT16) > 0.9 * len(stored)
    expected = Diffusers(folder).frame("mix", 1)
    assert peak_signal_to_noise(our_frame(bundle, "mix", 1), expected) > 35


def computes_in(bundle: Bundle, role: str) -> set[int]:
    """Return the types of the weights that a graph computes with, as onnx.TensorProto has them."""
    graph = onnx.load(bundle.path(role), load_external_data=False).graph
    cast = {node.input[0] for node in graph.node if node.op_type == "Cast"}
    return {
        tensor.data_type
        for tensor in graph.initializer
        if np.prod(tensor.dims) > 256 and tensor.name not in cast
    } - {onnx.TensorProto.INT64}


@pytest.mark.parametrize(
    ("family", "text", "decoder"), [("sdxl", "f16", "f32"), ("sd15", "f32", "f16")]
)
def test_f16_reaches_sdxls_text_and_the_full_decoders_of_the_others(
    tmp_path: Path, checkpoint_of: Checkpoints, family: str, text: str, decoder: str
) -> None:
    """SDXL's decoder overflows f16, and one text encoder alone is small."""
    types = {"f16": {onnx.TensorProto.FLOAT16}, "f32": {onnx.TensorProto.FLOAT}}
    spec = ModelSpec("half", checkpoint_of(family), "a test", steps=(1,), precision="f16")
    bundle = build(spec, tmp_path / "bundle")
    assert computes_in(bundle, "denoiser") == types["f16"]
    assert (computes_in(bundle, "text_encoder") == types["f16"]) == (text == "f16")
    assert (computes_in(bundle, "decoder") == types["f16"]) == (decoder == "f16")
    figures = bundle.manifest.parity["f16"]
    assert (figures["embedding"] > 0) == (text == "f16")
    assert figures["psnr"] > 35


def louder(layer: str, gain: float, state: dict[str, torch.Tensor]) -> None:
    """Scale what a layer makes; the next one normalises it."""
    for name in ("weight", "bias"):
        state[f"{layer}.{name}"] *= gain


def test_a_full_decoder_that_overflows_stays_in_f32(
    tmp_path: Path, checkpoint_of: Checkpoints
) -> None:
    folder = Path(shutil.copytree(checkpoint_of("sd15"), tmp_path / "loud"))
    alter(folder / "vae" / WEIGHTS, partial(louder, "decoder.conv_in", 2e4))
    spec = ModelSpec("loud", folder, "a test", steps=(1,), precision="f16")
    bundle = build(spec, tmp_path / "bundle")
    assert computes_in(bundle, "denoiser") == {onnx.TensorProto.FLOAT16}
    assert onnx.TensorProto.FLOAT16 not in computes_in(bundle, "decoder")


def test_what_f16_cannot_hold_is_refused_with_the_way_out(
    tmp_path: Path, checkpoint_of: Checkpoints
) -> None:
    """Values that overflow f16 between two layers, and that f32 does not mind."""
    folder = Path(shutil.copytree(checkpoint_of("sd-turbo"), tmp_path / "loud"))
    alter(folder / "unet" / WEIGHTS, partial(louder, "down_blocks.0.resnets.0.conv1", 2e5))
    spec = ModelSpec("loud", folder, "a test", steps=(1,), precision="f16")
    with pytest.raises(BuildError, match=r"f16.*not finite.*--precision f32") as caught:
        build(spec, tmp_path / "bundle")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "bundle").exists()


@pytest.mark.parametrize("size", [(102, 64), (64, 62), (0, 64)])
def test_a_size_the_networks_cannot_make_is_refused_with_one_they_can(
    size: tuple[int, int], checkpoint_of: Checkpoints
) -> None:
    family = checkpoints.FAMILIES["sd15"]
    unet, vae = checkpoints.unet(family, 32, 16), checkpoints.vae(family)
    with pytest.raises(BuildError, match=r"multiples of 4, for instance \d+x\d+"):
        geometry(unet.config, vae.config, size)
    unet.register_to_config(sample_size=None)
    with pytest.raises(BuildError, match="give a --size"):
        geometry(unet.config, vae.config, None)


def test_a_size_whose_halves_are_odd_is_made(tmp_path: Path, checkpoint_of: Checkpoints) -> None:
    """As 768x432 is for Stable Diffusion, where 64 does not divide 432."""
    folder = checkpoint_of("lcm")
    spec = ModelSpec("wide", folder, "a test", steps=(1,), size=(96, 56))
    bundle = build(spec, tmp_path / "bundle")
    expected = Diffusers(folder).frame("mix", 1, 8.0, size=(96, 56))
    assert expected.shape == (56, 96, 3)
    assert np.abs(our_frame(bundle, "mix", 1).astype(int) - expected).max() <= 2


def test_a_bundle_that_fails_the_gate_is_not_written(
    tmp_path: Path,
    checkpoint_of: Checkpoints,
    bundle_of: Bundles,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A sampler table that is off by a percent must not get through."""
    good = bundle_of("critters").folder
    honest = sampling.probe

    def crooked(*asked: Any) -> Any:
        found = honest(*asked)
        tables = {
            count: tuple(
                Step(row.timestep, row.scale, row.sample, row.output * 1.01, row.noise)
                for row in rows
            )
            for count, rows in found.steps.items()
        }
        return sampling.SamplerTables(found.init_noise_sigma, tables)

    def ready_made(module: Any, inputs: Any, outputs: Any, path: Path) -> None:
        for file in good.glob(f"{path.name}*"):
            shutil.copy(file, path.parent)

    monkeypatch.setattr(sampling, "probe", crooked)
    monkeypatch.setattr(graphs, "export_graph", ready_made)
    target = tmp_path / "bundle"
    with pytest.raises(BuildError, match="differ from diffusers by") as caught:
        build(ModelSpec("crooked", checkpoint_of("critters"), "a test", steps=(1,)), target)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.fault(5)
def test_a_killed_build_leaves_nothing_visible_and_the_next_one_cleans_up(
    tmp_path: Path, checkpoint_of: Checkpoints
) -> None:
    if sys.platform == "win32":
        pytest.skip("kills a group of processes the POSIX way")
    target = tmp_path / "bundles" / "mine"
    options: dict[str, Any] = {}
    task = {"model": str(checkpoint_of("critters")), "options": options, "out": str(target)}
    with subprocess.Popen(
        [sys.executable, "-m", "export.exporter"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdin is not None
        process.stdin.write(json.dumps(task) + "\n")
        process.stdin.flush()
        deadline = time.monotonic() + 120
        while not list(target.parent.glob(".mine.*.partial/text_encoder.onnx")):
            if process.poll() is not None or time.monotonic() > deadline:
                break
            time.sleep(0.05)
        time.sleep(random.Random(draw_seed()).uniform(0, 4))
        process.kill()
    assert not target.exists()
    assert all(path.name.startswith(".") for path in target.parent.iterdir())
    assert list(target.parent.iterdir()), "it was killed before it wrote anything"
    with staging(target) as folder:
        assert list(target.parent.iterdir()) == [folder]
    assert list(target.parent.iterdir()) == []


def test_a_bundle_replaces_an_older_one_and_nothing_else(
    tmp_path: Path, bundle_of: Bundles
) -> None:
    old = bundle_of("sd15")
    target = tmp_path / "mine"
    for name in ("first", "second"):
        with staging(target) as staged:
            for file in old.manifest.files:
                shutil.copy(old.folder / file, staged)
            (staged / f"{name}.txt").write_text(name, encoding="utf-8")
            write_bundle(staged, old.manifest, target)
    assert (target / "second.txt").is_file()
    assert not (target / "first.txt").exists()
    assert open_bundle(target).manifest.model == "sd15"
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
    holiday = tmp_path / "holiday"
    holiday.mkdir()
    (holiday / "photo.jpg").write_bytes(b"precious")
    with pytest.raises(TargetError, match="not a bundle"), staging(holiday):
        pass
    assert (holiday / "photo.jpg").read_bytes() == b"precious"


@pytest.mark.fault(7)
def test_a_full_disk_is_noticed_before_the_work(
    tmp_path: Path, checkpoint_of: Checkpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1000))
    with pytest.raises(BuildError, match="free some space"):
        build(ModelSpec("sd15", checkpoint_of("sd15"), "a test"), tmp_path / "bundle")
    assert list(tmp_path.iterdir()) == []
