"""The part of a denoiser that cannot hear the text: run once for each seed, not for each frame.

While somebody moves between words, the noise of the first sampler step stays as it is, and so does
all that is computed from it and from the step alone: the first convolutions and the first
self-attention of the UNet, and the projections of the step's time that every layer adds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import openvino as ov
import openvino.opset13 as ops
from numpy.typing import NDArray

from runtime.engines.openvino.text import infer

FREE = "free."
"""what the inputs of ``Parts.after`` begin with that ``Parts.before`` gives"""
TEXT = frozenset({"basis", "weights", "pooled_basis", "pooled_weights"})
"""inputs of the denoiser that hold the text"""


@dataclass(frozen=True, slots=True)
class Parts:
    """A denoiser in two. What ``before`` gives as output number i, ``after`` takes as ``free.i``;
    the other inputs keep their names.
    """

    before: ov.Model
    after: ov.Model
    count: int


class SplitDenoiser:
    """A denoiser, whole or in two parts of which the first runs only where its inputs changed.

    Write into ``inputs``, run, and read ``next_sample``, which is overwritten by the next run.
    """

    def __init__(self, whole: ov.InferRequest, before: ov.CompiledModel | None = None) -> None:
        """Run ``whole``, which is ``Parts.after`` where there is a ``before``."""
        self._request = whole
        self._before = () if before is None else tuple(before.create_infer_request() for _ in "01")
        """for step 0, whose results are kept from frame to frame, and for all others"""
        self.inputs: dict[str, NDArray[Any]] = {}
        for request in (whole, *self._before):
            for port in request.model_inputs:
                name = port.get_node().get_friendly_name()
                if name.startswith(FREE):
                    continue
                if name not in self.inputs:
                    kind = port.element_type.to_dtype()
                    self.inputs[name] = np.zeros(tuple(port.shape), kind)
                request.set_tensor(name, ov.Tensor(self.inputs[name], shared_memory=True))
        self.next_sample = whole.get_tensor("next_sample")
        self._given: ov.InferRequest | None = None
        self._known: object = None

    def run(self, index: int, key: object) -> None:
        """Do sampler step ``index``; ``key`` is another where step 0 has another input than before,
        those that hold the text left out.

        Raises:
            EngineError: OpenVINO failed.
        """
        if self._before:
            before = self._before[min(index, 1)]
            if index or key != self._known:
                self._known = self._known if index else None
                infer(before, "denoiser")
                self._known = self._known if index else key
            if before is not self._given:
                for number in range(len(before.output_tensors)):
                    name = f"{FREE}{number}"
                    self._request.set_tensor(name, before.get_output_tensor(number))
                self._given = before
        infer(self._request, "denoiser")

    def cancel(self) -> None:
        """End what runs, from any thread; ``run`` fails then."""
        for request in (self._request, *self._before):
            request.cancel()


def split(model: ov.Model) -> Parts | None:
    """Cut a denoiser of fixed shapes into what does not depend on the text and the rest.

    ``model`` is used up. Returns None where nothing but constants lies before the text, or where
    a shape is not known.
    """
    kinds: dict[str, str] = {}
    cuts: dict[tuple[str, int], tuple[ov.Output, list[ov.Input]]] = {}
    for node in model.get_ordered_ops():
        kind = _kind(node, kinds)
        kinds[node.get_name()] = kind
        if kind != "text":
            continue
        for port in node.inputs():
            source = port.get_source_output()
            origin = source.get_node()
            computed = origin.get_type_name() != "Parameter"
            if computed and kinds[origin.get_name()] == "free":
                cut = cuts.setdefault((origin.get_name(), source.get_index()), (source, []))
                cut[1].append(port)
    if not cuts or not all(source.partial_shape.is_static for source, _ in cuts.values()):
        return None
    given = []
    for number, (source, ports) in enumerate(cuts.values()):
        parameter = ops.parameter(
            source.partial_shape.to_shape(), source.element_type, name=f"{FREE}{number}"
        )
        parameter.output(0).tensor.set_names({f"{FREE}{number}"})
        for port in ports:
            port.replace_source_output(parameter.output(0))
        given.append(parameter)
    results = [ops.result(source) for source, _ in cuts.values()]
    first, own = (
        [p for p in model.get_parameters() if p.get_name() in needs]
        for needs in (_parameters(results), _parameters(model.get_results()))
    )
    before = ov.Model(results, first, "prologue")
    after = ov.Model(model.get_results(), [*own, *given], "denoiser")
    return Parts(before, after, len(given))


def _kind(node: ov.Node, kinds: dict[str, str]) -> str:
    """``text`` for what depends on the text, ``free`` on other inputs alone, else ``constant``."""
    if node.get_type_name() == "Parameter":
        return "text" if node.get_friendly_name() in TEXT else "free"
    met = {kinds[port.get_source_output().get_node().get_name()] for port in node.inputs()}
    return next((kind for kind in ("text", "free") if kind in met), "constant")


def _parameters(results: list[ov.Node]) -> set[str]:
    """The names of the parameters that results are computed from."""
    found, seen, waiting = set(), set(), list(results)
    while waiting:
        node = waiting.pop()
        if node.get_name() in seen:
            continue
        seen.add(node.get_name())
        if node.get_type_name() == "Parameter":
            found.add(node.get_name())
        waiting += [port.get_source_output().get_node() for port in node.inputs()]
    return found
