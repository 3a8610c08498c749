"""Attention is fused in the engines of every family, for every card that RTX serves.

An engine can be opened only where there is a driver, so that the kernels are read from the plan's
own list.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch

from export.checkpoints.presets import MODELS
from export.graphs import graphs
from export.graphs.sinusoids import guidance_embedding
from export.tensorrt.enginebuilder import Job
from export.tensorrt.retry import build_with_retries
from runtime.errors import BuildError
from tests.support.models.checkpoints import FAMILIES, unet

pytest.importorskip("tensorrt_rtx")

FUSED = re.compile(rb"function=\{ name=_gemm_mha")
UNFUSED = re.compile(rb'fully_connected=\{ name="node_scaled_dot_product_attention')
CONTEXT, SIZE = 64, 32
OLD_HEADS = {"block_out_channels": (80, 160, 320), "attention_head_dim": 2}
"""40, 80 and 160 numbers a head, as Stable Diffusion 1 has them; the later ones have 64"""
HEADS: Mapping[str, Mapping[str, Any]] = {
    "sd15": OLD_HEADS,
    "lcm": OLD_HEADS,
    "sd-turbo": {"block_out_channels": (128, 256), "attention_head_dim": (2, 4)},
    "sdxs": {"block_out_channels": (128, 256, 256), "attention_head_dim": (2, 4, 4)},
    "sdxl": {"block_out_channels": (128, 256), "attention_head_dim": (2, 4)},
}
"""what makes a narrow network of a family attend as the published one does"""


def network(family: str) -> Any:
    """Return a random UNet whose heads are as wide as those of the published checkpoints."""
    torch.manual_seed(0)
    if family != "critters":
        chosen = FAMILIES[family]
        return unet(replace(chosen, unet={**chosen.unet, **HEADS[family]}), CONTEXT, SIZE)
    source = MODELS["critters"].source
    assert isinstance(source, Path)
    described = json.loads((source / "unet" / "config.json").read_text(encoding="utf-8"))
    config = {key: value for key, value in described.items() if not key.startswith("_")}
    return diffusers.UNet2DConditionModel.from_config(config)


@pytest.mark.slow
@pytest.mark.parametrize("refit", [False, True])
@pytest.mark.parametrize("capability", ["7.5", "8.6", "8.9", "12.0"])
@pytest.mark.parametrize("family", ["critters", *HEADS])
def test_attention_is_fused_on_every_card(
    family: str,
    capability: str,
    refit: bool,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    request: pytest.FixtureRequest,
) -> None:
    """In f16; without a GPU a refittable engine is asked for in vain, and built without."""
    if capability == "7.5" and family != "critters":
        why = "tensorrt_rtx 1.7 builds no such network for SM75: empty runtime-fusion MVMF"
        request.applymarker(pytest.mark.xfail(raises=BuildError, reason=why))
    model = network(family).half()
    config = model.config
    attentions = sum(type(module).__name__ == "Attention" for module in model.modules())
    size = 16 if family == "critters" else SIZE
    latent = (config.in_channels, size, size)
    is_xl = config.addition_embed_type == "text_time"
    embedded = config.projection_class_embeddings_input_dim or 0
    pooled = embedded - 6 * config.addition_time_embed_dim if is_xl else 0
    guided = config.time_cond_proj_dim
    graph, plan = tmp_path / "denoiser.onnx", tmp_path / "plan"
    graphs.export_graph(
        graphs.DenoiserModule(
            model,
            torch.zeros(1, 6) if is_xl else None,
            guidance_embedding(8.0, guided) if guided else None,
        ),
        graphs.denoiser_inputs(latent, 77, config.cross_attention_dim, pooled),
        ("next_sample",),
        graph,
    )
    shapes: dict[str, tuple[int, ...]] = {
        "sample": (1, *latent),
        "noise": (1, *latent),
        "weights": (1, 8, 77),
        **({"pooled_weights": (1, 8)} if pooled else {}),
    }
    message: list[str] = []
    job = Job(
        backend="tensorrt_rtx",
        graph=str(graph),
        plan=str(plan),
        profiles=[shapes],
        capability=capability,
        precision="f16",
        level=3,
        refit=refit,
    )
    notes = build_with_retries(job, lambda *_: None, message.append)
    data = plan.read_bytes()
    fused, unfused = len(FUSED.findall(data)), len(UNFUSED.findall(data))
    with capsys.disabled():
        how = "asked to refit" if refit else "plain"
        print(
            f"\n{family}, capability {capability}, {how}: {len(data) / 1e6:.1f} MB in "
            f"{notes['seconds']:.1f} s, {fused} of {attentions} attentions fused"
        )
    assert (fused, unfused) == (attentions, 0)
    assert notes["level"] == 3
    assert notes["refit"] or not refit or "cannot be refitted" in message[0]
