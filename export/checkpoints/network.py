"""One network or tokenizer of a stranger's folder: only what is known is read, and all of it fits.

The libraries' own loaders follow what files name (shard indices, kernels to fetch from a hub, other
files) and fill what is missing with random numbers. So configurations are cut down to known keys,
weights come from the very files that are hashed, and a key too few or too many is refused.
"""

from __future__ import annotations

import inspect
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from export.checkpoints import tensorfile
from runtime.errors import BuildError

CLIP_TEXT = frozenset({
    "vocab_size", "hidden_size", "intermediate_size", "projection_dim", "num_hidden_layers",
    "num_attention_heads", "max_position_embeddings", "hidden_act", "layer_norm_eps",
    "attention_dropout", "initializer_range", "initializer_factor", "pad_token_id",
    "bos_token_id", "eos_token_id", "use_attention_mask",
})  # fmt: skip
"""what of a text encoder's configuration is passed on"""
CLIP_WORDS = frozenset({
    "added_tokens_decoder", "add_prefix_space", "bos_token", "eos_token", "errors",
    "model_max_length", "pad_token", "unk_token",
})  # fmt: skip
"""what of a tokenizer's configuration is passed on; others may name files elsewhere"""
WORD_FILES = ("tokenizer.json", "vocab.json", "merges.txt")
SPECIAL_FILES = ("special_tokens_map.json", "added_tokens.json")
SHOWN = 3
UNUSABLE = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    IndexError,
    KeyError,
    NotImplementedError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""what the libraries raise at configurations that make no network"""


def diffusers_network(name: str, config: Mapping[str, Any], files: Sequence[Path]) -> Any:
    """Return a diffusers network in f32 that holds exactly the weights in ``files``.

    Raises:
        BuildError: weights that are missing, too many, of another shape or not finite.
        What ``UNUSABLE`` lists: ``config`` makes no such network.
    """
    import diffusers
    from accelerate import init_empty_weights

    kind = getattr(diffusers, name)
    with init_empty_weights():
        network = kind.from_config(only(config, init_keys(kind)))
    state = read_weights(files)
    network._fix_state_dict_keys_on_load(state)  # renames those of old attention blocks
    result = network.load_state_dict(state, strict=False, assign=True)
    refuse_misfits(name, files[0].parent, result.missing_keys, result.unexpected_keys)
    return network


def clip_text_encoder(name: str, config: Mapping[str, Any], files: Sequence[Path]) -> Any:
    """Return a CLIP text encoder in f32 that holds exactly the weights in ``files``.

    Raises:
        As ``diffusers_network``.
    """
    import torch
    import transformers

    network, found = getattr(transformers, name).from_pretrained(
        None,
        config=transformers.CLIPTextConfig(**only(config, CLIP_TEXT)),
        state_dict=read_weights(files),
        dtype=torch.float32,
        output_loading_info=True,
    )
    misfits = [str(one[0]) for one in found["mismatched_keys"]]
    refuse_misfits(
        name, files[0].parent, [*found["missing_keys"], *misfits], found["unexpected_keys"]
    )
    return network


def clip_tokenizer(place: Path, **settings: Any) -> Any:
    """Return the CLIP tokenizer in the folder ``place``; ``settings`` override its own.

    Raises:
        BuildError: its configuration is no JSON object.
        What ``UNUSABLE`` lists: no such tokenizer is there.
    """
    import transformers

    with tempfile.TemporaryDirectory() as folder:
        for name in (*WORD_FILES, *SPECIAL_FILES):
            if (place / name).is_file():
                shutil.copyfile(place / name, Path(folder) / name)
        config = place / "tokenizer_config.json"
        content = json.loads(config.read_text(encoding="utf-8")) if config.is_file() else {}
        if not isinstance(content, dict):
            raise BuildError(f"{config} is not a JSON object")
        kept = Path(folder) / config.name
        kept.write_text(json.dumps(only(content, CLIP_WORDS)), encoding="utf-8")
        return transformers.CLIPTokenizer.from_pretrained(folder, local_files_only=True, **settings)


def init_keys(kind: Any) -> frozenset[str]:
    """Return what the constructor of a diffusers class takes."""
    return frozenset(inspect.signature(kind.__init__).parameters) - {"self", "kwargs"}


def only(config: Mapping[str, Any], known: frozenset[str]) -> dict[str, Any]:
    """Return the part of a configuration that is known; the rest reaches no library."""
    return {key: value for key, value in config.items() if key in known}


def read_weights(files: Sequence[Path], prefixes: tuple[str, ...] = ("",)) -> dict[str, Any]:
    """Return the tensors of several files in f32, of those whose names begin with ``prefixes``.

    Raises:
        BuildError: one that is damaged or not finite, or that stands in two files.
    """
    state: dict[str, Any] = {}
    for path in files:
        for key, value in finite_tensors(path, prefixes):
            if key in state:
                raise BuildError(f"{path} holds {key}, which another file holds too")
            state[key] = value.float() if value.is_floating_point() else value
    return state


def finite_tensors(path: Path, prefixes: tuple[str, ...] = ("",)) -> Iterator[tuple[str, Any]]:
    """Yield what ``tensorfile.tensors`` does.

    Raises:
        BuildError: as there, or a tensor holds a value that is not finite.
    """
    for key, value in tensorfile.tensors(path, prefixes):
        if value.is_floating_point() and not value.float().isfinite().all():
            raise BuildError(
                f"{path} holds values that are not finite in {key}: the file is damaged, or its "
                "training failed"
            )
        yield key, value


def refuse_misfits(
    name: str, place: Path, missing: Sequence[str], unexpected: Sequence[str]
) -> None:
    """Raise BuildError if a network's weights are missing, or some have no place in it."""
    for keys, what in ((missing, "lacks"), (unexpected, "has no place for")):
        if keys:
            shown = ", ".join(sorted(keys)[:SHOWN])
            rest = f" and {len(keys) - SHOWN} more" if len(keys) > SHOWN else ""
            raise BuildError(
                f"{place} does not fit its configuration: {name} {what} {shown}{rest}; "
                "fetch it again"
            )
