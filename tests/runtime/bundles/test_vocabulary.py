from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from runtime.bundles.files import sha256_file
from runtime.bundles.library import built_in
from runtime.bundles.manifest import read_manifest
from runtime.bundles.vocabulary import (
    FILE,
    MAX_BYTES,
    Vocabulary,
    read_vocabulary,
    vocabulary_in,
    write_vocabulary,
)
from runtime.errors import BundleError
from runtime.planner import Planner

WORDS = Vocabulary(frozenset({"a", "cat", "kitten", "t-shirt", "sofa", "on"}))


def test_unknown_words_come_once_in_order_with_the_nearest() -> None:
    found = WORDS.unknown(["A dragon on a Kitteh", "sofas, a T-shirt; dragon 4k!"])
    assert found == ("dragon", "kitteh", "sofas", "4k")
    nearest = [WORDS.nearest(word) for word in found]
    assert nearest == [None, "kitten", "sofa", None]


def test_the_built_in_model_knows_exactly_the_words_of_its_captions() -> None:
    captions = pytest.importorskip("export.critters.pictures.captions")
    planner = Planner.of("critters")
    assert planner.vocabulary is not None
    assert planner.vocabulary.words == set(captions.taught_words())
    assert planner.vocabulary.unknown(["a photo of a sleepy tabby cat on a sofa"]) == ()


def test_the_planner_names_what_a_request_asks_in_vain() -> None:
    planner = Planner.of("critters")
    line = planner.untaught(planner.request("a photo of a [dragn -> kitten] on a sofaa"))
    assert line is not None
    assert "critters was never taught" in line
    assert "'sofaa' (nearest: sofa)" in line
    assert "wordmorph models critters" in line
    assert planner.untaught(planner.request("a photo of a [cat -> kitten]")) is None


def test_a_bundle_without_one_knows_no_unknown_words(tmp_path: Path) -> None:
    manifest = read_manifest(built_in())
    files = {name: record for name, record in manifest.files.items() if name != FILE}
    assert read_vocabulary(built_in(), files) is None
    assert vocabulary_in(tmp_path) is None


def listed(folder: Path) -> Vocabulary | None:
    return read_vocabulary(folder, {FILE: sha256_file(folder / FILE)})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[", "no JSON"),
        ("[" * 90_000, "no JSON"),
        ('["cat"]', "no list of words"),
        ('{"words": []}', "no list of words"),
        ('{"words": "cat"}', "no list of words"),
        ('{"words": ["cat"], "run": "x"}', "no list of words"),
        ('{"words": ["cat", 3]}', "no single word"),
        ('{"words": ["Cat"]}', "no single word"),
        ('{"words": ["a cat"]}', "no single word"),
        ('{"words": ["cat\\u001b[31m"]}', "no single word"),
        (json.dumps({"words": ["c" * 65]}), "no single word"),
        ('{"words": ["cat", "cat"]}', "a word twice"),
        (" " * MAX_BYTES + "{}", f"{MAX_BYTES + 2} bytes, and {MAX_BYTES} are allowed"),
    ],
)
def test_a_strangers_file_is_refused_in_a_line(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / FILE).write_text(content)
    with pytest.raises(BundleError, match=message) as caught:
        listed(tmp_path)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300 + len(str(tmp_path))


def test_an_altered_file_and_a_link_are_refused(tmp_path: Path) -> None:
    write_vocabulary(tmp_path, ["cat"])
    record = sha256_file(tmp_path / FILE)
    write_vocabulary(tmp_path, ["dog"])
    with pytest.raises(BundleError, match="was altered"):
        read_vocabulary(tmp_path, {FILE: record})
    os.replace(tmp_path / FILE, tmp_path / "elsewhere")
    (tmp_path / FILE).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BundleError, match="it is a link"):
        read_vocabulary(tmp_path, {FILE: record})
    (tmp_path / FILE).unlink()
    if sys.platform != "win32":
        os.mkfifo(tmp_path / FILE)
        with pytest.raises(BundleError, match="not a regular file"):
            vocabulary_in(tmp_path)


def test_writing_refuses_what_reading_would(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="no single word"):
        write_vocabulary(tmp_path, ["a cat"])
    assert not (tmp_path / FILE).exists()


def test_the_bundle_lists_its_vocabulary_with_its_hash() -> None:
    assert read_manifest(built_in()).files[FILE] == sha256_file(built_in() / FILE)
