import shutil
from pathlib import Path

import pytest

from runtime.bundles import library, seal
from runtime.bundles.bundle import open_bundle
from runtime.bundles.manifest import MANIFEST, parse_manifest
from runtime.errors import BundleError
from tests.support.models.resealed import edit_manifest


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
    edit_manifest(copied, lambda raw: raw["graphs"].update(decoder=name))
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


@pytest.mark.parametrize("bit", range(8))
def test_no_flipped_bit_of_a_manifest_changes_what_it_says(bit: int) -> None:
    """What is accepted says the same: a blank became another blank."""
    text = (library.built_in() / MANIFEST).read_bytes()
    manifest = parse_manifest(text)
    accepted = 0
    for place in range(len(text)):
        flipped = bytearray(text)
        flipped[place] ^= 1 << bit
        try:
            found = parse_manifest(bytes(flipped))
        except BundleError:
            continue
        accepted += 1
        assert found == manifest, f"bit {bit} of byte {place}"
    print(f"{accepted} of {len(text)} accepted, all with the same content")


def test_a_sealed_manifest_that_was_edited_by_hand_is_sealed_again_by_the_command(
    copied: Path,
) -> None:
    path = copied / MANIFEST
    path.write_text(path.read_text().replace('"model": "critters"', '"model": "mine"'))
    with pytest.raises(BundleError, match="its digest differs"):
        open_bundle(copied)
    assert seal.main([str(copied)]) == 0
    assert open_bundle(copied).manifest.model == "mine"
    assert sorted(file.name for file in copied.iterdir()) == sorted(
        file.name for file in library.built_in().iterdir()
    )


def test_the_built_in_manifest_is_as_the_program_writes_it() -> None:
    path = library.built_in() / MANIFEST
    assert open_bundle(path.parent).manifest.to_json() == path.read_text(encoding="utf-8")
