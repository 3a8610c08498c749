"""The preset table and what a command line can say."""

from __future__ import annotations

import re
from pathlib import Path

import diffusers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from export.hub import checkpoint_patterns
from export.models import MODELS, Hub
from export.resolve import SCHEDULERS, parse_lora, parse_size, slug, spec_for
from runtime.errors import BuildError


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
    assert spec_for(str(single)).name == "my-model-v2"
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
        ("steps", [0]),
        ("steps", [1, 99]),
        ("name", "../up"),
        ("name", "a b"),
        ("loras", ["fur@heavy"]),
    ],
)
def test_an_option_that_cannot_be_read_is_one_line(option: str, value: object) -> None:
    with pytest.raises(BuildError) as caught:
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
