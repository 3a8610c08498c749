"""Our distance against NVIDIA FLIP, on frames of the built-in model; the tables: ruler.py."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from runtime.perception.distance import VISIBLE
from runtime.pipeline import Pipeline
from tests.runtime.perception.ruler import (
    MORPHS,
    agreement,
    flip,
    flip_map,
    ours,
    pairs,
    planted,
    zones,
)

pytest.importorskip("flip_evaluator", reason="no wheel for this Python or machine")


@pytest.mark.slow
def test_ranks_200_pairs_of_real_morphs_as_flip_does(pipeline: Pipeline) -> None:
    made = pairs(pipeline, 200)
    found = agreement(
        [ours(p.first, p.second) for p in made], [flip(p.first, p.second) for p in made]
    )
    assert found["spearman"] > 0.93
    assert found["kendall"] > 0.78


def test_planted_changes_come_in_the_order_of_the_eye(pipeline: Pipeline) -> None:
    plant = planted(pipeline)
    by_us = {name: ours(*pair) for name, pair in plant.items()}
    invisible = ("brighter by one level", "noise of two levels")
    small = ("a whisker", "shifted by one pixel")
    large = ("another coat", "another animal")
    assert max(by_us[name] for name in invisible) < VISIBLE
    assert min(by_us[name] for name in small) > 2 * VISIBLE
    assert max(by_us[name] for name in small) < 0.5 * min(by_us[name] for name in large)
    # where the two rulers part: the mean over a picture loses a whisker, its worst places do not
    maps = {name: flip_map(*plant[name]) for name in (*invisible, "a whisker")}
    mean = {name: float(errors.mean()) for name, errors in maps.items()}
    assert all(mean["a whisker"] < mean[name] for name in invisible)
    worst = {name: float(np.quantile(errors, 0.999)) for name, errors in maps.items()}
    assert all(worst["a whisker"] > worst[name] for name in invisible)


@pytest.mark.slow
def test_along_a_film_both_rank_the_steps_alike(pipeline: Pipeline) -> None:
    """The storm rules themselves need a metric, which the mean of FLIP's error is not."""
    request = pipeline.request(MORPHS[7])
    frames = [pipeline.render(request.at(i / 40)).pixels for i in range(41)]
    found = agreement(
        [ours(a, b) for a, b in pairwise(frames)], [flip(a, b) for a, b in pairwise(frames)]
    )
    assert found["spearman"] > 0.95
    assert zones(frames, ours).any()
