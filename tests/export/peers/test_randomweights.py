from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from export.build import build
from export.checkpoints.resolve import spec_for
from export.peers.origin import origin
from export.peers.randomweights import KINDS, build_options, make
from runtime.errors import RequestError
from runtime.pipeline import Pipeline


@pytest.mark.slow
def test_a_random_model_draws_and_hears_its_words(tmp_path: Path) -> None:
    checkpoint = make(tmp_path / "checkpoint", "critters")
    bundle = build(spec_for(str(checkpoint), **build_options("critters")), tmp_path / "bundle")
    assert bundle.manifest.model == "random-critters"
    assert bundle.manifest.parity["hears"] > 0.5
    found, _spec = origin(bundle, checkpoint)
    assert found.sources()["weights"] == bundle.manifest.sources["weights"]
    with Pipeline.open(str(bundle.folder)) as pipeline:
        cat, kitten = (pipeline.render(pipeline.request("cat -> kitten", t)).pixels for t in (0, 1))
    assert np.abs(cat.astype(int) - kitten).mean() > 0.5


def test_an_architecture_nobody_knows_is_refused() -> None:
    with pytest.raises(RequestError, match=", ".join(KINDS)):
        build_options("flux")
