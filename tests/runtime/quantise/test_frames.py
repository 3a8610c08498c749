"""The frames int8 is calibrated and judged on: the bundle's own words, repeatable, kept apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from runtime.errors import EngineError
from runtime.planner import Planner
from runtime.quantise.frames import LINKS, neighbour, sample_requests
from runtime.quantise.judge import FramePairs, compare
from runtime.quantise.process import CALIBRATION, CALIBRATION_SEED, JUDGED, JUDGED_SEED
from tests.support.models.tinybundle import write_tiny


def test_frames_are_of_taught_words_repeatable_and_judged_on_others() -> None:
    planner = Planner.of("critters")
    calibration = sample_requests(planner, CALIBRATION, CALIBRATION_SEED)
    judged = sample_requests(planner, JUDGED, JUDGED_SEED)
    assert calibration == sample_requests(planner, CALIBRATION, CALIBRATION_SEED)
    for requests in (calibration, judged):
        assert len({request.seed for request in requests}) == len(requests)
        assert all(planner.untaught(request) is None for request in requests)
        assert sum(request.steps == planner.manifest.default_steps for request in requests) > (
            len(requests) / 2
        )
    assert {request.steps for request in calibration} == set(planner.manifest.steps)
    assert not {r.expression for r in calibration} & {r.expression for r in judged}
    assert not any(set(r.expression.split(" -> ")) & LINKS for r in calibration)


def test_a_neighbour_is_a_division_away_on_the_line() -> None:
    request = Planner.of("critters").request("cat -> kitten")
    for t in (0.0, 0.3, 0.5, 1.0):
        other = neighbour(request.at(t))
        assert abs(other.t - t) == pytest.approx(1 / 400)
        assert 0 <= other.t <= 1


def test_a_model_that_reads_too_little_is_refused(tmp_path: Path) -> None:
    bundle = write_tiny(tmp_path, tokens=3)
    with pytest.raises(EngineError, match="too few words"):
        sample_requests(Planner(bundle.manifest, bundle.folder), 4, 0)


def test_an_error_that_neighbours_share_is_no_noise() -> None:
    exact = FramePairs(np.full((3, 2, 8, 8, 3), 100, np.uint8), 9.0)
    shared = FramePairs(exact.pixels + np.uint8(2), 7.0)
    figures = compare(shared, exact)
    assert figures.psnr_db == pytest.approx(20 * np.log10(255 / 2))
    assert (figures.neighbour_noise, figures.frame_ms) == (0.0, 7.0)
    flickering = exact.pixels.copy()
    flickering[:, 1] += np.uint8(3)
    assert compare(FramePairs(flickering, 1.0), exact).neighbour_noise == pytest.approx(3.0)
    one_bad = exact.pixels.copy()
    one_bad[2] += np.uint8(50)
    figures = compare(FramePairs(one_bad, 1.0), exact)
    assert figures.psnr_db > 90
    assert figures.worst_psnr_db == pytest.approx(20 * np.log10(255 / 50))
