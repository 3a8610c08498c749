"""The UNet: one network for every step, with layers that only the steps after the first use."""

from collections.abc import Iterator

import torch
from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from diffusers.models.embeddings import TimestepEmbedding
from diffusers.models.resnet import ResnetBlock2D
from torch import nn

from export.critters.training.autoencoder import LATENT_CHANNELS, LATENT_SIZE
from export.critters.training.conditioning import TEXT_WIDTH

_LATER_LAYERS = (
    "down_blocks.0.resnets.1", "down_blocks.0.resnets.2",
    "up_blocks.2.resnets.1", "up_blocks.2.resnets.2",
)  # fmt: skip
_HALF_TURN = 30
"""The channel of the timestep's sinusoids whose cosine goes from 1 at 0 to -1 at the last."""
_STEEP = 80.0
_THRESHOLDS = (-0.85, -0.75, -0.25, 0.25)
_OPEN = 4.0


def make_unet() -> UNet2DConditionModel:
    """An untrained UNet over 16x16, 8x8 and 4x4; the lower two read the text.

    At the last timestep its time embedding is zero and ``later_layers`` let everything through as
    it is; at all others they are open. So what they learn cannot change a picture of one step.
    """
    unet = UNet2DConditionModel(
        sample_size=LATENT_SIZE,
        in_channels=LATENT_CHANNELS,
        out_channels=LATENT_CHANNELS,
        layers_per_block=(3, 1, 1),
        block_out_channels=(96, 160, 160),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=TEXT_WIDTH,
        attention_head_dim=5,
        norm_num_groups=32,
        resnet_time_scale_shift="scale_shift",
    )
    unet.set_attn_processor(AttnProcessor())  # on a CPU its backward pass is the faster one
    _tell_first_from_later(unet.time_embedding)
    for block in unet.modules():
        if isinstance(block, ResnetBlock2D):
            nn.init.zeros_(block.time_emb_proj.weight)
            nn.init.zeros_(block.time_emb_proj.bias)
    for layer in later_layers(unet):
        _shut_at_the_first(layer)
    return unet.to(memory_format=torch.channels_last)


def later_layers(unet: UNet2DConditionModel) -> list[ResnetBlock2D]:
    """The residual blocks that are shut in the first step."""
    return [unet.get_submodule(name) for name in _LATER_LAYERS]


def freeze(unet: UNet2DConditionModel, later: bool) -> None:
    """Let only what the later steps have of their own learn, or only all that the first uses."""
    own = {id(parameter) for parameter in _of_later_steps(unet)}
    fixed = {id(parameter) for parameter in _fixed(unet)}
    for parameter in unet.parameters():
        key = id(parameter)
        parameter.requires_grad_(key not in fixed and (key in own) == later)


def _of_later_steps(unet: UNet2DConditionModel) -> Iterator[nn.Parameter]:
    for block in unet.modules():
        if isinstance(block, ResnetBlock2D):
            yield block.time_emb_proj.weight  # what it is multiplied by is zero in the first step
    for layer in later_layers(unet):
        for part in (layer.norm1, layer.conv1, layer.norm2):
            yield from part.parameters()
        yield layer.conv2.weight


def _fixed(unet: UNet2DConditionModel) -> Iterator[nn.Parameter]:
    yield from unet.time_embedding.parameters()
    for block in unet.modules():
        if isinstance(block, ResnetBlock2D):
            yield block.time_emb_proj.bias
    for layer in later_layers(unet):
        yield layer.conv2.bias
        if layer.conv_shortcut is not None:
            yield from layer.conv_shortcut.parameters()


@torch.no_grad()
def _tell_first_from_later(embedding: TimestepEmbedding) -> None:
    """Make it zero at the last timestep; elsewhere number 0 is ``_OPEN``, others fall with t."""
    hidden, out = embedding.linear_1, embedding.linear_2
    for parameter in embedding.parameters():
        parameter.zero_()
    for row, threshold in enumerate(_THRESHOLDS):
        hidden.weight[row, _HALF_TURN] = _STEEP
        hidden.bias[row] = -_STEEP * threshold
    count = len(_THRESHOLDS)
    out.weight[:, :count] = 0.02 * torch.randn(out.out_features, count)
    first, second = _THRESHOLDS[:2]
    out.weight[0, :count] = 0
    out.weight[0, 0] = _OPEN / (_STEEP * (second - first))
    out.weight[0, 1] = -out.weight[0, 0]


@torch.no_grad()
def _shut_at_the_first(layer: ResnetBlock2D) -> None:
    """Scale by 1 - 1 where the time embedding is zero, by 1 where its number 0 is ``_OPEN``."""
    channels = layer.out_channels
    layer.time_emb_proj.bias[:channels] = -1
    opened = nn.functional.silu(torch.tensor(_OPEN)).item()
    layer.time_emb_proj.weight[:channels, 0] = 1 / opened
    nn.init.zeros_(layer.conv2.weight)
    nn.init.zeros_(layer.conv2.bias)
    if layer.conv_shortcut is not None:
        layer.conv_shortcut.weight.zero_()
        layer.conv_shortcut.weight[:, :channels, 0, 0] = torch.eye(channels)
        layer.conv_shortcut.bias.zero_()
