"""NNCF's post-training quantisation of one of our graphs."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import openvino as ov

from runtime.engines.openvino.graph import fixed_model
from runtime.errors import EngineError, last_line
from runtime.quantise.record import Inputs


def import_nncf() -> ModuleType:
    """Import NNCF without torch, which it would load wherever it is installed.

    Raises:
        EngineError: it is not installed, or does not load.
    """
    sys.modules.setdefault("torch", None)  # type: ignore[arg-type]
    try:
        import nncf
    except Exception as error:  # a broken dependency of its many may raise anything
        raise EngineError(
            f"int8 cannot be calibrated ({last_line(error)}): pip install '.[int8]'"
        ) from None
    nncf.set_log_level(logging.ERROR)
    module: ModuleType = nncf
    return module


Scope = Literal["all", "convolutions"]
"""What becomes int8. ``convolutions`` are those of 3x3 and more above the coarsest grid, in the
built-in denoiser most of the work and the least of the error: its transformers' products cost most
of the quality, then the coarsest convolutions, then those of 1x1."""


def quantise(
    graph: Path, role: str, inputs: Sequence[Inputs], target: Path, scope: Scope = "all"
) -> None:
    """Write ``graph`` with int8 weights and activations to ``target`` (.xml, and .bin beside it).

    The ranges of activations are those that ``inputs`` give. Smooth quantisation follows
    Xiao et al. 2023 (SmoothQuant), as NNCF applies it to transformers.

    Raises:
        EngineError: NNCF is missing or fails.
    """
    nncf = import_nncf()
    ranges = nncf.quantization.range_estimator.RangeEstimatorParametersSet
    model = fixed_model(graph)
    settings: dict[str, Any] = {
        "preset": nncf.QuantizationPreset.MIXED,
        "fast_bias_correction": True,
        "subset_size": len(inputs),
        "advanced_parameters": nncf.AdvancedQuantizationParameters(
            activations_range_estimator_params=ranges.MINMAX
        ),
    }
    if role == "denoiser":
        settings["model_type"] = nncf.ModelType.TRANSFORMER
    kept = edges(model) if scope == "all" else sorted({*edges(model), *lesser(model)})
    if kept:
        settings["ignored_scope"] = nncf.IgnoredScope(names=kept)
    try:
        made = nncf.quantize(model, nncf.Dataset(list(inputs)), **settings)
        ov.save_model(made, target, compress_to_fp16=False)
    except Exception as error:  # NNCF and OpenVINO raise many types
        raise EngineError(f"the {role} cannot be quantised: {last_line(error)}") from None


def edges(model: ov.Model) -> list[str]:
    """Return the names of the first and the last convolution, which stay as they are."""
    found = [node.get_friendly_name() for node in _convolutions(model)]
    return sorted({*found[:1], *found[-1:]})


def lesser(model: ov.Model) -> list[str]:
    """Return the names of matrix products, and of convolutions of 1x1 or on the coarsest grid."""
    convolutions = _convolutions(model)
    sizes = {node: min(node.get_output_shape(0)[2:]) for node in convolutions}
    coarsest = min(sizes.values(), default=0)
    coarse = {node for node in sizes if sizes[node] == coarsest < max(sizes.values())}
    ones = {node for node in convolutions if max(node.input(1).get_shape()[-2:]) == 1}
    products = {node for node in model.get_ordered_ops() if node.get_type_name() == "MatMul"}
    return sorted(node.get_friendly_name() for node in products | coarse | ones)


def _convolutions(model: ov.Model) -> list[ov.Node]:
    kinds = ("Convolution", "GroupConvolution")
    return [node for node in model.get_ordered_ops() if node.get_type_name() in kinds]
