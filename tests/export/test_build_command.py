"""``wordmorph build``: what is there as it would be made now is used, and nothing else."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from export.checkpoints.presets import MODELS
from player.commands import build as command
from runtime.bundles.bundle import Bundle, open_bundle
from runtime.bundles.library import HOME_VARIABLE, built_in
from runtime.bundles.manifest import MANIFEST
from runtime.errors import BuildError
from tests.support.models.checkpoints import Checkpoints


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return where ``wordmorph build`` puts bundles on a machine that has no NVIDIA package."""
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    monkeypatch.setattr(command, "NVIDIA", ())
    return tmp_path / "home"


def test_a_checkpoint_is_exported_once_and_again_when_it_changes(
    tmp_path: Path,
    checkpoint_of: Checkpoints,
    home: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    source = Path(shutil.copytree(checkpoint_of("critters"), tmp_path / "mine"))
    command.build(str(source), steps=[1], precision="f32")
    printed = capsys.readouterr()
    (folder,) = home.iterdir()
    assert re.fullmatch("mine-[0-9a-f]{8}", folder.name)
    assert f"--model {folder.name} " in printed.out
    assert "parity with diffusers, f32" in printed.err
    assert "GB at the peak" in printed.err
    made = (folder / MANIFEST).stat().st_mtime_ns
    command.build(str(source), steps=[1], precision="f32")
    assert "already built" in capsys.readouterr().err
    command.build(folder.name)
    assert (folder / MANIFEST).stat().st_mtime_ns == made
    (weights,) = (source / "vae").glob("*.safetensors")
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(BuildError, match="partial or damaged"):
        command.build(str(source), steps=[1], precision="f32")
    assert "so replaced" in capsys.readouterr().err
    open_bundle(folder)  # the old one stays until a new one is whole


def test_a_bundle_goes_where_it_is_wanted_with_the_steps_that_are_wanted(
    tmp_path: Path,
    checkpoint_of: Checkpoints,
    home: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "my bundles" / "mine"
    command.build(str(checkpoint_of("critters")), out=out, steps=[1], default_steps=2)
    printed = capsys.readouterr()
    assert f"--model '{out}' " in printed.out
    manifest = open_bundle(out).manifest
    assert sorted(manifest.steps) == [1, 2]
    assert manifest.default_steps == 2
    assert not home.exists()
    command.build(str(checkpoint_of("critters")), out=out, steps=[1], default_steps=2)
    assert "already built" in capsys.readouterr().err


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[Bundle]:
    """A machine with an NVIDIA GPU, and the bundles that engines were made of there."""
    made: list[Bundle] = []
    monkeypatch.setattr(command, "usable", lambda name: None)
    monkeypatch.setattr(command, "_compile", lambda console, bundle, *rest: made.append(bundle))
    return made


def test_an_installed_package_makes_engines_of_the_built_in_model_as_it_is(
    tmp_path: Path,
    compiled: list[Bundle],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A wheel has the bundle, not the weights that it was built from."""
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    whole = MODELS["critters"]
    source = shutil.copytree(
        str(whole.source), tmp_path / "model", ignore=shutil.ignore_patterns("*.safetensors")
    )
    lean = {**MODELS, "critters": replace(whole, source=Path(source))}
    for place in ("presets", "resolve"):
        monkeypatch.setattr(f"export.checkpoints.{place}.MODELS", lean)
    command.build("critters")
    (bundle,) = compiled
    assert Path(bundle.folder) == built_in()
    printed = capsys.readouterr()
    assert "f16 cannot be made, what it was built from is not in the package" in printed.err
    assert "--model critters " in printed.out


def test_a_model_that_was_built_for_the_processor_says_that_it_is_slow_on_a_gpu(
    tmp_path: Path,
    checkpoint_of: Callable[[str], Path],
    compiled: list[Bundle],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    source = str(checkpoint_of("critters"))
    with monkeypatch.context() as before:
        before.setattr(command, "usable", lambda name: "no GPU")
        command.build(source, steps=[1])
    capsys.readouterr()
    command.build(source, steps=[1])
    assert "in f32, half the speed" in (output := capsys.readouterr().err)
    assert "--precision f16 builds it again" in output
    assert [bundle.manifest.precision for bundle in compiled] == ["f32", "f32"]


@pytest.mark.parametrize(
    ("model", "message"), [(".", "no checkpoint in"), ("no such model", "use .*sd-turbo")]
)
def test_what_cannot_be_built_is_one_line_and_leaves_nothing(
    model: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BuildError, match=message) as caught:
        command.build(model, out=Path("out"))
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []
