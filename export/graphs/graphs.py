"""The three graphs of a bundle: torch modules around a checkpoint's networks, and their export."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
import torch
from onnx_ir.passes.common import NameFixPass
from torch import Tensor, nn

from export.graphs.sinusoids import time_features, turn_rates
from export.quiet import quiet
from runtime.bundles.manifest import BASIS
from runtime.errors import BuildError, one_line

OPSET = 20
BATCH = "batch"
MAX_BATCH = 63
"""diffusers' upsampling takes another path from 64 on"""
COMPACT_FROM = 256
"""initializers of fewer elements stay as they are: nothing to gain"""


class TextEncoderModule(nn.Module):
    """Token ids int64 [1, T] for each encoder → embedding [1, T, D] (and pooled [1, P]).

    One encoder gives its last hidden state, as StableDiffusionPipeline.encode_prompt does; two
    give their penultimate hidden states side by side and the second one's projected pooled vector,
    as StableDiffusionXLPipeline.encode_prompt does.
    """

    def __init__(self, *encoders: nn.Module) -> None:
        """Wrap one CLIPTextModel, or a CLIPTextModel and a CLIPTextModelWithProjection."""
        super().__init__()
        self.encoders = nn.ModuleList(encoders)

    def forward(self, input_ids: Tensor, input_ids_2: Tensor | None = None) -> tuple[Tensor, ...]:
        """Encode one prompt."""
        if input_ids_2 is None:
            return (self.encoders[0](input_ids)[0].to(torch.float32),)
        first = self.encoders[0](input_ids, output_hidden_states=True)
        second = self.encoders[1](input_ids_2, output_hidden_states=True)
        embedding = torch.cat([first.hidden_states[-2], second.hidden_states[-2]], dim=-1)
        return embedding.to(torch.float32), second[0].to(torch.float32)


class DenoiserModule(nn.Module):
    """Mix → UNet → one sampler step, in f32 around a UNet of any precision.

    ``time_ids`` [1, 6] are SDXL's sizes and crops, ``guidance`` [1, G] an LCM's guidance
    embedding; both are constants of the graph. The UNet is changed: it no longer makes its own
    time features.
    """

    rates: Tensor
    time_ids: Tensor | None
    guidance: Tensor | None

    def __init__(
        self, unet: Any, time_ids: Tensor | None = None, guidance: Tensor | None = None
    ) -> None:
        """Wrap a UNet2DConditionModel.

        Raises:
            BuildError: its time features are not sines and cosines.
        """
        super().__init__()
        if unet.config.time_embedding_type != "positional":
            raise BuildError(f"{unet.config.time_embedding_type} time embeddings are not supported")
        self.flip = bool(unet.config.flip_sin_to_cos)
        unet.get_time_embed = _given_features
        self.unet = unet
        self.dtype = next(unet.parameters()).dtype
        width, shift = int(unet.config.block_out_channels[0]), float(unet.config.freq_shift)
        self.register_buffer("rates", turn_rates(width, shift))
        self.register_buffer("time_ids", time_ids)
        self.register_buffer("guidance", guidance)

    def forward(
        self,
        sample: Tensor,
        timestep: Tensor,
        basis: Tensor,
        weights: Tensor,
        coefficients: Tensor,
        noise: Tensor,
        pooled_basis: Tensor | None = None,
        pooled_weights: Tensor | None = None,
    ) -> Tensor:
        """Return the next sample [B, C, h, w]; shapes as in ``Manifest``."""
        scale, of_sample, of_output, of_noise = coefficients.unbind()
        embedding = mix(weights, basis)
        extra: dict[str, Any] = {}
        if self.guidance is not None:
            extra["timestep_cond"] = self.guidance.expand(sample.shape[0], -1).to(self.dtype)
        if pooled_basis is not None and pooled_weights is not None and self.time_ids is not None:
            extra["added_cond_kwargs"] = {
                "text_embeds": mix(pooled_weights[:, :, None], pooled_basis[:, None])[:, 0],
                "time_ids": self.time_ids.expand(sample.shape[0], -1),
            }
        output = self.unet(
            (scale * sample).to(self.dtype),
            time_features(timestep, self.rates, self.flip),
            encoder_hidden_states=embedding.to(self.dtype),
            return_dict=False,
            **extra,
        )[0]
        output = output.to(torch.float32)
        stepped: Tensor = of_sample * sample + of_output * output + of_noise * noise
        return stepped


def mix(weights: Tensor, basis: Tensor) -> Tensor:
    """Return E[b, t, :] = Σ_k weights[b, k, t] · basis[k, t, :].

    An engine that computes in bf16 keeps 8 bits of a weight, 0.9975 would be 1: so each weight
    goes in as two parts that 8 bits hold, which add up to it exactly in f32.
    """
    coarse = (weights * 128.0).round() * (1 / 128.0)
    fine = weights - coarse
    return ((coarse[:, :, :, None] + fine[:, :, :, None]) * basis[None]).sum(dim=1)


def _given_features(sample: Tensor, timestep: Tensor) -> Tensor:
    """Stand in for ``UNet2DConditionModel.get_time_embed``: ``timestep`` holds the features."""
    return timestep.expand(sample.shape[0], -1).to(sample.dtype)


