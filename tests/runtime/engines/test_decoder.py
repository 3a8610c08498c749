"""A decoder that makes what is no number: in uint8 it looks like a colour, so it must be said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from runtime.engines import onnxruntime, openvino
from runtime.engines.onnxruntime.engine import open_engine as open_onnxruntime
from runtime.engines.openvino.engine import open_engine as open_openvino
from runtime.errors import EngineError
from tests.runtime.engines.machine import Machine
from tests.support.models.tinybundle import expect_tiny, render_tiny, write_tiny

SPOILT = [float("nan"), float("inf")]
OPENERS = [
    lambda bundle: open_openvino(bundle, "f32"),
    lambda bundle: open_onnxruntime(bundle, "auto", "onnxruntime-cpu"),
]
IDS = [openvino.__name__.split(".")[-1], onnxruntime.__name__.split(".")[-1]]


@pytest.mark.parametrize("colour", SPOILT)
@pytest.mark.parametrize("opener", OPENERS, ids=IDS)
def test_on_a_cpu(tmp_path: Path, opener: object, colour: float) -> None:
    assert callable(opener)
    with pytest.raises(EngineError, match="decoder drew values that are not finite") as caught:
        render_tiny(opener(write_tiny(tmp_path / "spoilt", 1, colour=colour)), 1, 1, 1)
    assert "\n" not in str(caught.value)
    whole = render_tiny(opener(write_tiny(tmp_path / "whole", 1)), 1, 1, 1).pixels
    difference = np.abs(whole.astype(int) - expect_tiny(1, 1, 1, 1))
    assert difference.max() <= 1


@pytest.mark.parametrize("colour", SPOILT)
@pytest.mark.parametrize("batch", [1, 4])
def test_on_a_gpu(machine: Machine, tmp_path: Path, batch: int, colour: float) -> None:
    """On the fake: the decoder's other output comes down with the pixels."""
    bundle = machine.build(write_tiny(tmp_path / "spoilt", 1, colour=colour))
    engine = machine.open(bundle)
    for _ in range(2):  # plainly, then captured
        with pytest.raises(EngineError, match="decoder drew values that are not finite"):
            render_tiny(engine, 1, batch, 1)
    engine.close()
