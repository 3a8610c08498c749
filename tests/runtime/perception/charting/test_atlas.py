"""An atlas finds again what was planted: storms on lines, places in a plane, families of words."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import combinations

import msgspec
import numpy as np
import pytest

from runtime.language.line import Line
from runtime.perception.charting import likeness
from runtime.perception.charting.atlas import LineJob, Measurement, WordPair, measure_line
from runtime.request import Frame, Request
from tests.runtime.perception.storms.test_storms import Planted
from tests.support.seeds import draw_seed

CALM = Measurement(1.0, 0.5, 0.9, 0.06, (), (), ())


def measured(film: Planted, frames: int = 60) -> Measurement:
    def frames_of(requests: Sequence[Request]) -> Iterator[Frame]:
        return (Frame(film.picture(request.t), request) for request in requests)

    return measure_line(frames_of, LineJob(Line(Request("cat -> kitten"), "t"), frames))


def ways_between(words: Sequence[str], paths: np.ndarray) -> list[WordPair]:
    return [
        WordPair(
            (words[a], words[b]), (Measurement(float(paths[a, b]), 0.1, 1.0, 0.05, (), (), ()),)
        )
        for a, b in combinations(range(len(words)), 2)
    ]


def test_a_line_is_measured_as_storms_measures_it() -> None:
    planted = Planted(60, jump=0.2, slope=(0.42, 0.55), flicker=(45, 45))
    found = measured(planted)
    film, report = planted.read()
    assert found.path == pytest.approx(film.change.distances.sum())
    assert [storm[:2] for storm in found.storms] == [
        (zone.start, zone.end) for zone in report.zones if zone.kind == "storm"
    ]
    assert [at for at, _ in found.jumps] == [pytest.approx(0.2, abs=1e-3)]
    assert len(found.flickers) == 1
    assert 0 < found.straight <= found.path
    assert 0.5 < found.stormy <= 1.0
    calm = measured(Planted(60))
    assert not calm.storms
    assert not calm.jumps
    assert calm.stormy == 0.0
    assert calm.path < found.path


def test_a_jump_inside_a_storm_counts_once() -> None:
    storms = ((0.3, 0.5, 0.4),)
    jumps = ((0.4, 0.1), (0.8, 0.2))
    found = Measurement(1.0, 0.5, 0.5, 0.3, storms, jumps, ())
    assert found.stormy == pytest.approx(0.4 + 0.2)


def test_a_flicker_is_no_calm_water() -> None:
    flickering = Measurement(1.0, 0.5, 0.9, 0.06, (), (), ((0.5, 0.1),))
    way = WordPair(("cat", "dog"), (CALM, flickering))
    assert not way.is_calm
    assert way.flickers == 1
    assert WordPair(("cat", "dog"), (CALM, CALM)).is_calm


def test_a_measurement_survives_its_file_to_the_last_digit() -> None:
    found = measured(Planted(60, jump=0.2, slope=(0.42, 0.55), flicker=(45, 45)))
    assert msgspec.json.decode(json.dumps(asdict(found)), type=Measurement) == found
    for harm in ({}, {**asdict(found), "path": None}, {**asdict(found), "storms": 3}):
        with pytest.raises(msgspec.ValidationError):
            msgspec.json.decode(json.dumps(harm), type=Measurement)


def test_places_in_a_plane_are_found_again() -> None:
    seed = draw_seed()
    true = np.random.default_rng(seed).normal(size=(9, 2))
    paths = np.linalg.norm(true[:, None] - true[None], axis=2)
    found = likeness.place(paths)
    again = np.linalg.norm(found[:, None] - found[None], axis=2)
    np.testing.assert_allclose(again, paths, atol=1e-3)
    assert likeness.stress(paths, found) < 1e-3
    assert found.mean(0) == pytest.approx([0, 0], abs=1e-9)
    assert (found == likeness.place(paths)).all()


@pytest.mark.parametrize("count", [2, 3])
def test_two_or_three_words_have_places(count: int) -> None:
    paths = 1.0 - np.eye(count)
    found = likeness.place(paths)
    assert found.shape == (count, 2)
    assert likeness.stress(paths, found) < 1e-3
    assert sorted(likeness.order(paths)) == list(range(count))


def test_words_of_no_distance_share_a_place() -> None:
    paths = np.zeros((3, 3))
    assert np.isfinite(likeness.place(paths)).all()
    assert likeness.stress(paths, likeness.place(paths)) == 0


def test_families_stand_together_in_the_order() -> None:
    seed = draw_seed()
    draws = np.random.default_rng(seed)
    family = draws.permutation(np.repeat(np.arange(3), 4))
    paths = np.where(family[:, None] == family[None], 0.3, 1.5)
    paths += draws.uniform(0, 0.1, paths.shape)
    paths = (paths + paths.T) / 2
    np.fill_diagonal(paths, 0)
    words = [f"w{i}" for i in range(12)]
    drawn = likeness.draw_up(words, ways_between(words, paths))
    ordered = family[list(drawn.order)]
    assert (np.diff(ordered) != 0).sum() == 2


def test_neighbours_by_calm_water_come_before_nearer_ones_through_storms() -> None:
    storm = Measurement(0.2, 0.1, 0.5, 0.5, ((0.4, 0.5, 0.15),), (), ())
    ways = [
        WordPair(("cat", "dog"), (CALM, CALM)),
        WordPair(("cat", "fox"), (CALM, storm)),
        WordPair(("dog", "fox"), (CALM, CALM)),
    ]
    drawn = likeness.draw_up(["cat", "dog", "fox"], ways)
    assert [word for word, _ in drawn.near("cat")] == ["dog", "fox"]
    way = ways[1]
    assert [way.path, way.spread] == pytest.approx([0.6, 0.8 / 2**0.5])
    assert (way.storms, way.jumps) == (1, 0)
    assert way.stormy == pytest.approx(0.375)