class Decoder(nn.Module):
    """Latent f32 [B, C, h, w] → pixels uint8 [B, H, W, 3], as diffusers' image processor rounds.

    And the total f32 [B] of each picture's values before that: what is not finite becomes a colour
    like any other, but makes its total infinite or no number.
    """

    mean: Tensor | None
    std: Tensor | None

    def __init__(self, vae: nn.Module) -> None:
        """Wrap an AutoencoderKL or AutoencoderTiny."""
        super().__init__()
        self.vae: Any = vae
        self.dtype = next(vae.parameters()).dtype
        config: Any = vae.config
        self.factor = float(config.scaling_factor)
        mean, std = config.get("latents_mean"), config.get("latents_std")
        self.register_buffer("mean", None if mean is None else torch.tensor(mean)[:, None, None])
        self.register_buffer("std", None if std is None else torch.tensor(std)[:, None, None])

    def forward(self, latent: Tensor) -> tuple[Tensor, Tensor]:
        """Decode a batch."""
        if self.mean is not None and self.std is not None:
            latent = latent * self.std / self.factor + self.mean
        else:
            latent = latent / self.factor
        picture = self.vae.decode(latent.to(self.dtype), return_dict=False)[0].to(torch.float32)
        total = picture.sum(dim=(1, 2, 3))
        picture = (picture * 0.5 + 0.5).clamp(0, 1).permute(0, 2, 3, 1)
        return (picture * 255).round().to(torch.uint8), total


def text_inputs(tokens: int, encoders: int) -> dict[str, Tensor]:
    """Return example inputs of the text encoder graph."""
    names = ("input_ids", "input_ids_2")[:encoders]
    return {name: torch.zeros(1, tokens, dtype=torch.int64) for name in names}


def denoiser_inputs(
    latent: tuple[int, int, int], tokens: int, embedding: int, pooled: int, batch: int = 2
) -> dict[str, Tensor]:
    """Return example inputs of the denoiser graph."""
    inputs = {
        "sample": torch.zeros(batch, *latent),
        "timestep": torch.full((1,), 999.0),
        "basis": torch.zeros(BASIS, tokens, embedding),
        "weights": torch.zeros(batch, BASIS, tokens),
        "coefficients": torch.tensor([1.0, 1.0, -1.0, 0.0]),
        "noise": torch.zeros(batch, *latent),
    }
    if pooled:
        inputs["pooled_basis"] = torch.zeros(BASIS, pooled)
        inputs["pooled_weights"] = torch.zeros(batch, BASIS)
    return inputs


BATCHED = frozenset({"sample", "weights", "noise", "pooled_weights", "latent"})


def export_graph(
    module: nn.Module, inputs: dict[str, Tensor], outputs: tuple[str, ...], path: Path
) -> list[str]:
    """Write ``path`` (.onnx) and its weights beside it (.onnx.data); return both names.

    The first axis of every input in ``BATCHED`` is dynamic; everything else is static. Weights
    that survive a round trip through f16 are stored so: half the bytes, the same numbers.

    Raises:
        BuildError: torch cannot trace or translate the module.
    """
    batch = torch.export.Dim(BATCH, min=1, max=MAX_BATCH)
    shapes = {name: {0: batch} if name in BATCHED else {} for name in inputs}
    module.eval()
    try:
        with torch.no_grad(), quiet(), contextlib.redirect_stdout(io.StringIO()):
            program = torch.onnx.export(
                module,
                args=(),
                kwargs=inputs,
                output_names=outputs,
                dynamic_shapes=shapes,
                dynamo=True,
                opset_version=OPSET,
                verbose=False,
            )
    except (RuntimeError, ValueError, TypeError, NotImplementedError) as error:
        raise BuildError(f"{path.stem} cannot be exported to ONNX: {one_line(error)}") from error
    assert program is not None
    model = program.model
    _strip(model)
    _compact(model)
    NameFixPass()(model)  # an inner value may carry an output's name: TensorRT refuses that
    data = f"{path.name}.data"
    ir.save(model, path, external_data=data)
    return [path.name, data] if (path.parent / data).exists() else [path.name]


def _strip(model: Any) -> None:
    """Drop the exporter's notes: they hold stack traces and paths of the machine that exported."""
    model.metadata_props.clear()
    for graph in (model.graph, *model.functions.values()):
        graph.metadata_props.clear()
        for node in graph.all_nodes():
            node.metadata_props.clear()
            node.doc_string = None
            for value in node.outputs:
                value.metadata_props.clear()
    for value in (*model.graph.inputs, *model.graph.initializers.values()):
        value.metadata_props.clear()


def _compact(model: Any) -> None:
    """Store as f16, behind a Cast, every f32 initializer that f16 holds exactly."""
    casts = []
    for value in list(model.graph.initializers.values()):
        tensor = value.const_value
        if tensor is None or tensor.dtype != ir.DataType.FLOAT or tensor.size < COMPACT_FROM:
            continue
        exact = tensor.numpy()
        with np.errstate(over="ignore"):
            half = exact.astype(np.float16)
        if not np.array_equal(half.astype(np.float32), exact):
            continue
        name = value.name
        stored = ir.Value(
            name=f"{name}.f16",
            shape=value.shape,
            type=ir.TensorType(ir.DataType.FLOAT16),
            const_value=ir.Tensor(half, name=f"{name}.f16"),
        )
        cast = ir.node("Cast", [stored], {"to": ir.DataType.FLOAT.value})
        cast.outputs[0].shape = value.shape
        cast.outputs[0].type = value.type
        ir.convenience.replace_all_uses_with(value, cast.outputs[0])
        del model.graph.initializers[name]
        cast.outputs[0].name = name
        model.graph.register_initializer(stored)
        casts.append(cast)
    if casts:
        model.graph.insert_before(model.graph[0], casts)
