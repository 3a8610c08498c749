"""Prompt → token ids, and words → token rows, by the tokenizer's own offsets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import tokenizers
from numpy.typing import NDArray

from runtime.bundles.tokenizerfile import TokenizerFile
from runtime.errors import BundleError, RequestError, bare_line

CLIP_ROWS = 77


@dataclass(frozen=True, slots=True)
class Tokens:
    """One prompt as rows of the embedding: 0 is BOS, the last of ``offsets`` is EOS.

    ``ids`` has T entries, padding included. ``texts`` and ``offsets`` have one entry for each
    token, BOS and EOS included; ``offsets`` are (start, end) characters of ``prompt``. Several
    tokens may share one character (an emoji is made of bytes).
    """

    prompt: str
    ids: tuple[int, ...]
    texts: tuple[str, ...]
    offsets: tuple[tuple[int, int], ...]

    @property
    def eos(self) -> int:
        """The row of EOS; rows after it are padding."""
        return len(self.offsets) - 1

    def rows(self, start: int, end: int) -> range:
        """Return the rows of the tokens that hold any of the characters [start, end)."""
        hit = [
            row
            for row in range(1, self.eos)
            if self.offsets[row][0] < end and self.offsets[row][1] > start
        ]
        return range(hit[0], hit[-1] + 1) if hit else range(0)


class Tokenizer:
    """A CLIP tokenizer that pads to T rows and refuses to cut a prompt short."""

    def __init__(self, raw: tokenizers.Tokenizer) -> None:
        """Wrap a tokenizer whose padding gives T and the pad id (else 77 and EOS)."""
        padding: dict[str, Any] = raw.padding or {}
        truncation: dict[str, Any] = raw.truncation or {}
        raw.no_padding()
        raw.no_truncation()
        self._raw = raw
        self.length: int = padding.get("length") or truncation.get("max_length") or CLIP_ROWS
        """T, the rows of every embedding"""
        empty = raw.encode("").ids
        if len(empty) != 2:
            raise BundleError("the tokenizer adds no BOS and EOS: build the model again")
        self.bos, self.eos = empty
        self.pad: int = padding.get("pad_id", self.eos)
        self.tokens = lru_cache(maxsize=1024)(self._tokens)

    @classmethod
    def of(cls, file: TokenizerFile) -> Tokenizer:
        """Make the tokenizer of a tokenizer.json that was read strictly.

        Raises:
            BundleError: the library finds something in it that does not fit.
        """
        try:
            return cls(tokenizers.Tokenizer.from_str(file.text))
        except BundleError:
            raise
        except Exception as error:  # the library raises bare Exception
            raise BundleError(
                f"the bundle's tokenizer cannot be used ({bare_line(error)}): build the model again"
            ) from None

    def ids(self, prompt: str) -> NDArray[np.int64]:
        """Return the ids of a prompt, int64 [1, T], padded.

        Raises:
            RequestError: the prompt has more tokens than the model reads.
        """
        return np.array([self.tokens(prompt).ids], dtype=np.int64)

    def _tokens(self, prompt: str) -> Tokens:
        """Return the tokens of a prompt with their rows and characters.

        Raises:
            RequestError: the prompt has more tokens than the model reads.
        """
        encoding = self._raw.encode(prompt)
        count = len(encoding.ids)
        if count > self.length:
            raise RequestError(
                f"the prompt has {count - 2} tokens and this model reads {self.length - 2}: "
                f"shorten {_ellipsis(prompt)!r}"
            )
        offsets = [(0, 0), *encoding.offsets[1:-1], (len(prompt), len(prompt))]
        texts = ["BOS", *_texts(prompt, encoding.tokens, encoding.offsets)[1:-1], "EOS"]
        ids = [*encoding.ids, *[self.pad] * (self.length - count)]
        return Tokens(prompt, tuple(ids), tuple(texts), tuple(offsets))


def _texts(prompt: str, tokens: Sequence[str], offsets: Sequence[tuple[int, int]]) -> list[str]:
    """Show each token as its characters of the prompt, or raw where it is part of a character."""
    shared = {span for span in offsets if offsets.count(span) > 1}
    return [
        token if span in shared or span[0] >= span[1] else prompt[span[0] : span[1]].strip()
        for token, span in zip(tokens, offsets, strict=True)
    ]


def _ellipsis(prompt: str, limit: int = 40) -> str:
    return prompt if len(prompt) <= limit else prompt[: limit - 1] + "…"
