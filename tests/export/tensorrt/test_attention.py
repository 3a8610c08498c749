"""Attention is fused in the engines of every family, for every card that RTX serves.

The networks are narrow but have the heads of the real ones, by which TensorRT decides. An engine
can be opened only where there is a driver, so that the kernels are read from the plan's own list.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from export.checkpoints.presets import MODELS
from export.graphs import graphs
from export.tensorrt.planbuilder import Job
from export.tensorrt.retry import build_with_retries
from tests.support.checkpoints import Family, unet

pytest.importorskip("tensorrt_rtx")

FUSED = re.compile(rb"function=\{ name=_gemm_mha")
UNFUSED = re.compile(rb'fully_connected=\{ name="node_scaled_dot_product_attention')
CAPABILITIES = ("7.5", "8.6", "8.9", "12.0")
TEXT = 64
POOLED = 40


@dataclass(frozen=True)
class Narrow:
    """A family's UNet: the head sizes of the real one on fewer channels."""

    config: Mapping[str, Any]
    channels: int = 4
    pooled: int = 0


NARROW = {
    "sd1": Narrow({"block_out_channels": (80, 160, 320), "attention_head_dim": 2}),
    "sd2": Narrow(
        {
            "block_out_channels": (128, 256),
            "attention_head_dim": (2, 4),
            "use_linear_projection": True,
        }
    ),
    "sdxl": Narrow(
        {
            "block_out_channels": (128, 256),
            "attention_head_dim": (2, 4),
            "transformer_layers_per_block": (1, 2),
            "use_linear_projection": True,
            "addition_embed_type": "text_time",
            "addition_time_embed_dim": 8,
            "projection_class_embeddings_input_dim": 6 * 8 + POOLED,
        },
        pooled=POOLED,
    ),
}


def network(name: str) -> tuple[Any, int, int, int]:
    """Return a UNet in f16, its channels, the text's width and the pooled vector's."""
    torch.manual_seed(0)
    if name == "critters":
        import diffusers

        source = MODELS["critters"].source
        assert isinstance(source, Path)
        described = json.loads((source / "unet" / "config.json").read_text(encoding="utf-8"))
        config = {key: value for key, value in described.items() if not key.startswith("_")}
        made = diffusers.UNet2DConditionModel.from_config(config)
        return made.half(), config["in_channels"], config["cross_attention_dim"], 0
    narrow = NARROW[name]
    return unet(Family(unet=narrow.config), TEXT, 16).half(), narrow.channels, TEXT, narrow.pooled


@pytest.mark.slow
@pytest.mark.parametrize("name", [*NARROW, "critters"])
def test_attention_is_fused_on_every_card(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, channels, width, pooled = network(name)
    attentions = sum(type(module).__name__ == "Attention" for module in model.modules())
    latent = (channels, 16, 16)
    graph = tmp_path / "denoiser.onnx"
    graphs.export_graph(
        graphs.Denoiser(model, torch.zeros(1, 6) if pooled else None),
        graphs.denoiser_inputs(latent, 77, width, pooled),
        ("next_sample",),
        graph,
    )
    shapes: dict[str, tuple[int, ...]] = {
        "sample": (1, *latent),
        "noise": (1, *latent),
        "weights": (1, 8, 77),
    }
    if pooled:
        shapes["pooled_weights"] = (1, 8)
    for capability in CAPABILITIES:
        for refit in (False, True):
            plan = tmp_path / "plan"
            said: list[str] = []
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
            notes = build_with_retries(job, lambda *_: None, said.append)
            data = plan.read_bytes()
            fused, unfused = len(FUSED.findall(data)), len(UNFUSED.findall(data))
            with capsys.disabled():
                how = "asked to refit" if refit else "plain"
                print(
                    f"\n{name}, capability {capability}, {how}: {len(data) / 1e6:.1f} MB in "
                    f"{notes['seconds']:.1f} s, {fused} of {attentions} attentions fused"
                    f"{', refittable' if notes['refit'] else ''}"
                )
            assert (fused, unfused) == (attentions, 0)
            assert notes["refit"] or not refit or "cannot be refitted" in said[0]
