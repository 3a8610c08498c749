"""A stranger's configuration against the weights beside it, before memory is taken for it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from math import prod
from pathlib import Path
from typing import Any

from export.checkpoints import tensorfile
from export.checkpoints.network import init_keys, only
from export.quiet import quiet
from runtime.bundles.files import size_of
from runtime.errors import BuildError, one_line

COUNTS = re.compile(r"(num_hidden_layers|.*layers_per_block|num_(en|de)coder_blocks)$")
"""configuration keys that say how often a part is repeated"""
LAYER = re.compile(r"(?:^|\.)encoder\.layers\.(\d+)\.")
LISTS = 256
"""longest list in a network's configuration"""
NUMBER = 1 << 20
"""largest number in a network's configuration"""
SCHEDULE = 100_000
"""largest number and longest list in a scheduler's configuration"""
TEXT_BYTES = 32 << 20
"""longest configuration, vocabulary or list of merges"""
TEXTS = (".json", ".txt", ".jinja")


def check_files(place: Path) -> None:
    """Refuse a folder that holds what is neither a file nor a folder, or a text that is too long.

    Raises:
        BuildError: naming it.
    """
    for path in sorted(place.iterdir()):
        if path.is_dir():
            continue
        try:
            size = size_of(path, links=True)
        except OSError as error:
            raise BuildError(f"{path} cannot be read: {error.strerror}") from None
        if path.suffix in TEXTS and size > TEXT_BYTES:
            raise BuildError(f"{path} has {size} bytes: {TEXT_BYTES} are allowed")


def check_sizes(name: str, place: Path, config: Mapping[str, Any], files: Sequence[Path]) -> None:
    """Compare the configuration of the network class ``name`` with its weights' shapes.

    Raises:
        BuildError: numbers out of range, more layers than there are weights, or other shapes.
    """
    shapes: dict[str, list[int]] = {}
    for file in files:
        shapes |= tensorfile.shapes(file)
    check_numbers(place, config, NUMBER, LISTS)
    counts = [list(_numbers(value)) for key, value in config.items() if COUNTS.match(key)]
    most = prod(max(1, *many) for many in counts if many)
    if max(most, *map(sum, counts), 0) > len(shapes):
        raise BuildError(
            f"{place / 'config.json'} asks for more layers than there are weights "
            f"({len(shapes)}): fetch the checkpoint again"
        )
    try:
        is_text = name.startswith("CLIP")
        wanted = _text_shapes(config, shapes) if is_text else _shapes_of(name, config)
    except Exception as error:  # whatever a configuration of nonsense leads to
        raise BuildError(f"{place} cannot be configured: {one_line(error)}") from None
    for key, shape in wanted.items():
        if key in shapes and shapes[key] != shape:
            raise BuildError(
                f"{place} cannot be loaded: its config.json asks for {key} of {shape}, and the "
                f"weights have {shapes[key]}"
            )
    held, asked = (sum(map(prod, every.values())) for every in (shapes, wanted))
    if asked > 2 * held + NUMBER:
        raise BuildError(
            f"{place / 'config.json'} asks for {asked} numbers and the weights hold {held}: fetch "
            "the checkpoint again"
        )


def check_numbers(place: Path, config: Mapping[str, Any], largest: int, longest: int) -> None:
    """Refuse a configuration with numbers or lists that no checkpoint needs.

    Raises:
        BuildError: naming the entry.
    """
    for key, value in config.items():
        numbers = list(_numbers(value))
        if len(numbers) > longest or any(abs(one) > largest for one in numbers):
            raise BuildError(f"{place} has a {key[:60]} out of range: fetch the checkpoint again")


def _numbers(value: Any) -> Iterator[int | float]:
    """Yield the numbers in a value of JSON."""
    stack = [value]
    while stack:
        one = stack.pop()
        if isinstance(one, (int, float)) and not isinstance(one, bool):
            yield one
        elif isinstance(one, list):
            stack.extend(one)
        elif isinstance(one, dict):
            stack.extend(one.values())


def _text_shapes(
    config: Mapping[str, Any], shapes: Mapping[str, list[int]]
) -> dict[str, list[int]]:
    """Return the shapes that a CLIP text encoder's configuration gives to some of its weights."""
    config = config.get("text_config", config)
    width, inner = config.get("hidden_size", 512), config.get("intermediate_size", 2048)
    by_end = {
        "token_embedding.weight": [config.get("vocab_size", 49408), width],
        "position_embedding.weight": [config.get("max_position_embeddings", 77), width],
        "mlp.fc1.weight": [inner, width],
        "mlp.fc2.weight": [width, inner],
    }
    wanted = {key: by_end[end] for key in shapes for end in by_end if key.endswith(end)}
    layers = {int(match[1]) for key in shapes if (match := LAYER.search(key))}
    missing = config.get("num_hidden_layers", 12) - len(layers)
    wanted["encoder.layers"] = [max(0, missing), width, 4 * width + 2 * inner]
    return wanted


def _shapes_of(name: str, config: Mapping[str, Any]) -> dict[str, list[int]]:
    """Return the shape of every weight of a diffusers network, which is made without memory."""
    import diffusers
    import torch

    with quiet(), torch.device("meta"):
        kind = getattr(diffusers, name)
        network = kind.from_config(only(config, init_keys(kind)))
    return {key: list(tensor.shape) for key, tensor in network.state_dict().items()}
