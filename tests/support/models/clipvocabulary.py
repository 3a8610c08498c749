"""The genuine vocabulary of CLIP, out of the wheel of clip-anytorch: a file, none of its code."""

from __future__ import annotations

import gzip
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import pytest

FILE = "clip/bpe_simple_vocab_16e6.txt.gz"
MERGES = 49152 - 256 - 2
"""how many of the file's lines CLIP uses, after the first"""
LENGTH = 77


@cache
def _lines() -> tuple[str, ...]:
    try:
        path = Path(str(distribution("clip-anytorch").locate_file(FILE)))
    except PackageNotFoundError:
        pytest.skip("needs CLIP's vocabulary: pip install --no-deps clip-anytorch")
    text = gzip.decompress(path.read_bytes()).decode("utf-8")
    return tuple(text.split("\n")[1 : MERGES + 1])


def clip_tokenizer(pad: str = "<|endoftext|>") -> Any:
    """Return transformers' CLIPTokenizer with CLIP's 49408 entries."""
    import transformers
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    merges = [tuple(line.split()) for line in _lines()]
    letters = list(bytes_to_unicode().values())
    entries = [*letters, *(f"{letter}</w>" for letter in letters), *map("".join, merges)]
    entries += ["<|startoftext|>", "<|endoftext|>"]
    return transformers.CLIPTokenizer(
        vocab={entry: number for number, entry in enumerate(entries)},
        merges=merges,
        pad_token=pad,
        model_max_length=LENGTH,
    )
