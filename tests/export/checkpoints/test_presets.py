"""The preset table and what a command line can say."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import diffusers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from export.checkpoints.hub.hub import checkpoint_patterns
from export.checkpoints.identity import KEY, digest, is_built
from export.checkpoints.presets import MODELS, Hub
from export.checkpoints.resolve import SCHEDULERS, parse_lora, spec_for
from runtime.bundles.manifest import MANIFEST
from runtime.errors import BuildError, RequestError
from runtime.request import parse_size
from runtime.slug import slug
from tests.support.models.tinybundle import write_tiny


@pytest.mark.parametrize("spec", MODELS.values(), ids=list(MODELS))
def test_a_preset_is_complete(spec: object) -> None:
    spec = MODELS[spec.name]  # type: ignore[attr-defined]
    assert slug(spec.name) == spec.name
    assert spec.about
    assert spec.licence != "see the checkpoint"
    assert spec.default_steps in spec.steps
    assert spec.vae != "taesd" or spec.tiny_vae is not None
    assert spec.scheduler is None or hasattr(diffusers, spec.scheduler)
    for source in (spec.source, spec.tiny_vae, *(lora.source for lora in spec.loras)):
        if isinstance(source, Hub):
            assert re.fullmatch("[0-9a-f]{40}", source.revision), "a branch can move"


def test_only_data_is_fetched() -> None:
    for variant in (None, "fp16"):
        for pattern in checkpoint_patterns(variant):
            assert pattern.endswith((".json", ".txt", ".safetensors"))


def test_options_override_a_preset() -> None:
    spec = spec_for(
        "sd-turbo",
        name="mine",
        loras=["fur.safetensors@0.8"],
        vae="full",
        size="640x512",
        steps=[2],
        precision="f16",
        scheduler="lcm",
    )
    assert (spec.name, spec.vae, spec.size) == ("mine", "full", (640, 512))
    assert (spec.steps, spec.default_steps, spec.precision) == ((2,), 2, "f16")
    assert spec.scheduler == "LCMScheduler"
    assert (spec.loras[0].source, spec.loras[0].weight) == (Path("fur.safetensors"), 0.8)
    assert spec.source == MODELS["sd-turbo"].source


def test_sources_are_told_apart(tmp_path: Path) -> None:
    single = tmp_path / "My Model v2.safetensors"
    single.touch()
    assert re.fullmatch("my-model-v2-[0-9a-f]{8}", spec_for(str(single)).name)
    assert spec_for(str(tmp_path)).source == tmp_path
    hub = spec_for("owner/Some.Model@abc").source
    assert hub == Hub("owner/Some.Model", "abc")
    assert isinstance(spec_for("owner/model").source, Hub)


@pytest.mark.parametrize(
    "model",
    ["", "nothing", "../../nowhere", "C:\\models\\x", "//host/share", "a/b/c", "x\x00y", "a/.."],
)
def test_what_names_nothing_is_refused_with_the_list(model: str) -> None:
    with pytest.raises(BuildError, match="sd-turbo"):
        spec_for(model)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("size", "512"),
        ("size", "512x"),
        ("size", "-8x8"),
        ("precision", "int3"),
        ("scheduler", "dpm"),
        ("prediction", "x0"),
        ("steps", [0]),
        ("steps", [1, 99]),
        ("name", "../up"),
        ("name", "a b"),
        ("loras", ["fur@heavy"]),
    ],
)
def test_an_option_that_cannot_be_read_is_one_line(option: str, value: object) -> None:
    with pytest.raises((BuildError, RequestError)) as caught:
        spec_for("sd-turbo", **{option: value})  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


@settings(deadline=None)
@given(st.text())
def test_a_slug_is_one_plain_folder_name(text: str) -> None:
    name = slug(text)
    assert re.fullmatch(r"[a-z0-9]([a-z0-9._-]*[a-z0-9])?", name)
    assert len(name) <= 64
    assert slug(name) == name


@settings(deadline=None)
@given(st.integers(1, 99999), st.integers(1, 99999))
def test_sizes_are_read_back(width: int, height: int) -> None:
    assert parse_size(f"{width}x{height}") == (width, height)


def test_loras_with_and_without_a_weight() -> None:
    assert parse_lora("a.safetensors").weight == 1
    assert parse_lora("a@b.safetensors").source == Path("a@b.safetensors")
    assert parse_lora("a@b.safetensors@-0.5").weight == -0.5


def test_every_short_scheduler_name_exists() -> None:
    assert all(hasattr(diffusers, name) for name in SCHEDULERS.values())


def test_only_a_preset_as_it_stands_has_the_presets_name(tmp_path: Path) -> None:
    fur = tmp_path / "fur.safetensors"
    fur.touch()
    assert spec_for("sd-turbo").name == "sd-turbo"
    assert spec_for("sd-turbo", precision="f16").name == "sd-turbo"
    made = {
        spec_for("sd-turbo", **options).name
        for options in ({"loras": [str(fur)]}, {"size": "640x512"}, {"steps": [2]}, {"vae": "full"})
    }
    assert len(made) == 4
    assert all(re.fullmatch("sd-turbo-[0-9a-f]{8}", name) for name in made)
    assert spec_for("sd-turbo", name="mine", loras=[str(fur)]).name == "mine"


def test_two_sources_of_one_name_are_two_models(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.safetensors").touch()
    names = [spec_for(str(tmp_path / folder / "x.safetensors")).name for folder in ("a", "b")]
    assert len({*names, spec_for("owner1/x").name, spec_for("owner2/x").name}) == 4


def test_a_bundle_is_known_by_what_it_was_built_from(tmp_path: Path) -> None:
    """Another option, another revision and other bytes in the same file are all another model."""
    file = tmp_path / "x.safetensors"
    file.write_bytes(b"one")
    spec = spec_for(str(file), steps=[1])
    bundle = write_tiny(tmp_path / "bundle")
    assert not is_built(bundle.folder, spec), "a bundle of before says nothing"
    manifest = replace(bundle.manifest, sources={KEY: digest(spec)})
    (bundle.folder / MANIFEST).write_text(manifest.to_json(), encoding="utf-8")
    assert is_built(bundle.folder, spec)
    assert not is_built(bundle.folder, spec_for(str(file), steps=[2]))
    assert not is_built(bundle.folder, replace(spec, precision="f16"))
    assert is_built(bundle.folder, replace(spec, precision="f16"), spec)
    file.write_bytes(b"other")
    assert spec_for(str(file), steps=[1]).name == spec.name
    assert not is_built(bundle.folder, spec)
    hub = Hub("owner/x", "0" * 40)
    assert digest(replace(spec, source=hub)) != digest(replace(spec, source=Hub(hub.repo, "main")))
