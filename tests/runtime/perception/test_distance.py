from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from runtime.perception.distance import (
    VISIBLE,
    describe_frame,
    distance,
    path,
    smoothness,
    storm_share,
)
from tests.support.drawn import animal
from tests.support.seeds import draw_seed

Pixels = NDArray[np.uint8]


def apart(a: Pixels, b: Pixels) -> float:
    return distance(describe_frame(a), describe_frame(b))


def noisy(pixels: Pixels, sigma: float) -> Pixels:
    rng = np.random.default_rng(draw_seed())
    return np.clip(pixels + rng.normal(0, sigma, pixels.shape), 0, 255).round().astype(np.uint8)


@pytest.mark.parametrize("size", [128, 256, 512])
def test_orders_changes_as_people_do(size: int) -> None:
    cat = animal(size)
    shifted = apart(cat, animal(size, shift=1))
    grey = apart(cat, animal(size, coat=(140, 140, 145)))
    fish = apart(cat, animal(size, kind="fish"))
    assert shifted * 2 < grey
    assert grey * 1.5 < fish
    assert fish < apart(np.zeros_like(cat), np.full_like(cat, 255))


def test_a_larger_shift_is_a_larger_change() -> None:
    cat = animal()
    moves = [apart(cat, animal(shift=shift)) for shift in (1, 2, 4, 8, 16)]
    assert moves == sorted(moves)


def test_invisible_noise_stays_below_visible_and_a_whisker_above() -> None:
    cat = animal()
    brighter = (cat.astype(int) + 1).clip(0, 255).astype(np.uint8)
    assert apart(cat, noisy(cat, 1.0)) < VISIBLE
    assert apart(cat, brighter) < VISIBLE
    whisker = apart(animal(whiskers=2), animal(whiskers=3))
    assert VISIBLE < whisker < apart(cat, animal(coat=(140, 140, 145))) / 2


def test_says_the_same_at_another_resolution() -> None:
    for change in ({"kind": "fish"}, {"coat": (120, 120, 120)}, {"scale": 0.7}):
        small = apart(animal(128), animal(128, **change))
        large = apart(animal(512), animal(512, **change))
        assert small == pytest.approx(large, rel=0.15)


def frames(side: st.SearchStrategy[int]) -> st.SearchStrategy[tuple[Pixels, Pixels, Pixels]]:
    def three(args: tuple[int, int, int, bool]) -> tuple[Pixels, Pixels, Pixels]:
        height, width, seed, smooth = args
        rng = np.random.default_rng(seed)
        made = rng.integers(0, 256, (3, height, width, 3), dtype=np.uint8)
        if smooth:
            made[1] = np.clip(made[0].astype(int) + rng.integers(-3, 4), 0, 255)
        return made[0], made[1], made[2]

    return st.tuples(side, side, st.integers(0, 2**32), st.booleans()).map(three)


@settings(max_examples=40, deadline=None)
@given(frames(st.integers(8, 80)))
def test_is_a_metric(three: tuple[Pixels, Pixels, Pixels]) -> None:
    a, b, c = three
    assert apart(a, a.copy()) == 0
    assert apart(a, b) == apart(b, a)
    assert 0 <= apart(a, b) < 1
    assert apart(a, c) <= apart(a, b) + apart(b, c) + 1e-6


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 63), st.integers(0, 63), st.integers(0, 2))
def test_one_level_in_one_pixel_is_seen(y: int, x: int, channel: int) -> None:
    a = animal(64)
    b = a.copy()
    b[y, x, channel] ^= 1
    assert apart(a, b) > 0


def test_refuses_what_is_no_pair_of_frames() -> None:
    with pytest.raises(ValueError, match="uint8"):
        describe_frame(np.zeros((64, 64, 3), np.float32))
    with pytest.raises(ValueError, match="too small"):
        describe_frame(np.zeros((4, 64, 3), np.uint8))
    with pytest.raises(ValueError, match="cannot be compared"):
        apart(animal(64), animal(32))


@settings(deadline=None)
@given(st.lists(st.floats(0, 10), min_size=1, max_size=50), st.floats(0.1, 100))
def test_smoothness_is_a_share_and_feels_no_scale(distances: list[float], scale: float) -> None:
    assert 0 < smoothness(distances) <= 1
    assert smoothness(np.asarray(distances) * scale) == pytest.approx(
        smoothness(distances), abs=1e-6
    )
    assert 0 <= storm_share(distances) <= 1 + 1e-12


def test_measures_of_known_films() -> None:
    even, single = np.full(40, 0.25), np.eye(1, 40)[0]
    assert smoothness(even) == pytest.approx(1)
    assert smoothness(single) == pytest.approx(1 / 40)
    assert storm_share(even) == pytest.approx(0.05)
    assert storm_share(single) == 1
    assert path(even) == pytest.approx(10)
    assert smoothness(np.zeros(5)) == 1
