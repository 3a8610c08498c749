"""The wrappers around the networks, in torch, against diffusers' own code for the same thing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import onnx
import pytest
import torch
from diffusers.image_processor import VaeImageProcessor
from diffusers.models.embeddings import get_timestep_embedding
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from export.graphs.graphs import BATCHED, Decoder, export_graph, mix
from export.graphs.sinusoids import guidance_embedding, time_features, turn_rates
from runtime.bundles.manifest import BASIS
from runtime.engines.openvino.core import CORE
from runtime.errors import BuildError
from tests.support.models import checkpoints


@settings(deadline=None)
@given(st.floats(1, 20), st.sampled_from([4, 5, 48, 256]))
def test_the_guidance_embedding_is_that_of_diffusers(guidance: float, width: int) -> None:
    pipe: Any = diffusers.StableDiffusionPipeline
    expected = pipe.get_guidance_scale_embedding(None, torch.tensor([guidance - 1.0]), width)
    assert torch.allclose(guidance_embedding(guidance, width), expected, atol=1e-5)


@settings(deadline=None)
@given(
    st.floats(0, 1000, width=32),
    st.sampled_from([8, 24, 320]),
    st.sampled_from([0, 1]),
    st.booleans(),
)
def test_time_features_are_those_of_diffusers(
    timestep: float, width: int, shift: int, flip: bool
) -> None:
    theirs = get_timestep_embedding(
        torch.tensor([timestep]), width, flip_sin_to_cos=flip, downscale_freq_shift=shift
    )
    ours = time_features(torch.tensor([timestep]), turn_rates(width, shift), flip)
    assert torch.allclose(ours, theirs, atol=3e-4), "999 radians carry a rounding error of 6e-5"


class TimeFeatures(nn.Module):
    def forward(self, timestep: torch.Tensor) -> torch.Tensor:
        features = time_features(timestep, turn_rates(96, 0), flip=True)
        return features @ torch.eye(96)  # what makes OpenVINO reduce the precision before it


def test_time_features_survive_bf16(tmp_path: Path) -> None:
    path = tmp_path / "features.onnx"
    export_graph(TimeFeatures(), {"timestep": torch.tensor([999.0])}, ("y",), path)
    compiled = CORE.compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "bf16"})
    for timestep in (999.0, 749.0, 333.25, 1.0):
        expected = get_timestep_embedding(
            torch.tensor([timestep]), 96, flip_sin_to_cos=True, downscale_freq_shift=0
        )
        actual = compiled(np.array([timestep], np.float32))[0]
        assert np.abs(actual - expected.numpy()).max() < 0.02


@settings(deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 3), st.integers(1, 9))
def test_a_mix_is_a_weighted_sum_of_rows(seed: int, batch: int, tokens: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    weights = torch.randn(batch, BASIS, tokens, generator=generator)
    basis = torch.randn(BASIS, tokens, 6, generator=generator)
    expected = torch.zeros(batch, tokens, 6, dtype=torch.float64)
    for b in range(batch):
        for t in range(tokens):
            for k in range(BASIS):
                expected[b, t] += weights[b, k, t].double() * basis[k, t].double()
    assert torch.allclose(mix(weights, basis).double(), expected, atol=1e-5)


@pytest.mark.parametrize("kind", ["sd15", "sd-turbo"])
@pytest.mark.parametrize("normalised", [False, True])
def test_pixels_are_those_of_the_image_processor(kind: str, normalised: bool) -> None:
    torch.manual_seed(3)
    vae = checkpoints.vae(checkpoints.FAMILIES[kind]).eval()
    mean, std = torch.randn(4), 1 + torch.rand(4)
    if normalised:
        vae.register_to_config(latents_mean=mean.tolist(), latents_std=std.tolist())
    latent = 3 * torch.randn(2, 4, 8, 8)
    scaled = latent / vae.config.scaling_factor
    if normalised:
        scaled = latent * std[:, None, None] / vae.config.scaling_factor + mean[:, None, None]
    with torch.no_grad():
        actual, _ = Decoder(vae)(latent)
        decoded = vae.decode(scaled, return_dict=False)[0]
    pictures = VaeImageProcessor().postprocess(decoded, output_type="pil")
    assert actual.dtype == torch.uint8
    assert np.array_equal(actual.numpy(), np.stack([np.asarray(one) for one in pictures]))
    assert actual.float().std() > 5, "a flat picture proves nothing"


def normal(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(6))


class Scaled(nn.Module):
    """A stand-in graph: one big weight and one small one."""

    def __init__(self, weight: torch.Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight)
        self.small = nn.Parameter(torch.tensor([0.5, 2.0]))

    def forward(self, sample: torch.Tensor) -> torch.Tensor:
        return (sample @ self.weight) * self.small[0]


@pytest.mark.parametrize(
    ("weight", "stored"),
    [
        (normal(40, 40).half().float(), onnx.TensorProto.FLOAT16),
        (normal(40, 40), onnx.TensorProto.FLOAT),
        (torch.full((40, 40), 1e6), onnx.TensorProto.FLOAT),
        (torch.full((40, 40), 2.0**-24), onnx.TensorProto.FLOAT16),
    ],
    ids=["exact", "rounded", "too large", "subnormal"],
)
def test_only_what_f16_holds_exactly_is_stored_as_f16(
    weight: torch.Tensor, stored: int, tmp_path: Path
) -> None:
    path = tmp_path / "scaled.onnx"
    assert "sample" in BATCHED
    files = export_graph(Scaled(weight), {"sample": torch.zeros(2, 40)}, ("y",), path)
    assert sorted(files) == sorted(file.name for file in tmp_path.iterdir())
    kinds = {
        tensor.data_type
        for tensor in onnx.load(path, load_external_data=False).graph.initializer
        if np.prod(tensor.dims) == 1600
    }
    assert kinds == {stored}
    compiled = CORE.compile_model(
        path, "CPU", {"INFERENCE_PRECISION_HINT": "f32", "EXECUTION_MODE_HINT": "ACCURACY"}
    )
    sample = normal(5, 40)
    expected = (sample @ weight) * 0.5
    actual = torch.from_numpy(compiled(sample.numpy())[0])
    assert torch.allclose(actual, expected, rtol=1e-4, atol=1e-5 * float(expected.abs().max()))


class Branching(nn.Module):
    """Something that cannot be traced."""

    def forward(self, sample: torch.Tensor) -> torch.Tensor:
        return sample if sample.sum() > 0 else -sample


def test_what_cannot_be_exported_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="denoiser cannot be exported") as caught:
        export_graph(Branching(), {"sample": torch.zeros(2, 4)}, ("y",), tmp_path / "denoiser.onnx")
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []
