"""Attention is fused in the built-in model's engine, for every card that RTX serves.

An engine can be opened only where there is a driver, so that the kernels are read from the plan's
own list.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import diffusers
import pytest
import torch

from export.checkpoints.presets import MODELS
from export.graphs import graphs
from export.tensorrt.planbuilder import Job
from export.tensorrt.retry import build_with_retries

pytest.importorskip("tensorrt_rtx")

FUSED = re.compile(rb"function=\{ name=_gemm_mha")
UNFUSED = re.compile(rb'fully_connected=\{ name="node_scaled_dot_product_attention')


@pytest.mark.slow
@pytest.mark.parametrize("refit", [False, True])
@pytest.mark.parametrize("capability", ["7.5", "8.6", "8.9", "12.0"])
def test_attention_is_fused_on_every_card(
    capability: str, refit: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In f16; without a GPU a refittable engine is asked for in vain, and built without."""
    torch.manual_seed(0)
    source = MODELS["critters"].source
    assert isinstance(source, Path)
    described = json.loads((source / "unet" / "config.json").read_text(encoding="utf-8"))
    config = {key: value for key, value in described.items() if not key.startswith("_")}
    model = diffusers.UNet2DConditionModel.from_config(config).half()
    attentions = sum(type(module).__name__ == "Attention" for module in model.modules())
    latent = (config["in_channels"], 16, 16)
    graph, plan = tmp_path / "denoiser.onnx", tmp_path / "plan"
    graphs.export_graph(
        graphs.Denoiser(model),
        graphs.denoiser_inputs(latent, 77, config["cross_attention_dim"], 0),
        ("next_sample",),
        graph,
    )
    said: list[str] = []
    job = Job(
        backend="tensorrt_rtx",
        graph=str(graph),
        plan=str(plan),
        profiles=[{"sample": (1, *latent), "noise": (1, *latent), "weights": (1, 8, 77)}],
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
            f"\ncapability {capability}, {how}: {len(data) / 1e6:.1f} MB in "
            f"{notes['seconds']:.1f} s, {fused} of {attentions} attentions fused"
        )
    assert (fused, unfused) == (attentions, 0)
    assert notes["level"] == 3
    assert notes["refit"] or not refit or "cannot be refitted" in said[0]
