"""The words of an atlas, as they were typed and as a file lists them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from runtime.errors import ExpressionError, RequestError
from runtime.language.expression import parse

MAX_FILE = 1 << 20
"""bytes"""


def names_of(words: Sequence[str], file: Path | None) -> tuple[str, ...]:
    """Return the words as they were given and as a file lists them, each once and tidied.

    Raises:
        RequestError: a file that cannot be read, or fewer than two words.
    """
    given = [*map(tidy, words), *(_read(file) if file is not None else ())]
    if "" in given:
        raise RequestError("an empty word has no place in an atlas: leave it out")
    known: dict[str, str] = {}
    for word in given:
        key = _meaning(word).casefold()
        if key in known:
            print(f"{word!r} stands there more than once: it is counted once", file=sys.stderr)
        known.setdefault(key, word)
    names = tuple(known.values())
    if not names:
        raise RequestError("an atlas of nothing: name words, or a file of them with --file")
    if len(names) == 1:
        raise RequestError(f"an atlas of {names[0]!r} alone has no ways: name two words or more")
    return names


def tidy(word: str) -> str:
    """Return a word or phrase with single spaces and none at its ends."""
    return " ".join(word.split())


def _meaning(word: str) -> str:
    """Return a word as the language writes it; one that cannot be read as it is."""
    try:
        return str(parse(word))
    except ExpressionError:
        return word


def _read(file: Path) -> list[str]:
    try:
        if not file.is_file():
            raise RequestError(f"--file {file}: there is no such file")
        if file.stat().st_size > MAX_FILE:
            raise RequestError(f"--file {file} is too large for a list of words")
        text = file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise RequestError(f"--file {file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise RequestError(f"--file {file} is no text in UTF-8") from None
    found = [tidy(line) for line in text.splitlines()]
    found = [word for word in found if word and not word.startswith("#")]
    if not found:
        raise RequestError(f"--file {file} holds no words: write one a line")
    return found
