"""Our engine run otherwise draws the same frames, and the operations that it tells of add up."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from runtime.bench import variants
from runtime.bench.layers import layers
from runtime.bench.limits.counts import count, count_model
from runtime.bench.measure import denoising, positions
from runtime.bench.peers import compare
from runtime.bench.variants import BATCH, NAMES, Fours, Whole, open_variant, variant_peer
from runtime.bundles.bundle import open_bundle
from runtime.bundles.library import built_in
from runtime.engines.openvino.engine import OpenVinoEngine
from runtime.engines.openvino.graph import fixed_model
from runtime.engines.openvino.prologue import split
from runtime.pipeline import Pipeline
from runtime.request import Request
from tests.runtime.engines.machine import Machine
from tests.support.models.tinybundle import write_worded
from tests.support.seeds import draw_seed


@pytest.fixture(scope="module")
def fours(pipeline: Pipeline) -> Iterator[Pipeline]:
    with open_variant(Fours, pipeline) as opened:
        yield opened


@pytest.mark.parametrize("name", sorted(NAMES))
def test_ours_run_otherwise_is_drawn_in_turn_like_any_peer(pipeline: Pipeline, name: str) -> None:
    first = Request("cat -> kitten", seed=draw_seed())
    found = compare(pipeline, variant_peer(name, pipeline), positions(first, 2))
    assert found.reason is None
    assert found.psnr is not None
    assert found.psnr > 60, "it draws other pictures"
    assert found.ratio is not None
    assert found.ratio.count == 2
    assert "ours, " in found.note


@pytest.mark.parametrize("steps", [1, 2])
def test_a_batch_is_four_frames_each_its_own(
    pipeline: Pipeline, fours: Pipeline, steps: int
) -> None:
    draws = random.Random(draw_seed())
    for _ in range(2):  # the second time with another seed
        seed = draws.randrange(1 << 32)
        asked = [Request("cat -> fox", draws.random(), seed=seed, steps=steps) for _ in range(4)]
        together = fours.render_many(asked)
        assert len(together) == BATCH
        for made in together:
            alone = pipeline.render(made.request).pixels
            assert np.abs(made.pixels.astype(int) - alone).max() <= 1


def test_nothing_of_it_stays_where_the_engine_would_find_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A whole denoiser that lay in the cache would be opened in place of the parts ever after."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    bundle = open_bundle(built_in())
    Pipeline(bundle, Whole(bundle, "f32")).close()
    assert not list(tmp_path.rglob("denoiser.blob"))
    with Pipeline(bundle, OpenVinoEngine(bundle, "f32")) as pipeline:
        assert isinstance(pipeline.engine, OpenVinoEngine)
        assert len(pipeline.engine._graphs) == 3


def test_only_openvino_can_be_run_otherwise(machine: Machine, tmp_path: Path) -> None:
    bundle = write_worded(tmp_path / "b", 5)
    machine.build(bundle)
    with Pipeline(bundle, machine.open(bundle)) as ours:
        first = Request("cat -> kitten")
        found = compare(ours, variant_peer("whole", ours), positions(first, 1))
        assert found.ms is None
        assert f"ours runs on {machine.backend}" in (found.reason or "")
        assert layers(ours, [first], 3) == ()
        assert denoising(ours) is None


def test_graphs_of_one_frame_are_not_passed_for_four(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of int8 are kept with their batch fixed."""
    monkeypatch.setattr(variants, "fixed_model", lambda graph, _: fixed_model(graph))
    found = compare(
        pipeline, variant_peer("batch", pipeline), positions(Request("cat -> kitten"), 1)
    )
    assert "is for one frame at a time" in (found.reason or "")


def test_the_slowest_operations_are_listed_slowest_first(pipeline: Pipeline) -> None:
    asked = positions(Request("cat -> kitten"), 3)
    every = layers(pipeline, asked, 1000)
    for stage in ("denoise", "decode"):
        kinds = [one for one in every if one.stage == stage]
        assert sum(one.share for one in kinds) == pytest.approx(1)
        assert [one.ms for one in kinds] == sorted((one.ms for one in kinds), reverse=True)
        assert {"Convolution"} <= {one.operation for one in kinds}
        assert len({(one.operation, one.kernel) for one in kinds}) == len(kinds)
    few = layers(pipeline, asked[:1], 2)
    assert [one.stage for one in few] == ["denoise"] * 2 + ["decode"] * 2


def test_what_hears_no_text_is_what_the_prologue_computes(pipeline: Pipeline) -> None:
    path = pipeline.bundle.path("denoiser")
    work, parts = denoising(pipeline), split(fixed_model(path))
    assert work is not None
    assert parts is not None
    assert work.text * 1e9 == pytest.approx(count_model(parts.after).flop)
    assert (work.noise + work.step) * 1e9 == pytest.approx(count_model(parts.before).flop)
    assert work.text + work.noise + work.step == pytest.approx(count(path).flop / 1e9)
    assert work.step > 0
