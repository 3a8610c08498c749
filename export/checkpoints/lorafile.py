"""What a LoRA file holds: pairs of matrices, each with its partner and a scale that makes sense.

A pair changes a module's weight by ``scale * up @ down`` with ``scale = alpha / rank``; alpha is
the rank where the file gives none. diffusers applies alpha in the layouts of kohya-ss only, so in
PEFT's it is multiplied into ``up`` here.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from export.checkpoints import tensorfile
from export.checkpoints.network import finite_tensors
from runtime.errors import BuildError

DOWN = ("lora_A", "lora_down", "lora.down", "lora_linear_layer.down")
UP = ("lora_B", "lora_up", "lora.up", "lora_linear_layer.up")
PEFT = "lora_A"
KEY = re.compile(
    rf"(?P<module>.+?)[._](?P<part>{'|'.join(map(re.escape, DOWN + UP))})(\.default)?\.weight"
)
ALPHA = ".alpha"
METADATA = "lora_adapter_metadata"
"""where diffusers keeps the settings of PEFT's layout, in the header of the file"""
MAX_SCALE = 1000.0


@dataclass
class _Pair:
    parts: dict[str, str] = field(default_factory=dict)  # part → key
    alpha: float | None = None


def read_lora(path: Path) -> dict[str, Any]:
    """Return the tensors of a LoRA as diffusers takes them, its alphas checked or multiplied in.

    Raises:
        BuildError: no safetensors, a matrix without its partner, values that are not finite, or a
            scale outside 0 to ``MAX_SCALE``.
    """
    content = dict(finite_tensors(path))
    pairs = _pairs(content, path)
    settings = _settings(path)
    for module, pair in pairs.items():
        down, up = _partners(pair, module, path)
        rank = int(content[down].shape[0])
        peft = PEFT in pair.parts
        alpha = pair.alpha
        if alpha is None and peft:
            alpha = _alpha_of(settings, module, rank)
        scale = 1.0 if alpha is None else alpha / max(rank, 1)
        if not 0 <= scale <= MAX_SCALE:
            raise BuildError(
                f"{path} scales {module} by {scale:g}, which is no LoRA's strength (0 to "
                f"{MAX_SCALE:g}): the file is damaged"
            )
        if peft:
            content.pop(f"{module}{ALPHA}", None)
            content[up] = content[up] * scale
    return content


def _pairs(content: Mapping[str, Any], path: Path) -> dict[str, _Pair]:
    pairs: dict[str, _Pair] = {}
    for key in content:
        match = KEY.fullmatch(key)
        if match:
            pairs.setdefault(match["module"], _Pair()).parts[match["part"]] = key
    for key, value in content.items():
        module = key.removesuffix(ALPHA)
        if module != key and module in pairs:
            if value.numel() != 1:
                raise BuildError(f"{path} holds {key}, which is not one number")
            pairs[module].alpha = float(value)
    return pairs


def _partners(pair: _Pair, module: str, path: Path) -> tuple[str, str]:
    down = next((pair.parts[part] for part in DOWN if part in pair.parts), None)
    up = next((pair.parts[part] for part in UP if part in pair.parts), None)
    if down is None or up is None:
        raise BuildError(f"{path} holds only one of the two matrices of {module}: fetch it again")
    return down, up


def _settings(path: Path) -> Mapping[str, Any]:
    """Return the adapter's settings in the file's header, named as in ``unet.lora_alpha``."""
    try:
        content = json.loads(tensorfile.metadata(path).get(METADATA, "{}"))
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise BuildError(f"{path} has a damaged header: {METADATA} is no JSON object")
    return content


def _alpha_of(settings: Mapping[str, Any], module: str, rank: int) -> float | None:
    """Return the alpha that makes ``alpha / rank`` the scale that the settings ask for."""
    component, _, place = module.partition(".")
    patterns = settings.get(f"{component}.alpha_pattern")
    named = patterns if isinstance(patterns, dict) else {}
    fitting = [value for key, value in named.items() if f".{place}".endswith(f".{key}")]
    alpha = fitting[0] if fitting else settings.get(f"{component}.lora_alpha")
    if not isinstance(alpha, int | float):
        return None
    stable = settings.get(f"{component}.use_rslora") is True  # scaled by the root of the rank
    return float(alpha) * (math.sqrt(rank) if stable else 1.0)
