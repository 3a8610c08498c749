"""The words a model was taught, where its bundle says so, and what to say of others."""

from __future__ import annotations

import difflib
import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runtime.bundles.files import FileRecord, read_regular
from runtime.errors import BundleError

FILE = "vocabulary.json"
MAX_BYTES = 100_000
"""Some ten thousand words: looking for the nearest of more would keep a player waiting."""
MAX_WORD = 64
_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_ALIKE = 0.6
"""difflib's ratio from which a word is near another."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The words of every caption a model was trained on, in lower case."""

    words: frozenset[str]

    def unknown(self, texts: Iterable[str]) -> tuple[str, ...]:
        """Return the words of ``texts`` it was never taught, in order, each once."""
        found = dict.fromkeys(word for text in texts for word in words_of(text))
        return tuple(word for word in found if word not in self.words)

    def nearest(self, word: str) -> str | None:
        """Return the taught word that is written most like ``word``, or None if none is near."""
        near = difflib.get_close_matches(word[:MAX_WORD], sorted(self.words), 1, _ALIKE)
        return near[0] if near else None


def words_of(text: str) -> list[str]:
    """Return the words of a prompt in lower case; ``cat's`` and ``t-shirt`` are one each."""
    return _WORD.findall(text.lower())


def write_vocabulary(folder: Path, words: Iterable[str]) -> Path:
    """Write ``folder``/vocabulary.json and return its path.

    Raises:
        BundleError: a word that ``read_vocabulary`` would refuse.
    """
    kept = sorted(set(words))
    _checked({"words": kept}, folder / FILE)
    path = folder / FILE
    path.write_text(json.dumps({"words": kept}, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def read_vocabulary(folder: Path, files: Mapping[str, FileRecord]) -> Vocabulary | None:
    """Read a bundle's vocabulary; None where its manifest lists none.

    Raises:
        BundleError: not the regular file that the manifest lists, or no list of plain words.
    """
    if FILE not in files:
        return None
    path = folder / FILE
    raw = _read(path)
    if files[FILE] != FileRecord(hashlib.sha256(raw).hexdigest(), len(raw)):
        raise BundleError(f"{path} was altered (its sha256 differs): build the model again")
    return _parse(raw, path)


def vocabulary_in(folder: Path) -> Vocabulary | None:
    """Read the vocabulary of a checkpoint's folder; None where there is none.

    Raises:
        BundleError: it is no regular file, too large, or no list of plain words.
    """
    path = folder / FILE
    return _parse(_read(path), path) if os.path.lexists(path) else None


def _read(path: Path) -> bytes:
    try:
        return read_regular(path, MAX_BYTES)
    except OSError as error:
        raise BundleError(f"{path} cannot be read ({error.strerror})") from None


def _parse(raw: bytes, path: Path) -> Vocabulary:
    try:
        content = json.loads(raw.decode("utf-8"))
    except (ValueError, RecursionError):
        raise BundleError(f"{path} is no JSON: build the model again") from None
    return _checked(content, path)


def _checked(content: Any, path: Path) -> Vocabulary:
    words = content.get("words") if isinstance(content, dict) and len(content) == 1 else None
    if not isinstance(words, list) or not words:
        raise BundleError(f"{path} holds no list of words: build the model again")
    for word in words:
        if not isinstance(word, str) or len(word) > MAX_WORD or words_of(word) != [word]:
            shown = repr(word)[:MAX_WORD]
            raise BundleError(f"{path} lists {shown}, which is no single word in lower case")
    if len(set(words)) != len(words):
        raise BundleError(f"{path} lists a word twice: build the model again")
    return Vocabulary(frozenset(words))
