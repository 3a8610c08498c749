"""LoRA files, fused into a network one component at a time."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from export.checkpoints.lorafile import read_lora
from export.checkpoints.network import UNUSABLE
from runtime.errors import BuildError, one_line

COMPONENTS = ("unet", "text_encoder", "text_encoder_2")


def fuse(network: Any, component: str, path: Path, weight: float, *, is_xl: bool) -> bool:
    """Add ``weight`` times the LoRA in ``path`` to a UNet or text encoder, in place.

    Return whether the file had anything for this component.

    Raises:
        BuildError: the file is absent, damaged, not safetensors, of another kind (DoRA), or does
            not fit the network in every part.
    """
    import diffusers
    from peft.tuners.tuners_utils import BaseTunerLayer

    content = read_lora(path)
    _check_kind(content, path)
    kind = diffusers.StableDiffusionXLPipeline if is_xl else diffusers.StableDiffusionPipeline
    extra = {"unet_config": network.config} if is_xl and component == "unet" else {}
    try:
        state, alphas, metadata = kind.lora_state_dict(content, return_lora_metadata=True, **extra)
        if component == "unet":
            kind.load_lora_into_unet(state, network_alphas=alphas, unet=network, metadata=metadata)
        else:
            kind.load_lora_into_text_encoder(
                state,
                network_alphas=alphas,
                text_encoder=network,
                prefix=component,
                metadata=metadata,
            )
    except UNUSABLE as error:
        raise BuildError(f"{path} is no LoRA for this checkpoint: {one_line(error)}") from None
    _check_all_taken(state, network, component, path, is_xl)
    layers = [module for module in network.modules() if isinstance(module, BaseTunerLayer)]
    for layer in layers:
        layer.scale_layer(weight)
        layer.merge()
    if layers:
        _unload(network)
        _check_finite(network, path)
    network.requires_grad_(False)
    return bool(layers)


def _check_kind(content: Mapping[str, Any], path: Path) -> None:
    """Refuse what diffusers would drop with a warning."""
    if any("dora_scale" in key or "lora_magnitude_vector" in key for key in content):
        raise BuildError(
            f"{path} is a DoRA, whose magnitudes cannot be fused: use a plain LoRA, or a "
            "checkpoint that has it merged"
        )


def _check_finite(network: Any, path: Path) -> None:
    for name, tensor in network.named_parameters():
        if not tensor.isfinite().all():
            raise BuildError(
                f"{path} makes {name} infinite: use a smaller weight, as in {path.name}@0.5"
            )


def _check_all_taken(
    state: Mapping[str, Any], network: Any, component: str, path: Path, is_xl: bool
) -> None:
    """Refuse a file some of whose matrices found no place: diffusers only warns of them.

    They are looked for by content, because every layout names them otherwise.
    """
    taken = {
        _fingerprint(tensor) for name, tensor in network.named_parameters() if ".lora_" in name
    }
    for key, tensor in state.items():
        owner = key.split(".")[0]
        owner = owner if owner.startswith("text_encoder") else "unet"
        stranger = owner == COMPONENTS[2] and not is_xl
        missed = owner == component and tensor.ndim > 1 and _fingerprint(tensor) not in taken
        if stranger or missed:
            raise BuildError(f"{path} is for another checkpoint: this one has no place for {key}")


def _fingerprint(tensor: Any) -> str:
    content = tensor.detach().float().cpu().contiguous().numpy()
    return hashlib.sha256(content.tobytes()).hexdigest()


def _unload(network: Any) -> None:
    """Leave plain layers that hold the fused weights, as if there had never been a LoRA."""
    from diffusers.utils.peft_utils import recurse_remove_peft_layers

    recurse_remove_peft_layers(network)
    if hasattr(network, "peft_config"):
        del network.peft_config
    network._hf_peft_config_loaded = False
