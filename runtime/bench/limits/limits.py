"""What this machine can do at best, measured on the spot: matrix products and copying."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from runtime.bench.limits.counts import Work
from runtime.bench.timing import best_seconds
from runtime.errors import EngineError, last_line

CPU = ("openvino", "onnxruntime-cpu")
"""engine runtimes that run on the processor"""
SIDES = (512, 1024, 2048)
"""of the square matrices; the best rate counts, for it is what the others fall short of"""
CHAIN = 4
"""products in one run, so that calling the engine does not count"""
COPIED = 1 << 28
"""bytes of the block that is copied: far more than any cache holds"""


@dataclass(frozen=True, slots=True)
class Limits:
    """A machine's rates in one precision; None where they could not be measured, with reasons."""

    precision: str
    flop_per_second: float | None
    bytes_per_second: float | None
    """read and written"""
    reason: str | None = None
    """why one is missing"""

    def milliseconds(self, work: Work) -> float | None:
        """Return the least time one run of a graph can take, or None where that is unknown.

        Either all its products at the best rate, or all its bytes, whichever takes longer: the
        roofline of Williams, Waterman and Patterson (2009).
        """
        if self.flop_per_second is None or self.bytes_per_second is None:
            return None
        slowest = max(
            work.flop / self.flop_per_second, work.bytes(self.precision) / self.bytes_per_second
        )
        return 1e3 * slowest


def measure_limits(backend: str, precision: str) -> Limits:
    """Measure the rates of what a ``backend`` runs on, in the ``precision`` it computes in."""
    if backend in CPU:
        try:
            return Limits(precision, openvino_rate(precision), copy_rate())
        except (EngineError, RuntimeError) as error:
            return Limits(precision, None, copy_rate(), last_line(error))
    try:
        from runtime.bench.limits.gpulimits import gpu_copy_rate, gpu_rate

        return Limits(precision, gpu_rate(precision), gpu_copy_rate())
    except (EngineError, ImportError, RuntimeError, OSError) as error:
        return Limits(precision, None, None, f"the GPU's rates: {last_line(error)}")


def openvino_rate(precision: str) -> float:
    """Return the flop a second of OpenVINO's matrix products on this CPU, best size of ``SIDES``.

    In int8 both factors are quantised, as in a graph that NNCF quantised.

    Raises:
        EngineError: a precision OpenVINO has no products in.
    """
    if precision not in ("f32", "bf16", "int8"):
        raise EngineError(f"no matrix product in {precision} can be measured on a CPU")
    return max(_openvino_rate(side, precision) for side in SIDES)


def _openvino_rate(side: int, precision: str) -> float:
    import openvino as ov
    from openvino import opset13 as ops
    from openvino.properties import hint

    from runtime.engines.openvino.core import CORE

    rng = np.random.default_rng(0)
    given = ops.parameter([side, side], np.float32)
    made: Any = given
    for _ in range(CHAIN):
        factor = rng.standard_normal((side, side)).astype(np.float32) / np.float32(side) ** 0.5
        weights: Any = ops.constant(factor)
        if precision == "int8":
            made = ops.fake_quantize(made, -4.0, 4.0, -4.0, 4.0, 256)
            most = float(np.abs(factor).max())
            weights = ops.fake_quantize(weights, -most, most, -most, most, 255)
        made = ops.matmul(made, weights, False, False)
    kind = ov.Type.bf16 if precision == "bf16" else ov.Type.f32
    compiled = CORE.compile_model(
        ov.Model([made], [given]),
        "CPU",
        {
            hint.inference_precision: kind,
            hint.performance_mode: hint.PerformanceMode.LATENCY,
        },
    )
    request = compiled.create_infer_request()
    request.set_input_tensor(ov.Tensor(rng.standard_normal((side, side)).astype(np.float32)))
    return CHAIN * 2.0 * side**3 / best_seconds(request.infer)


def copy_rate() -> float:
    """Return the bytes a second that all cores together read and write when they copy memory."""
    cores = os.cpu_count() or 1
    source = np.ones(COPIED // 8)
    target = np.empty_like(source)
    targets, sources = np.array_split(target, cores), np.array_split(source, cores)
    with ThreadPoolExecutor(cores) as pool:
        return 2 * COPIED / best_seconds(lambda: list(pool.map(np.copyto, targets, sources)))
