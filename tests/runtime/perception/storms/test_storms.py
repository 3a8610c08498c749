from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from runtime.perception.distance import Descriptor, describe_frame
from runtime.perception.storms.change import posts_of
from runtime.perception.storms.storms import StormReport, find_storms
from runtime.perception.storms.survey import FOLLOWERS, Survey, survey
from tests.support.seeds import draw_seed

SIDE = 64
_Y, _X = np.mgrid[0:SIDE, 0:SIDE] / SIDE


@dataclass
class Planted:
    """A film of t in [0, 1] that drifts calmly, but for what was planted."""

    frames: int = 100
    jump: float | None = None
    slope: tuple[float, float] | None = None
    flicker: tuple[int, int] | None = None
    """first and last frame with a whisker"""
    noise: float = 0.0
    drift: float = 0.03
    looked: list[float] = field(default_factory=list)

    def picture(self, t: float) -> NDArray[np.uint8]:
        rise = 0.0
        if self.slope is not None:
            start, end = self.slope
            rise = float(np.clip((t - start) / (end - start), 0, 1))
        x, y = 0.35 + self.drift * t + 0.3 * rise, 0.55
        blob = np.exp(-((_X - x) ** 2 + (_Y - y) ** 2) * 25)
        warm = 1.0 if self.jump is None or t < self.jump else 0.2
        light = np.stack([0.3 + 0.6 * blob * warm, 0.5 - 0.2 * blob, 0.4 + 0.4 * blob], -1)
        if self.flicker is not None:
            place = t * (self.frames - 1)
            if self.flicker[0] - 0.4 < place < self.flicker[1] + 0.4:
                whisker = np.abs(_Y - 0.2 - 0.3 * _X) < 0.012
                light[whisker & (_X > 0.55) & (_X < 0.85)] *= 0.3
        grey = 255 * light
        if self.noise:
            grey = grey + np.random.default_rng(int(t * 1e9)).normal(0, self.noise, grey.shape)
        return np.clip(np.round(grey), 0, 255).astype(np.uint8)

    def descriptor_at(self, t: float) -> Descriptor:
        self.looked.append(t)
        return describe_frame(self.picture(t))

    def read(self) -> tuple[Survey, StormReport]:
        at = [i / (self.frames - 1) for i in range(self.frames)]
        film = survey(at, (describe_frame(self.picture(t)) for t in at))
        return film, find_storms(film, self.descriptor_at)


def storms(found: StormReport) -> list[tuple[float, float]]:
    return [(zone.start, zone.end) for zone in found.zones if zone.kind == "storm"]


@pytest.mark.parametrize("variant", range(8))
def test_finds_exactly_what_was_planted(variant: int) -> None:
    rng = np.random.default_rng(draw_seed())
    frames = int(rng.integers(80, 160))
    thirds = rng.permutation(3)
    jump, middle, start = (
        low + rng.uniform(0.05, 0.12) for low in np.array([0.0, 0.34, 0.68])[thirds]
    )
    at = round(middle * (frames - 1))
    slope = (start, start + rng.uniform(0.06, 0.14))
    planted = Planted(frames, jump, slope, (at, at + int(rng.integers(0, 3))), rng.uniform(0, 0.8))
    film, found = planted.read()

    gap = 1 / (frames - 1)
    assert [jump.t for jump in found.jumps] == [pytest.approx(jump, abs=gap / 32)], planted
    assert [(f.first, f.last) for f in found.flickers] == [planted.flicker], planted
    assert len(storms(found)) == 1, (planted, found)
    assert storms(found)[0] == pytest.approx(slope, abs=1.6 * gap), planted
    assert film.distances.shape == (frames - 1,)


@pytest.mark.parametrize("noise", [0.02, 0.1, 0.3])
def test_still_frames_beside_a_storm_are_not_of_it(noise: float) -> None:
    """Between two posts stand two or three frames, and those outside stay outside."""
    slope = (12.37 / 111, 20.4 / 111)
    _, found = Planted(112, slope=slope, noise=noise).read()
    assert storms(found) == [pytest.approx((12 / 111, 21 / 111))]


@pytest.mark.parametrize("noise", [0.0, 0.8])
@pytest.mark.parametrize("drift", [0.0, 0.02, 0.4])
def test_an_even_film_is_calm(noise: float, drift: float) -> None:
    _, found = Planted(120, noise=noise, drift=drift).read()
    assert [zone.kind for zone in found.zones] == ["calm"]
    assert found.jumps == ()
    assert found.flickers == ()


def test_a_slope_within_one_step_is_a_storm_and_no_jump() -> None:
    t = 40 / 99
    _, found = Planted(100, slope=(t + 0.003, t + 0.007)).read()
    assert found.jumps == ()
    assert storms(found) == [pytest.approx((t, t + 1 / 99))]


