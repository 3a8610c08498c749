from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.perception.distance import Descriptor, describe_frame, distance, smoothness
from runtime.perception.storms.retime import even_positions, measure
from tests.runtime.perception.storms.test_storms import Planted


def steps_of(film: Planted, positions: list[float]) -> list[float]:
    descriptors = [describe_frame(film.picture(t)) for t in positions]
    return [distance(a, b) for a, b in pairwise(descriptors)]


def test_makes_a_stormy_film_even() -> None:
    film = Planted(slope=(0.6, 0.7), drift=0.1)
    raw = steps_of(film, list(np.linspace(0, 1, 80)))
    positions = even_positions(*measure(film.descriptor_at, 80), 80)
    even = steps_of(film, positions.tolist())
    assert smoothness(raw) < 0.5
    assert smoothness(even) > 0.85
    assert max(even) < max(raw) / 3


def test_does_not_stand_still_at_a_jump() -> None:
    film = Planted(jump=0.5, drift=0.3)
    positions = even_positions(*measure(film.descriptor_at, 100), 100)
    assert (np.abs(positions - 0.5) < 0.004).sum() <= 3


def test_looks_at_a_bounded_number_of_frames() -> None:
    rng = np.random.default_rng(5)
    calls = []

    def chaos(t: float) -> Descriptor:
        calls.append(t)
        return describe_frame(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8))

    measure(chaos, 50)
    assert len(calls) <= 33 + 8 * 50


def test_a_still_film_keeps_even_time() -> None:
    still = describe_frame(np.full((16, 16, 3), 9, np.uint8))
    positions = even_positions(*measure(lambda t: still, 11), 11)
    assert positions == pytest.approx(np.linspace(0, 1, 11))


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=60), st.integers(2, 90))
def test_positions_increase_from_end_to_end(distances: list[float], count: int) -> None:
    at = np.linspace(0, 1, len(distances) + 1)
    positions = even_positions(at, distances, count)
    assert len(positions) == count
    assert positions[0] == 0
    assert positions[-1] == 1
    assert (np.diff(positions) >= 0).all()


def test_noise_neither_evens_the_film_out_nor_costs_looks() -> None:
    clean = Planted(slope=(0.6, 0.7), drift=0.4)
    noisy = Planted(slope=(0.6, 0.7), drift=0.4, noise=0.3)
    exact = even_positions(*measure(clean.descriptor_at, 400), 400)
    rounded = even_positions(*measure(noisy.descriptor_at, 400), 400)
    assert np.abs(exact - rounded).max() < 0.015
    assert len(noisy.looked) < 1.3 * len(clean.looked)
