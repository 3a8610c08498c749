"""A checkpoint's tokenizer as one tokenizer.json that needs no other file and no transformers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from runtime.bundles.tokenizerfile import parse_tokenizer
from runtime.errors import BuildError, BundleError

PROBES = (
    "",
    "cat",
    "A photo of a CAT, sitting on the mat!",
    "kitten's   tabby\tt-shirt 3/7 (0.43) — “new york” ünïcödé naïve 猫 🐈‍⬛ e\u0301",
    "don't you'll we've <|endoftext|> x",
)
"""prompts whose ids must come out the same"""


def write_tokenizer(tokenizer: Any, path: Path) -> int:
    """Write a CLIPTokenizer as ``path``: padded to its length, never truncating; return length.

    ``tokenizers.Tokenizer.from_file(path).encode(prompt).ids`` equals the pipeline's
    ``tokenizer(prompt, padding="max_length").input_ids``.

    Raises:
        BuildError: the ids of a probe prompt differ.
    """
    length = int(tokenizer.model_max_length)
    if length > 1024:
        raise BuildError("the checkpoint's tokenizer has no model_max_length: it must say 77")
    standalone = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
    standalone.no_truncation()
    standalone.enable_padding(
        length=length,
        pad_id=int(tokenizer.pad_token_id),
        pad_token=str(tokenizer.pad_token),
        direction=tokenizer.padding_side,
    )
    content = json.loads(standalone.to_str(pretty=False))
    try:
        parse_tokenizer(json.dumps(content).encode())
    except BundleError as error:
        raise BuildError(f"the checkpoint's tokenizer {error}") from None
    path.write_text(json.dumps(content, ensure_ascii=False) + "\n", encoding="utf-8")
    written = Tokenizer.from_file(str(path))
    for prompt in PROBES:
        wanted = tokenizer(prompt, padding="max_length", max_length=length).input_ids
        if written.encode(prompt).ids != wanted:
            raise BuildError(f"the tokenizer cannot be copied exactly: {prompt!r} differs")
    return length


def prompt_ids(tokenizers: list[Any], prompt: str, length: int) -> dict[str, Any]:
    """Return the inputs of the text encoder graph, as the diffusers pipelines make them."""
    return {
        name: tokenizer(
            prompt, padding="max_length", max_length=length, truncation=True, return_tensors="np"
        ).input_ids.astype("int64")
        for name, tokenizer in zip(("input_ids", "input_ids_2"), tokenizers, strict=False)
    }
