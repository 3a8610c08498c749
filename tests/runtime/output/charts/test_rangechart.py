from __future__ import annotations

import numpy as np
import pytest

from runtime.output.charts.range import places
from runtime.perception.charting.range import Range, SeedRange
from runtime.perception.charting.walk import Side
from tests.support.seeds import draw_seed


def side(end: float, reach: float) -> Side:
    at = np.linspace(0.0, np.sign(end) * reach, 9)
    return Side(at, np.ones(8), at, np.zeros(9), end, "reach" if abs(end) == reach else "storm")


def test_an_end_near_the_reach_is_shown_from_beyond() -> None:
    draws = np.random.default_rng(draw_seed())
    low, high = -float(draws.uniform(1.7, 1.99)), float(draws.uniform(0.5, 1.5))
    found = Range("cat", (SeedRange(0, side(low, 2.0), side(high, 2.0)),))
    below, *inside, above = places(found, 2.0)
    assert below == -2.0, low
    assert (inside[0], inside[-1]) == (low, high)
    assert above == pytest.approx(high + 3 / 8)


def test_nothing_is_shown_beyond_where_no_end_was_found() -> None:
    found = Range("cat", (SeedRange(0, side(-2.0, 2.0), side(2.0, 2.0)),))
    below, *_, above = places(found, 2.0)
    assert below is None
    assert above is None
