import json
import shutil
from pathlib import Path

import pytest

from runtime.bundles import library
from runtime.bundles.bundle import MANIFEST, open_bundle
from runtime.errors import BundleError


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    return Path(shutil.copytree(library.built_in(), tmp_path / "copy"))


def graph_data(folder: Path) -> Path:
    return max(folder.iterdir(), key=lambda path: path.stat().st_size)


def test_the_built_in_bundle_opens_and_copies_have_its_digest(copied: Path) -> None:
    assert open_bundle(copied).digest() == open_bundle(library.built_in()).digest()


def test_a_missing_file_is_named(copied: Path) -> None:
    lost = graph_data(copied)
    lost.unlink()
    with pytest.raises(BundleError, match=f"{lost.name} is missing"):
        open_bundle(copied)


def test_a_truncated_file_is_named(copied: Path) -> None:
    cut = graph_data(copied)
    with cut.open("r+b") as stream:
        stream.truncate(cut.stat().st_size // 2)
    with pytest.raises(BundleError, match=f"{cut.name} has .* bytes instead of"):
        open_bundle(copied)


@pytest.mark.parametrize("place", [0.1, 0.5, 0.9])
def test_one_altered_byte_is_named(copied: Path, place: float) -> None:
    altered = graph_data(copied)
    with altered.open("r+b") as stream:
        stream.seek(int(altered.stat().st_size * place))
        byte = stream.read(1)[0]
        stream.seek(-1, 1)
        stream.write(bytes([byte ^ 0x10]))
    with pytest.raises(BundleError, match=f"{altered.name} was altered"):
        open_bundle(copied)


@pytest.mark.fault(22)
@pytest.mark.parametrize("name", ["../tokenizer.json", "/etc/passwd", "a/b.onnx", "..", ""])
def test_file_names_cannot_leave_the_folder(copied: Path, name: str) -> None:
    path = copied / MANIFEST
    manifest = json.loads(path.read_text())
    manifest["graphs"]["decoder"] = name
    path.write_text(json.dumps(manifest))
    with pytest.raises(BundleError, match="not a plain file name"):
        open_bundle(copied)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"format": 1}', '{"format": 99}'])
def test_a_manifest_that_cannot_be_read_is_one_line(copied: Path, text: str) -> None:
    (copied / MANIFEST).write_text(text)
    with pytest.raises(BundleError) as caught:
        open_bundle(copied)
    assert "\n" not in str(caught.value)
    assert MANIFEST in str(caught.value)


def test_unknown_models_list_the_known(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(library.HOME_VARIABLE, str(tmp_path))
    shutil.copytree(library.built_in(), tmp_path / "mine")
    with pytest.raises(BundleError, match="known here are critters, mine"):
        library.find_bundle("stable-difusion")
    assert library.find_bundle("mine").manifest.model == "critters"
