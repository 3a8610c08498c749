"""LoRA files, fused into a network one component at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from export.checkpoint import CONVERT
from runtime.errors import BuildError


def fuse(network: Any, component: str, path: Path, weight: float, *, is_xl: bool) -> bool:
    """Add ``weight`` times the LoRA in ``path`` to a UNet or text encoder, in place.

    Return whether the file had anything for this component.

    Raises:
        BuildError: the file is absent, damaged, not safetensors or does not fit the network.
    """
    import diffusers
    from peft.tuners.tuners_utils import BaseTunerLayer
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if path.suffix != ".safetensors":
        raise BuildError(f"{path}: {CONVERT}")
    kind = diffusers.StableDiffusionXLPipeline if is_xl else diffusers.StableDiffusionPipeline
    extra = {"unet_config": network.config} if is_xl and component == "unet" else {}
    try:
        state, alphas, metadata = kind.lora_state_dict(
            load_file(path), return_lora_metadata=True, **extra
        )
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
    except FileNotFoundError:
        raise BuildError(f"no LoRA at {path}") from None
    except SafetensorError as error:
        raise BuildError(f"{path} is partial or damaged ({error}): fetch it again") from None
    except (ValueError, KeyError, RuntimeError, TypeError) as error:
        line = " ".join(str(error).split())[:200]
        raise BuildError(f"{path} is no LoRA for this checkpoint: {line}") from None
    layers = [module for module in network.modules() if isinstance(module, BaseTunerLayer)]
    for layer in layers:
        layer.scale_layer(weight)
        layer.merge()
    if layers:
        _unload(network)
    network.requires_grad_(False)
    return bool(layers)


def _unload(network: Any) -> None:
    """Leave plain layers that hold the fused weights, as if there had never been a LoRA."""
    from diffusers.utils.peft_utils import recurse_remove_peft_layers

    recurse_remove_peft_layers(network)
    if hasattr(network, "peft_config"):
        del network.peft_config
    network._hf_peft_config_loaded = False
