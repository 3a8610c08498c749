"""The words' part of a bundle: the text encoder graph and the tokenizers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from export.checkpoints.checkpoint import Checkpoint
from export.graphs import graphs
from export.graphs.tokens import prompt_ids, write_tokenizer
from export.parity import reference
from runtime.errors import BuildError


@dataclass(frozen=True, slots=True)
class Text:
    """What is known once the text encoder was exported."""

    tokens: int
    tokenizers: tuple[str, ...]
    basis: reference.Floats
    """[K, T, D], from diffusers"""
    pooled: reference.Floats | None
    """[K, P]"""
    ids: list[dict[str, Any]]
    """graph inputs of the parity prompts"""

    @property
    def embedding(self) -> int:
        """D, the width of a row."""
        return int(self.basis.shape[2])

    @property
    def pooled_size(self) -> int:
        """P, the width of the pooled vector; 0 where there is none."""
        return 0 if self.pooled is None else int(self.pooled.shape[1])


def export_text(
    checkpoint: Checkpoint, scheduler: Any, graph: Path, progress: Callable[[str], None]
) -> Text:
    """Write ``graph`` and the tokenizers beside it; encode the parity prompts with diffusers.

    Raises:
        BuildError: a tokenizer or text encoder that cannot be exported.
    """
    progress("text encoder: load")
    suffixes = ("", "_2") if checkpoint.is_xl else ("",)
    tokenizers = [checkpoint.load(f"tokenizer{suffix}") for suffix in suffixes]
    files = tuple(f"tokenizer{suffix}.json" for suffix in suffixes)
    lengths = {
        write_tokenizer(tokenizer, graph.parent / file)
        for tokenizer, file in zip(tokenizers, files, strict=True)
    }
    if len(lengths) != 1:
        raise BuildError(f"the two tokenizers have different lengths: {sorted(lengths)}")
    (tokens,) = lengths
    encoders = [checkpoint.load(f"text_encoder{suffix}") for suffix in suffixes]
    if any(getattr(encoder.config, "use_attention_mask", False) for encoder in encoders):
        raise BuildError("text encoders that mask their padding cannot be exported")
    named = {
        f"{kind}{suffix}": loaded
        for kind, every in (("tokenizer", tokenizers), ("text_encoder", encoders))
        for suffix, loaded in zip(suffixes, every, strict=True)
    }
    basis, pooled = reference.encode(
        reference.pipeline_of(checkpoint.is_xl, scheduler=scheduler, **named), checkpoint.is_xl
    )
    progress("text encoder: export")
    graphs.export_graph(
        graphs.TextEncoder(*encoders),
        graphs.text_inputs(tokens, len(encoders)),
        ("embedding", "pooled")[: len(encoders)],
        graph,
    )
    ids = [prompt_ids(tokenizers, prompt, tokens) for prompt in reference.PROMPTS]
    return Text(tokens, files, basis, pooled, ids)