def test_a_jump_inside_a_storm_is_found_and_the_storm_stays_whole() -> None:
    planted = Planted(120, jump=0.5, slope=(0.4, 0.6))
    _, found = planted.read()
    assert [jump.t for jump in found.jumps] == [pytest.approx(0.5, abs=1e-3)]
    assert storms(found) == [pytest.approx((0.4, 0.6), abs=0.015)]


def test_a_film_that_storms_most_of_its_length_is_still_read() -> None:
    _, found = Planted(100, slope=(0.2, 0.8), drift=0.005).read()
    assert storms(found) == [pytest.approx((0.2, 0.8), abs=0.02)]


def test_bisection_is_bounded() -> None:
    rng = np.random.default_rng(3)
    at = np.linspace(0, 1, 200)
    shades = rng.integers(0, 256, (200, 3))

    def chaos(t: float) -> Descriptor:
        calls.append(t)
        return describe_frame(
            np.broadcast_to(shades[int(t * 997) % 200], (16, 16, 3)).astype(np.uint8)
        )

    calls: list[float] = []
    film = survey(at, map(chaos, at))
    calls.clear()
    find_storms(film, chaos)
    assert len(calls) <= 12 * 9


@settings(max_examples=30, deadline=None)
@given(
    st.integers(2, 40),
    st.integers(0, 2**32),
    st.sampled_from([0.001, 0.02, 0.3]),
)
def test_zones_tile_the_line_and_share_out_the_path(n: int, seed: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    at = np.concatenate([[0.0], np.cumsum(rng.random(n - 1) + 0.01)])
    at /= at[-1]
    reach = tuple(scale * rng.random(max(0, n - k)) ** 4 for k in range(1, FOLLOWERS + 1))
    still = describe_frame(np.zeros((16, 16, 3), np.uint8))
    posts = posts_of(at)
    film = Survey(at, reach, posts, scale * rng.random(len(posts) - 1) ** 4)
    found = find_storms(film, lambda t: still)
    assert found.zones[0].start == 0
    assert found.zones[-1].end == 1
    for a, b in zip(found.zones, found.zones[1:], strict=False):
        assert a.end == b.start
        assert a.kind != b.kind
    assert sum(zone.path for zone in found.zones) == pytest.approx(film.change.distances.sum())


def test_survey_compares_each_frame_with_its_followers() -> None:
    planted = Planted(7, drift=0.5)
    film, _ = planted.read()
    assert [len(row) for row in film.reach] == [6, 5, 4, 3]
    assert (film.reach[1] > film.reach[0][:-1]).all()
    with pytest.raises(ValueError, match="increasing"):
        survey([0, 0, 1], [])
    with pytest.raises(ValueError, match="2 frames for 3"):
        survey([0, 0.5, 1], [describe_frame(planted.picture(t)) for t in (0, 1)])


def test_a_station_where_the_way_turns_round_is_no_flicker() -> None:
    there = Planted(frames=26, slope=(0.0, 0.5), drift=0.3)

    def picture(t: float) -> NDArray[np.uint8]:
        return there.picture(0.5 - abs(t - 0.5))

    at = [i / 25 for i in range(26)]
    at[12:14] = [0.5]  # a frame stands on the station
    film = survey(at, (describe_frame(picture(t)) for t in at))

    def look(t: float) -> Descriptor:
        return describe_frame(picture(t))

    assert [flicker.start for flicker in find_storms(film, look).flickers] == [0.5]
    assert find_storms(film, look, turns=(0.5,)).flickers == ()


@pytest.mark.parametrize("frames", [50, 100, 401])
def test_storms_lie_where_they_lie_however_many_frames_and_however_noisy(frames: int) -> None:
    _, found = Planted(frames, slope=(0.4, 0.6), drift=0.1, noise=0.3).read()
    assert storms(found) == [pytest.approx((0.4, 0.6), abs=0.02)]
    inside = next(zone.path for zone in found.zones if zone.kind == "storm")
    exact = survey(
        [0.4, 0.5, 0.6], map(Planted(slope=(0.4, 0.6), drift=0.1).descriptor_at, (0.4, 0.5, 0.6))
    )
    assert inside == pytest.approx(exact.change.distances.sum(), rel=0.15)


def test_a_flicker_too_faint_to_see_is_no_flicker() -> None:
    film, _ = Planted(50).read()
    faint = tuple(row * 0 for row in film.reach)
    faint[0][20:22] = 0.004
    found = find_storms(replace(film, reach=faint), Planted(50).descriptor_at)
    assert found.flickers == ()
