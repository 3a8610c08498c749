from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from export.build import _take_vocabulary
from export.checkpoints.presets import MODELS, ModelSpec
from export.critters.vocabulary import main
from runtime.bundles.bundle import open_bundle
from runtime.bundles.library import built_in
from runtime.bundles.manifest import MANIFEST, read_manifest
from runtime.bundles.vocabulary import FILE, Vocabulary, read_vocabulary, vocabulary_in
from runtime.errors import BundleError


def test_the_command_writes_what_the_model_and_the_bundle_hold(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = shutil.copytree(built_in(), tmp_path / "bundle")
    (bundle / FILE).write_text("altered")
    assert main(["--model", str(tmp_path), "--bundle", str(bundle)]) == 1
    assert "vocabulary.json has 7 bytes" in capsys.readouterr().err
    shutil.copy(built_in() / FILE, bundle)
    assert main(["--model", str(tmp_path), "--bundle", str(bundle)]) == 0
    source = MODELS["critters"].source
    assert isinstance(source, Path)
    for folder in (tmp_path, bundle):
        assert (folder / FILE).read_bytes() == (built_in() / FILE).read_bytes()
    assert (source / FILE).read_bytes() == (built_in() / FILE).read_bytes()
    assert open_bundle(bundle).manifest == read_manifest(built_in())
    assert (bundle / MANIFEST).is_file()


def test_a_build_takes_the_words_of_a_folder_that_has_them(tmp_path: Path) -> None:
    source, staged = tmp_path / "source", tmp_path / "staged"
    source.mkdir()
    staged.mkdir()
    spec = ModelSpec(name="mine", source=source, about="")
    _take_vocabulary(spec, staged)
    assert list(staged.iterdir()) == []
    (source / FILE).write_text('{"words": ["cat"]}')
    _take_vocabulary(spec, staged)
    assert vocabulary_in(staged) == Vocabulary(frozenset({"cat"}))
    (source / FILE).write_text('{"words": ["a cat"]}')
    with pytest.raises(BundleError, match="no single word"):
        _take_vocabulary(spec, staged)
    assert read_vocabulary(staged, {}) is None
