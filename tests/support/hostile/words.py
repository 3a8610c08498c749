"""Hostile tokenizers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support.hostile.case import DRAWN, Case
from tests.support.models.resealed import replace_file
from tests.support.models.tinybundle import TOKENIZER

Raw = dict[str, Any]
NOT_CLIP = "no CLIP tokenizer"


def _changed(change: Callable[[Raw], object]) -> Callable[[Path], None]:
    """Alter the JSON values of the tokenizer; the manifest lists the new file."""

    def spoil(folder: Path) -> None:
        raw = json.loads((folder / TOKENIZER).read_text(encoding="utf-8"))
        change(raw)
        replace_file(folder, TOKENIZER, json.dumps(raw).encode())

    return spoil


def _content(content: bytes) -> Callable[[Path], None]:
    return lambda folder: replace_file(folder, TOKENIZER, content)


def _pad(**values: Any) -> Callable[[Path], None]:
    return _changed(lambda raw: raw["padding"].update(values))


def _model(**values: Any) -> Callable[[Path], None]:
    return _changed(lambda raw: raw["model"].update(values))


def _word(token: str, number: int) -> Callable[[Path], None]:
    return _changed(lambda raw: raw["model"]["vocab"].update({token: number}))


def _replacing(pattern: dict[str, str], content: str) -> dict[str, Any]:
    return {"type": "Replace", "pattern": pattern, "content": content}


def _normal(*normalizers: dict[str, Any]) -> Callable[[Path], None]:
    return _changed(
        lambda raw: raw.update(normalizer={"type": "Sequence", "normalizers": normalizers})
    )


def _split(pattern: str) -> Callable[[Path], None]:
    def change(raw: Raw) -> None:
        raw["pre_tokenizer"]["pretokenizers"][0]["pattern"] = {"Regex": pattern}

    return _changed(change)


def _added(count: int) -> list[dict[str, Any]]:
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return [{"id": i, "content": f"<{i}>", "special": True, **flags} for i in range(count)]


def _many_words(raw: Raw) -> None:
    raw["model"]["vocab"].update({f"w{i}": 1000 + i for i in range(400_000)})


def _unknown_merge(raw: Raw) -> None:
    raw["model"]["merges"].append(["nothing", "known"])


TEMPLATE = {
    "type": "TemplateProcessing",
    "single": [{"SpecialToken": {"id": "a", "type_id": 0}}] * 100_000,
    "pair": [],
    "special_tokens": {"a": {"id": "a", "ids": [0], "tokens": ["a"]}},
}

TOKENIZERS = [
    Case("rows of 10^9", _pad(strategy={"Fixed": 10**9}), NOT_CLIP),
    Case("rows of 1,000", _pad(strategy={"Fixed": 1000}), "gives 1000 rows"),
    Case("rows of the longest", _pad(strategy="BatchLongest"), NOT_CLIP),
    Case("rows in steps of 10^9", _pad(pad_to_multiple_of=10**9), NOT_CLIP),
    Case("padding on the left", _pad(direction="Left"), NOT_CLIP),
    Case("padding with 10^6", _pad(pad_id=10**6), NOT_CLIP),
    Case("padding with another", _pad(pad_id=3), "is not its token 3"),
    Case("no padding", _changed(lambda raw: raw.update(padding=None)), NOT_CLIP),
    Case(
        "cut to one token",
        _changed(
            lambda raw: raw.update(
                truncation={
                    "direction": "Right",
                    "max_length": 1,
                    "strategy": "LongestFirst",
                    "stride": 0,
                }
            )
        ),
        NOT_CLIP,
    ),
    Case("letters that grow", _normal(_replacing({"String": "a"}, "a" * 1_000_000)), "normalizer"),
    Case("letters that double", _normal(*[_replacing({"String": "a"}, "aa")] * 40), "normalizer"),
    Case("spaces that grow", _normal(_replacing({"Regex": "\\s+"}, " " * 10**6)), "normalizer"),
    Case("a normaliser's pattern", _normal(_replacing({"Regex": "(a+)+$"}, "")), "normalizer"),
    Case("no normaliser", _changed(lambda raw: raw.update(normalizer=None)), NOT_CLIP),
    Case("a pattern without end", _split("(a|a)*(a|a)*(a|a)*$|(c+)+x"), "pre-tokenizer"),
    Case("a pattern of 1 MB", _split("a?" * 500_000), "pre-tokenizer"),
    Case("a pattern that is none", _split("("), "pre-tokenizer"),
    Case("100,000 tokens around", _changed(lambda raw: raw.update(post_processor=TEMPLATE)),
         NOT_CLIP),
    Case("no BOS", _changed(lambda raw: raw["post_processor"].update(cls=["a", 10**5])), "token"),
    Case("WordPiece", _model(type="WordPiece"), NOT_CLIP),
    Case("dropout", _model(dropout=0.5), NOT_CLIP),
    Case("bytes for the unknown", _model(byte_fallback=True), "merging"),
    Case("unknown token unknown", _model(unk_token="nothing"), "unknown"),
    Case("merges of numbers", _model(merges=[1, 2]), NOT_CLIP),
    Case("merges of the unknown", _changed(_unknown_merge), "cannot be used"),
    Case("a vocabulary of lists", _model(vocab=[["a", 0]]), NOT_CLIP),
    Case("400,000 words", _changed(_many_words), NOT_CLIP),
    Case("a word of 10^9", _word("zzz", 10**9), NOT_CLIP),
    Case("a word behind the table", _word("cat</w>", 100_000), "the text encoder knows"),
    Case("a negative word", _word("zzz", -1), NOT_CLIP),
    Case("two words of one number", _word("zzz", 0), "one id"),
    Case("a word of 1 MB", _word("z" * 10**6, 600), NOT_CLIP),
    Case("10^5 added tokens", _changed(lambda raw: raw.update(added_tokens=_added(10**5))),
         NOT_CLIP),
    Case("added tokens of other numbers", _changed(lambda raw: raw.update(added_tokens=_added(3))),
         "out of range"),
    Case("another field", _changed(lambda raw: raw.update(code="x")), NOT_CLIP),
    Case("another decoder", _changed(lambda raw: raw.update(decoder={"type": "x"})), DRAWN),
    Case("a tokenizer nested deep", _content(b'{"version":' + b"[" * 200_000), NOT_CLIP),
    Case("an empty tokenizer", _content(b"{}"), NOT_CLIP),
    Case("a tokenizer of zeros", _content(bytes(1000)), NOT_CLIP),
    Case("a tokenizer of 20 MB", _content(b'"' + b"a" * 20_000_000 + b'"'), "are allowed"),
]  # fmt: skip
