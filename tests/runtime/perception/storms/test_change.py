from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from runtime.perception.distance import Descriptor, describe_frame, distance
from runtime.perception.storms.change import Change, change_of, posts_of
from tests.runtime.perception.storms.test_storms import Planted

WAVE = Planted(slope=(0.3, 0.7), drift=0.4)
ROUNDED = Planted(slope=(0.3, 0.7), drift=0.4, noise=0.2)
"""The same film as a precision that rounds shows it: an interval of 1/400 is mostly noise."""


def read(film: Planted, at: list[float]) -> Change:
    descriptors: dict[float, Descriptor] = {t: describe_frame(film.picture(t)) for t in at}
    near = [distance(descriptors[a], descriptors[b]) for a, b in pairwise(at)]
    posts = posts_of(at)
    spans = [distance(descriptors[at[a]], descriptors[at[b]]) for a, b in pairwise(posts)]
    return change_of(at, near, posts, spans)


def seen(change: Change, at: list[float]) -> NDArray[np.float64]:
    """The share of all change that is seen by each 1/400 of the film."""
    total = np.concatenate([[0.0], np.cumsum(change.distances)])
    share: NDArray[np.float64] = np.interp(np.linspace(0, 1, 401), at, total / total[-1])
    return share


def even(count: int) -> list[float]:
    return [k / (count - 1) for k in range(count)]


def test_noise_and_the_number_of_known_frames_hardly_change_the_answer() -> None:
    truth = read(WAVE, even(101))
    raw = sum(distance(*pair) for pair in pairwise(map(ROUNDED.descriptor_at, even(401))))
    assert raw > 2 * truth.distances.sum()  # what adding up distances would say
    for count in (25, 50, 100, 401):
        for film in (WAVE, ROUNDED):
            change = read(film, even(count))
            assert change.distances.sum() == pytest.approx(truth.distances.sum(), rel=0.05)
            gap = np.abs(seen(change, even(count)) - seen(truth, even(101)))
            assert gap.max() < 0.03, (count, film)


def test_a_part_that_is_known_densely_looks_no_stormier() -> None:
    at = sorted({*even(33), *(k / 400 for k in range(20, 100))})
    change = read(Planted(drift=0.3, noise=0.7), at)
    speed = change.distances / np.diff(at)
    dense = (np.asarray(at[:-1]) >= 0.05) & (np.asarray(at[1:]) <= 0.2475)
    assert speed[dense].mean() == pytest.approx(speed[~dense].mean(), rel=0.12)
    assert speed.max() < 1.4 * speed.mean()


def test_a_jump_stays_where_it_is_and_keeps_its_size() -> None:
    film = Planted(jump=0.5013, noise=0.7)
    change = read(film, even(401))
    assert int(np.argmax(change.distances)) == 200
    size = distance(film.descriptor_at(0.5), film.descriptor_at(0.505))
    assert change.distances[200] == pytest.approx(size, rel=0.1)


def test_a_flicker_between_two_posts_is_still_seen() -> None:
    film = Planted(frames=401, flicker=(203, 204))
    change = read(film, even(401))
    assert sorted(np.argsort(change.distances)[-2:].tolist()) == [202, 204]


def test_noise_is_measured_and_a_still_film_does_not_move() -> None:
    noise = distance(*(Planted(noise=0.7, drift=0.0).descriptor_at(t) for t in (0.2, 0.8)))
    change = read(Planted(noise=0.7, drift=0.0), even(401))
    assert change.noise == pytest.approx(noise, rel=0.1)
    assert change.distances.sum() < 0.1


@settings(deadline=None)
@given(st.lists(st.integers(0, 400), min_size=2, max_size=60, unique=True).map(sorted))
def test_posts_stand_on_known_frames_once_for_each_place(known: list[int]) -> None:
    posts = posts_of([k / 400 for k in known])
    assert posts[0] == 0
    assert posts[-1] == len(known) - 1
    assert list(posts) == sorted(set(posts))
    assert len(posts) <= 53


def test_arrays_that_do_not_belong_together_are_refused() -> None:
    with pytest.raises(ValueError, match="3 frames"):
        change_of([0, 0.5, 1], [0.1], [0, 2], [0.1])
