"""``wordmorph build``: what is there as it would be made now is used, and nothing else."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from player.commands import build as command
from runtime.bundles.bundle import open_bundle
from runtime.bundles.library import HOME_VARIABLE
from runtime.bundles.manifest import MANIFEST
from runtime.errors import BuildError
from tests.support.checkpoints import Checkpoints


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
