"""The words' part of a bundle: the text encoder graph and the tokenizers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from export.checkpoints.checkpoint import Checkpoint
from export.graphs import graphs
from export.graphs.tokens import prompt_ids, write_tokenizer
from export.parity import half, reference
from runtime.errors import BuildError

WORST_LOST = 1e-2
"""relative (L2): what f16 may lose of an embedding; the frames are judged with it later"""


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
    rough: tuple[reference.Floats, reference.Floats | None]
    """``basis`` and ``pooled`` as the graph computes them where it computes in f16"""
    lost: float
    """relative difference of ``rough`` (L2); 0 for a graph in f32"""

    @property
    def embedding(self) -> int:
        """D, the width of a row."""
        return int(self.basis.shape[2])

    @property
    def pooled_size(self) -> int:
        """P, the width of the pooled vector; 0 where there is none."""
        return 0 if self.pooled is None else int(self.pooled.shape[1])


def export_text(
    checkpoint: Checkpoint,
    scheduler: Any,
    graph: Path,
    progress: Callable[[str], None],
    *,
    in_half: bool = False,
) -> Text:
    """Write ``graph`` and the tokenizers beside it; encode the parity prompts with diffusers.

    ``in_half`` asks for a graph that computes in f16; it stays f32 if more than ``WORST_LOST`` of
    an embedding would be lost.

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
    if in_half:
        for encoder in encoders:
            half.round_weights(encoder)
    pipe = reference.pipeline_of(checkpoint.is_xl, scheduler=scheduler, **named)
    rough = basis, pooled = reference.encode(pipe, checkpoint.is_xl)
    lost = 0.0
    if in_half:
        progress("text encoder: f16")
        with half.rounding(*encoders):
            halves = reference.encode(pipe, checkpoint.is_xl)
        found = max(
            half.relative(one, other)
            for one, other in zip(halves, rough, strict=True)
            if one is not None and other is not None
        )
        if found <= WORST_LOST:
            rough, lost = halves, found
            encoders = [encoder.half() for encoder in encoders]
    del pipe, named
    progress("text encoder: export")
    graphs.export_graph(
        graphs.TextEncoderModule(*encoders),
        graphs.text_inputs(tokens, len(encoders)),
        ("embedding", "pooled")[: len(encoders)],
        graph,
    )
    ids = [prompt_ids(tokenizers, prompt, tokens) for prompt in reference.PROMPTS]
    return Text(tokens, files, basis, pooled, ids, rough, lost)
