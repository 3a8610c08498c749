"""Diffusers' networks in the original layout, as single-file checkpoints hold them."""

from __future__ import annotations

from typing import Any

import torch

State = dict[str, torch.Tensor]

RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
VAE_ATTENTION = {
    "group_norm": "norm",
    "to_q": "q",
    "to_k": "k",
    "to_v": "v",
    "to_out.0": "proj_out",
}
OPEN_CLIP = {
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
    "self_attn.out_proj": "attn.out_proj",
}


def _renamed(module: Any, prefix: str, names: dict[str, str]) -> State:
    state = {}
    for key, value in module.state_dict().items():
        head, _, tail = key.rpartition(".")
        state[prefix + ".".join(filter(None, (names.get(head, head), tail)))] = value
    return state


def unet(model: Any, prefix: str = "model.diffusion_model.") -> State:
    """Return a UNet2DConditionModel's weights by their original names."""
    layers = model.config.layers_per_block
    state: State = {}

    def put(name: str, module: Any, names: dict[str, str] | None = None) -> None:
        state.update(_renamed(module, f"{prefix}{name}.", names or {}))

    put("time_embed", model.time_embedding, {"linear_1": "0", "linear_2": "2"})
    if getattr(model, "add_embedding", None) is not None:
        put("label_emb.0", model.add_embedding, {"linear_1": "0", "linear_2": "2"})
    put("input_blocks.0.0", model.conv_in)
    for i, block in enumerate(model.down_blocks):
        for j, resnet in enumerate(block.resnets):
            at = 1 + i * (layers + 1) + j
            put(f"input_blocks.{at}.0", resnet, RESNET)
            if hasattr(block, "attentions"):
                put(f"input_blocks.{at}.1", block.attentions[j])
        if block.downsamplers is not None:
            put(f"input_blocks.{(i + 1) * (layers + 1)}.0.op", block.downsamplers[0].conv)
    put("middle_block.0", model.mid_block.resnets[0], RESNET)
    put("middle_block.1", model.mid_block.attentions[0])
    put("middle_block.2", model.mid_block.resnets[1], RESNET)
    for i, block in enumerate(model.up_blocks):
        attends = hasattr(block, "attentions")
        for j, resnet in enumerate(block.resnets):
            at = i * (layers + 1) + j
            put(f"output_blocks.{at}.0", resnet, RESNET)
            if attends:
                put(f"output_blocks.{at}.1", block.attentions[j])
        if block.upsamplers is not None:
            at = i * (layers + 1) + layers
            put(f"output_blocks.{at}.{1 + attends}.conv", block.upsamplers[0].conv)
    put("out.0", model.conv_norm_out)
    put("out.2", model.conv_out)
    return state


def vae(model: Any, prefix: str = "first_stage_model.") -> State:
    """Return an AutoencoderKL's weights by their original names."""
    state: State = {}
    shortcut = {"conv_shortcut": "nin_shortcut"}

    def put(name: str, module: Any, names: dict[str, str] | None = None) -> None:
        state.update(_renamed(module, f"{prefix}{name}.", names or {}))

    count = len(model.config.block_out_channels)
    for half, blocks, level in (
        ("encoder", model.encoder.down_blocks, "down"),
        ("decoder", model.decoder.up_blocks, "up"),
    ):
        part = getattr(model, half)
        for i, block in enumerate(blocks):
            at = f"{half}.{level}.{i if level == 'down' else count - 1 - i}"
            for j, resnet in enumerate(block.resnets):
                put(f"{at}.block.{j}", resnet, shortcut)
            sampler = block.downsamplers if level == "down" else block.upsamplers
            if sampler is not None:
                put(f"{at}.{level}sample.conv", sampler[0].conv)
        put(f"{half}.mid.block_1", part.mid_block.resnets[0], shortcut)
        put(f"{half}.mid.block_2", part.mid_block.resnets[1], shortcut)
        attention = _renamed(
            part.mid_block.attentions[0], f"{prefix}{half}.mid.attn_1.", VAE_ATTENTION
        )
        for key, value in attention.items():
            matrix = value.ndim == 2
            state[key] = value[:, :, None, None].contiguous() if matrix else value
        put(f"{half}.conv_in", part.conv_in)
        put(f"{half}.norm_out", part.conv_norm_out)
        put(f"{half}.conv_out", part.conv_out)
    put("quant_conv", model.quant_conv)
    put("post_quant_conv", model.post_quant_conv)
    return state


def clip(model: Any, prefix: str = "cond_stage_model.transformer.text_model.") -> State:
    """Return a CLIPTextModel's weights by their original names."""
    return {
        prefix + key.removeprefix("text_model."): value for key, value in model.state_dict().items()
    }


def open_clip(model: Any, prefix: str = "conditioner.embedders.1.model.") -> State:
    """Return a CLIP text encoder's weights as OpenCLIP names them."""
    text = getattr(model, "text_model", model)
    if hasattr(model, "text_projection"):
        projection = model.text_projection.weight.T.contiguous()
    else:  # those files hold one all the same
        projection = torch.eye(model.config.hidden_size)
    state = {
        "token_embedding.weight": text.embeddings.token_embedding.weight,
        "positional_embedding": text.embeddings.position_embedding.weight,
        "ln_final.weight": text.final_layer_norm.weight,
        "ln_final.bias": text.final_layer_norm.bias,
        "text_projection": projection,
    }
    for i, layer in enumerate(text.encoder.layers):
        at = f"transformer.resblocks.{i}."
        for key, value in layer.state_dict().items():
            head, _, tail = key.rpartition(".")
            if head in OPEN_CLIP:
                state[f"{at}{OPEN_CLIP[head]}.{tail}"] = value
        for tail in ("weight", "bias"):
            parts = [getattr(getattr(layer.self_attn, f"{x}_proj"), tail) for x in "qkv"]
            state[f"{at}attn.in_proj_{tail}"] = torch.cat(parts)
    return {prefix + key: value.detach() for key, value in state.items()}
