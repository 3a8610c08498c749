"""tokenizer.json as the exporter writes it, read strictly: CLIP's byte-level BPE and nothing else.

The library that runs it knows normalisers that expand a text a thousandfold and patterns that
never end; so all but the vocabulary, the merges and the special tokens must be CLIP's own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from runtime.errors import BundleError, bare_line

NORMALIZER = {
    "type": "Sequence",
    "normalizers": [
        {"type": "NFC"},
        {"type": "Replace", "pattern": {"Regex": "\\s+"}, "content": " "},
        {"type": "Lowercase"},
    ],
}
WORDS = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
SPLITS = (WORDS, rf"<\|startoftext\|>|<\|endoftext\|>|{WORDS}")
"""the patterns that cut a text into words: OpenAI's file, and the one that transformers writes"""
PRE_TOKENIZERS = [
    {
        "type": "Sequence",
        "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": split}, "behavior": "Removed", "invert": True},
            {
                "type": "ByteLevel",
                "add_prefix_space": False,
                "trim_offsets": True,
                "use_regex": True,
            },
        ],
    }
    for split in SPLITS
]
VOCABULARY = 1 << 18
"""most tokens; CLIP has 49,408"""

Id = Annotated[int, Meta(ge=0, lt=1 << 20)]
Text = Annotated[str, Meta(min_length=1, max_length=1024)]
Special = Annotated[str, Meta(min_length=1, max_length=256)]


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An object with these fields and no others."""


class _Added(_Strict, frozen=True):
    id: Id
    content: Special
    single_word: bool
    lstrip: bool
    rstrip: bool
    normalized: bool
    special: bool


class _Fixed(_Strict, frozen=True):
    Fixed: Annotated[int, Meta(ge=2, le=1024)]


class _Padding(_Strict, frozen=True):
    strategy: _Fixed
    direction: Literal["Right"]
    pad_to_multiple_of: None
    pad_id: Id
    pad_type_id: Literal[0]
    pad_token: Special


class _Ends(_Strict, frozen=True):
    type: Literal["RobertaProcessing"]
    sep: tuple[Special, Id]
    cls: tuple[Special, Id]
    trim_offsets: bool
    add_prefix_space: bool


class _Model(_Strict, frozen=True):
    type: Literal["BPE"]
    dropout: None
    unk_token: Special | None
    continuing_subword_prefix: Literal[""] | None
    end_of_word_suffix: Literal["</w>"]
    fuse_unk: bool
    byte_fallback: bool
    vocab: Annotated[dict[Text, Id], Meta(min_length=2, max_length=VOCABULARY)]
    merges: Annotated[list[tuple[Text, Text]], Meta(max_length=VOCABULARY)]
    ignore_merges: bool = False


class _File(_Strict, frozen=True):
    version: Literal["1.0"]
    truncation: None
    padding: _Padding
    added_tokens: Annotated[tuple[_Added, ...], Meta(max_length=1024)]
    normalizer: dict[str, Any]
    pre_tokenizer: dict[str, Any]
    post_processor: _Ends
    decoder: dict[str, Any] | None
    model: _Model


@dataclass(frozen=True, slots=True)
class TokenizerFile:
    """A tokenizer.json that is safe to be run."""

    text: str
    """JSON for ``tokenizers.Tokenizer.from_str``, written anew from what was read"""
    length: int
    """T, the rows of every embedding"""
    pad: int
    """the id that fills the rows after EOS"""
    highest: int
    """no id is larger"""


def parse_tokenizer(content: bytes) -> TokenizerFile:
    """Return what a tokenizer.json says.

    Raises:
        BundleError: what is wrong with it, to follow the file's name.
    """
    try:
        file = msgspec.json.decode(content, type=_File, strict=True)
    except (ValueError, RecursionError) as error:
        raise BundleError(f"is no CLIP tokenizer ({bare_line(error)})") from None
    for problem in _problems(file):
        raise BundleError(f"is no CLIP tokenizer ({problem})")
    vocabulary = file.model.vocab
    # the library numbers tokens that are not in the vocabulary behind it
    more = sum(token.content not in vocabulary for token in file.added_tokens)
    highest = max(*vocabulary.values(), len(vocabulary) + more - 1)
    text = msgspec.json.encode(msgspec.structs.replace(file, decoder=None)).decode()
    padding = file.padding
    return TokenizerFile(text, padding.strategy.Fixed, padding.pad_id, highest)


def _problems(file: _File) -> Iterator[str]:
    vocabulary = file.model.vocab
    if file.normalizer != NORMALIZER:
        yield "its normalizer is another"
    if file.pre_tokenizer not in PRE_TOKENIZERS:
        yield "its pre-tokenizer is another"
    if file.model.fuse_unk or file.model.byte_fallback or file.model.ignore_merges:
        yield "its merging is another"
    if len(set(vocabulary.values())) != len(vocabulary):
        yield "two tokens have one id"
    unknown = file.model.unk_token
    if unknown is not None and unknown not in vocabulary:
        yield "its token for what is unknown is none of its tokens"
    fixed = {token.content: token.id for token in file.added_tokens}
    if len(fixed) != len(file.added_tokens):
        yield "it adds a token twice"
    known = {**fixed, **vocabulary}
    ends = (file.post_processor.sep, file.post_processor.cls)
    padding = (file.padding.pad_token, file.padding.pad_id)
    for name, number in (*fixed.items(), *ends, padding):
        if known.get(name) != number:
            yield f"{name[:40]!r} is not its token {number}"
    for token in file.added_tokens:
        behind = token.id - len(vocabulary)
        if token.content not in vocabulary and not 0 <= behind < len(fixed):
            yield f"the id of {token.content[:40]!r} is out of range"
