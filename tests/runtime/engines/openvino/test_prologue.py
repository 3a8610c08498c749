"""A denoiser in two parts draws what the whole one draws, whatever was drawn before."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

import runtime.engines.openvino.engine as engine_module
from runtime.bundles.bundle import open_bundle
from runtime.bundles.library import built_in
from runtime.engines.openvino.engine import OpenVinoEngine
from runtime.engines.openvino.graph import fixed_model
from runtime.engines.openvino.prologue import FREE, split
from runtime.pipeline import Pipeline
from runtime.request import Request
from tests.support.seeds import draw_seed


def requests(draws: random.Random, count: int) -> list[Request]:
    """Requests that jump between seeds, words, step counts and places, and come back."""
    few = [draws.randrange(1 << 32) for _ in range(3)]
    words = ("cat -> kitten", "cat -> fox | -tabby .. +tabby")
    return [
        Request(
            draws.choice(words), draws.random(), seed=draws.choice(few), steps=draws.choice((1, 2))
        )
        for _ in range(count)
    ]


def test_frames_are_those_of_the_whole_denoiser(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed = draw_seed()
    asked = requests(random.Random(seed), 24)
    bundle = open_bundle(built_in())
    with Pipeline(bundle, OpenVinoEngine(bundle, "f32")) as pipeline:
        parted = [pipeline.render(request).pixels for request in asked]
    monkeypatch.setattr(engine_module, "split", lambda model: None)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))  # where no half of it was kept
    with Pipeline(bundle, OpenVinoEngine(bundle, "f32")) as pipeline:
        whole = [pipeline.render(request).pixels for request in asked]
    for one, other, request in zip(parted, whole, asked, strict=True):
        assert np.abs(one.astype(int) - other.astype(int)).max() <= 1, request


def test_the_prologue_runs_once_for_a_seed() -> None:
    bundle = open_bundle(built_in())
    engine = OpenVinoEngine(bundle, "f32")
    runs = 0
    before = engine._denoiser._before[0]

    class Counted:
        def infer(self, inputs: object) -> object:
            nonlocal runs
            runs += 1
            return before.infer(inputs)

        def __getattr__(self, name: str) -> object:
            return getattr(before, name)

    engine._denoiser._before = (Counted(), engine._denoiser._before[1])
    with Pipeline(bundle, engine) as pipeline:
        for t in (0.0, 0.3, 1.0):
            pipeline.render(Request("cat -> kitten", t))
        pipeline.render(Request("dog -> fox", 0.5))
        assert runs == 1
        pipeline.render(Request("dog -> fox", 0.5, seed=2))
        assert runs == 2
        pipeline.render(Request("dog -> fox", 0.5, seed=2, steps=2))
        assert runs == 3, "another step table has another timestep"


def test_nothing_of_the_text_is_in_the_prologue() -> None:
    parts = split(fixed_model(open_bundle(built_in()).path("denoiser")))
    assert parts is not None
    names = {port.get_any_name() for port in parts.before.inputs}
    assert names <= {"sample", "timestep", "coefficients", "noise"}
    rest = {port.get_any_name() for port in parts.after.inputs}
    assert {"basis", "weights"} <= rest
    assert sum(name.startswith(FREE) for name in rest) == parts.count
