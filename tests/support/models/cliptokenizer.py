"""A small tokenizer of CLIP's make: lower case, bytes, ``</w>`` ends a word, BOS and EOS around."""

from __future__ import annotations

from collections.abc import Iterable

import tokenizers
from tokenizers import Regex, models, normalizers, pre_tokenizers, processors

from runtime.mixing.tokens import Tokenizer

WORDS = (
    "a",
    "an",
    "the",
    "photo",
    "of",
    "on",
    "in",
    "and",
    "cat",
    "dog",
    "sofa",
    "red",
    "white",
    "tabby",
    "fish",
    "new",
    "york",
    "old",
    "tiger",
)
PIECES = ("kit", "ten</w>", "cat", "sea", "horse</w>")
"""Merged inside longer words: kitten is kit+ten, seahorse is sea+horse, catsup is cat+s+u+p."""
_SPLIT = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"


def raw_tokenizer(
    words: Iterable[str] = WORDS, pad: str = "<|endoftext|>", length: int = 77
) -> tokenizers.Tokenizer:
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {text: i for i, text in enumerate([*letters, *(f"{c}</w>" for c in letters)])}
    merges: list[tuple[str, str]] = []
    for text in [*(f"{word}</w>" for word in words), *PIECES]:
        whole = text.endswith("</w>")
        parts = list(text.removesuffix("</w>"))
        parts[-1] += "</w>" if whole else ""
        while len(parts) > 1:
            if (parts[0], parts[1]) not in merges:
                merges.append((parts[0], parts[1]))
            parts = [parts[0] + parts[1], *parts[2:]]
            vocabulary.setdefault(parts[0], len(vocabulary))
    for text in ("<|startoftext|>", "<|endoftext|>"):
        vocabulary[text] = len(vocabulary)
    raw = tokenizers.Tokenizer(
        models.BPE(
            vocab=vocabulary,
            merges=merges,
            continuing_subword_prefix="",
            end_of_word_suffix="</w>",
            unk_token="<|endoftext|>",
        )
    )
    raw.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
    )
    raw.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_SPLIT), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    ends = [(text, vocabulary[text]) for text in ("<|endoftext|>", "<|startoftext|>")]
    raw.post_processor = processors.RobertaProcessing(ends[0], ends[1], False, False)
    raw.enable_padding(length=length, pad_id=vocabulary[pad], pad_token=pad)
    return raw


def make_tokenizer(words: Iterable[str] = WORDS, length: int = 77) -> Tokenizer:
    return Tokenizer(raw_tokenizer(words, length=length))
