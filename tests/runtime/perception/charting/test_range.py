from __future__ import annotations

import json
import weakref
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields, replace

import numpy as np
import pytest
from numpy.typing import NDArray

from runtime.errors import RequestError
from runtime.perception.charting.range import Range, RangeFinder, common, figures, find_ranges
from runtime.perception.charting.walk import BRISK, FILLED, OTHER, RISEN, SPACING, walk
from runtime.perception.distance import Descriptor, describe_frame, distance
from runtime.perception.ground import filled
from runtime.request import MAX_SEED, Frame, Request
from tests.support.seeds import draw_seed

SIDE = 64
REACH = 2.0
STREAKS = (5, 58, 11, 50, 17, 44, 23, 38)
_Y, _X = np.mgrid[0:SIDE, 0:SIDE] / SIDE


@dataclass
class Axis:
    """A picture for each weight, which drifts calmly but for what was planted."""

    storm: float = -9.0
    """below this weight the picture breaks up, all of it within half a unit"""
    jump: float = 9.0
    """above this weight it has another ground"""
    drift: float = 0.02
    flicker: float = 9.0
    """around this weight, a tenth of a unit to each side, it has another ground"""
    fade: float = 0.0
    """how much a unit of weight darkens it"""
    tear: float = -9.0
    """below this weight faint streaks rise, one after the other, each within an eighth of a unit"""
    torn: float = -9.0
    """below this weight they are all there at once"""
    asked: list[Request] = field(default_factory=list)

    def picture(self, weight: float, seed: int = 0) -> NDArray[np.uint8]:
        blob = np.exp(-((_X - 0.5 - self.drift * weight) ** 2 + (_Y - 0.5) ** 2) * 25)
        light = np.stack([0.3 + 0.6 * blob, 0.5 - 0.2 * blob, 0.4 + 0.01 * seed + 0.3 * blob], -1)
        broken = np.clip((self.storm - weight) / 0.5, 0, 1)
        ruin = np.random.default_rng(7).random((8, 8, 3)).repeat(SIDE // 8, 0).repeat(SIDE // 8, 1)
        light = (1 - broken) * light + broken * ruin
        light = light * (1 - self.fade * weight / REACH)
        for number, row in enumerate(STREAKS):
            light[row] += 0.06 * np.clip((self.tear - weight) * 8 - number, 0, 1)
            light[row] += 0.06 * (weight < self.torn)
        if weight > self.jump or abs(weight - self.flicker) < 0.1:
            light = light * [1.0, 0.85, 0.8]
        pixels: NDArray[np.uint8] = np.clip(np.round(255 * light), 0, 255).astype(np.uint8)
        return pixels

    def render(self, requests: Sequence[Request]) -> Iterable[Frame]:
        self.asked += requests
        for request in requests:
            weight = (2 * request.u - 1) * REACH
            yield Frame(self.picture(weight, request.seed), request)

    def find(self, seeds: int = 2) -> Range:
        finder = RangeFinder({"cat": Request("cat | -2*a .. 2*a")}, at, seeds=seeds, reach=REACH)
        (found,) = find_ranges(finder, self.render)
        return found


def at(request: Request, weight: float) -> Request:
    return request.at(request.t, (weight + REACH) / (2 * REACH))


@pytest.mark.parametrize("variant", range(4))
def test_a_planted_storm_ends_the_range_where_it_starts(variant: int) -> None:
    storm = float(np.random.default_rng(draw_seed()).uniform(-1.3, -0.3))
    found = Axis(storm).find()
    assert found.low == pytest.approx(storm, abs=1.5 * SPACING), storm
    assert found.low >= storm - SPACING / 2, "the interval reaches into the storm"
    assert found.why("low") == "storm"
    assert found.high == REACH
    assert found.why("high") == "reach"
    (stretch, *_) = found.by_seed[0].storms
    assert stretch[1] == pytest.approx(found.by_seed[0].low.end)
    assert stretch[0] == pytest.approx(storm - 0.5, abs=2 * SPACING)


@pytest.mark.parametrize("variant", range(4))
def test_a_planted_jump_ends_the_range(variant: int) -> None:
    jump = float(np.random.default_rng(draw_seed()).uniform(0.2, 1.8))
    found = Axis(jump=jump).find()
    assert found.high == pytest.approx(jump, abs=SPACING / 8), jump
    assert found.why("high") == "jump"
    assert found.low == -REACH


@pytest.mark.parametrize("variant", range(4))
def test_a_planted_flicker_ends_the_range(variant: int) -> None:
    flicker = float(np.random.default_rng(draw_seed()).uniform(0.3, 1.5))
    found = Axis(flicker=flicker).find()
    assert found.why("high") == "flicker", flicker
    assert flicker - 0.1 - SPACING <= found.high <= flicker - 0.1, flicker
    assert found.low == -REACH


def test_a_calm_drift_ends_where_it_shows_another_picture() -> None:
    axis = Axis(fade=0.9)
    found = axis.find()
    assert found.why("high") == "another picture"
    start = describe_frame(axis.picture(0))
    assert distance(start, describe_frame(axis.picture(found.high))) <= OTHER
    assert distance(start, describe_frame(axis.picture(found.high + SPACING / 8))) > OTHER


@pytest.mark.parametrize("variant", range(4))
def test_streaks_that_rise_slowly_on_empty_ground_end_the_range(variant: int) -> None:
    tear = float(np.random.default_rng(draw_seed()).uniform(-1.3, -0.3))
    found = Axis(tear=tear).find()
    assert found.why("low") == "filled ground", tear
    assert tear - 2.5 * SPACING <= found.low <= tear, tear
    (side, _) = (seed_range.low for seed_range in found.by_seed)
    assert side.speeds.max() < BRISK, "a storm would have shown it"
    assert side.from_start.max() < OTHER
    assert found.high == REACH


@pytest.mark.parametrize("variant", range(4))
def test_streaks_that_are_there_at_once_are_a_jump(variant: int) -> None:
    torn = float(np.random.default_rng(draw_seed()).uniform(-1.3, -0.3))
    found = Axis(torn=torn).find()
    assert found.why("low") == "jump", torn
    assert found.low == pytest.approx(torn, abs=SPACING / 8), torn


@pytest.mark.parametrize("variant", range(8))
def test_the_ground_is_empty_to_the_end_whatever_ends_it(variant: int) -> None:
    draws = np.random.default_rng(draw_seed())
    storm, tear = draws.uniform(-1.3, -0.3, 2).tolist()
    axis = Axis(storm, tear=tear)
    found = axis.find(seeds=1)
    start, there = (describe_frame(axis.picture(weight)) for weight in (0.0, found.low))
    most = RISEN if found.why("low") == "storm" else FILLED
    assert filled(start, there) <= most, (storm, tear)


@pytest.mark.parametrize("variant", range(4))
def test_a_storm_begins_with_the_streaks_just_before_it(variant: int) -> None:
    storm = float(np.random.default_rng(draw_seed()).uniform(-1.3, -0.6))
    found = Axis(storm, tear=storm + 0.2).find(seeds=1)
    assert found.why("low") == "storm"
    assert storm + 0.2 - SPACING <= found.low <= storm + 0.2, storm


def test_a_side_that_is_calm_nowhere_ends_at_0() -> None:
    found = Axis(torn=-1e-4).find(seeds=1)
    assert found.low == pytest.approx(0, abs=SPACING / 8)
    assert "-0.0," not in json.dumps(figures(found)).replace(" ", "")


def test_the_interval_is_calm_for_every_seed_and_their_spread_is_told() -> None:
    class Uneven(Axis):
        def render(self, requests: Sequence[Request]) -> Iterable[Frame]:
            for request in requests:
                self.storm = -0.5 - 0.2 * request.seed
                yield from super().render([request])

    found = Uneven().find(seeds=3)
    ends = found.ends("low")
    assert len(ends) == 3
    assert found.low == ends[-1]
    assert found.low == pytest.approx(-0.5, abs=1.5 * SPACING)
    assert ends[0] == pytest.approx(-0.9, abs=1.5 * SPACING)
    told = figures(found)
    assert told["low"] == found.low
    assert [seed["seed"] for seed in told["seeds"]] == [0, 1, 2]
    assert told["low_median"] == ends[1]


def test_a_storm_behind_another_end_is_told_too() -> None:
    """The picture becomes another one calmly, and breaks up soon after."""
    fade = float(np.random.default_rng(draw_seed()).uniform(0.7, 0.95))
    end = Axis(fade=fade).find(seeds=1).high
    assert end < REACH - 0.7, fade
    begins = end + 1.5 * SPACING  # not before the walk has seen the other picture

    class Late(Axis):
        def picture(self, weight: float, seed: int = 0) -> NDArray[np.uint8]:
            calm = super().picture(weight, seed)
            broken = np.clip((weight - begins) / 0.3, 0, 1)
            pixels: NDArray[np.uint8] = np.round(
                (1 - broken) * calm + broken * (255.0 - calm)
            ).astype(np.uint8)
            return pixels

    found = Late(fade=fade).find(seeds=2)
    assert found.why("high") == "another picture", fade
    ((low, high),) = found.storms
    assert low == pytest.approx(begins, abs=1.5 * SPACING), fade
    assert high > low + SPACING, fade
    assert figures(found)["storms"] == [[low, high]]


@pytest.mark.parametrize("fade", [0.63, 0.78, 0.9])
def test_a_storm_that_begins_after_the_end_in_the_same_step_did_not_make_it(fade: float) -> None:
    end = Axis(fade=fade).find(seeds=1).high
    assert end % SPACING < SPACING - 0.05

    class Late(Axis):
        def picture(self, weight: float, seed: int = 0) -> NDArray[np.uint8]:
            calm = super().picture(weight, seed)
            ruin = np.random.default_rng(7).integers(0, 256, (8, 8, 3))
            broken = np.clip((weight - end - 0.035) / 0.12, 0, 1)
            blocks = ruin.repeat(SIDE // 8, 0).repeat(SIDE // 8, 1)
            pixels: NDArray[np.uint8] = ((1 - broken) * calm + broken * blocks).astype(np.uint8)
            return pixels

    found = Late(fade=fade).find(seeds=1)
    assert found.high == end
    assert found.why("high") == "another picture"
    assert len(found.storms) == 1


def test_the_storms_of_all_seeds_are_told_as_one() -> None:
    storm = float(np.random.default_rng(draw_seed()).uniform(-0.9, -0.5))
    ((low, high),) = Axis(storm).find(seeds=3).storms
    assert low == pytest.approx(storm - 0.5, abs=2 * SPACING), storm
    assert high == pytest.approx(storm, abs=2 * SPACING), storm


def test_a_short_last_step_is_no_storm() -> None:
    """In a thousandth of a unit the rounding of pixels alone is as fast as a storm."""

    class Grainy(Axis):
        def picture(self, weight: float, seed: int = 0) -> NDArray[np.uint8]:
            grain = np.random.default_rng(int(abs(weight) * 1e6)).integers(0, 2, (SIDE, SIDE, 3))
            return np.minimum(super().picture(weight, seed), 254) + grain.astype(np.uint8)

    for reach in (1.001, 1.05, 1.07):
        finder = RangeFinder(
            {"cat": Request("cat")},
            lambda request, weight, reach=reach: request.at(  # type: ignore[misc]
                0.0, (weight + reach) / (2 * reach)
            ),
            seeds=1,
            reach=reach,
        )
        drawn = Grainy()

        def render(
            requests: Sequence[Request], drawn: Axis = drawn, reach: float = reach
        ) -> list[Frame]:
            return [Frame(drawn.picture((2 * one.u - 1) * reach), one) for one in requests]

        (found,) = find_ranges(finder, render)
        assert (found.low, found.high) == (-reach, reach), reach
        gaps = np.diff(found.by_seed[0].weights)
        assert gaps.min() >= SPACING / 2, reach


def test_the_last_seeds_go_on_at_the_first() -> None:
    finder = RangeFinder({"cat": replace(Request("cat"), seed=MAX_SEED - 1)}, at, seeds=3)
    assert {request.seed for request in finder.wanted} == {MAX_SEED - 1, MAX_SEED, 0}


def test_a_walk_keeps_few_descriptors() -> None:
    """Each is five times its picture, and 64 seeds walk at once."""

    class Watched(Descriptor):
        """One that can be watched."""

    frames = walk(1, 16.0)
    next(frames)
    plain = describe_frame(Axis().picture(0.0))
    sent: list[weakref.ref[Watched]] = []
    for _ in range(100):
        descriptor = Watched(**{field.name: getattr(plain, field.name) for field in fields(plain)})
        sent.append(weakref.ref(descriptor))
        frames.send(descriptor)
        del descriptor
        assert sum(one() is not None for one in sent) <= 6


def test_what_is_done_is_told_frame_by_frame() -> None:
    told: list[float] = []
    drawn = 0

    def one_by_one(requests: Sequence[Request]) -> Iterable[Frame]:
        nonlocal drawn
        for frame in Axis(-0.6).render(requests):
            drawn += 1
            yield frame

    finder = RangeFinder({"cat": Request("cat")}, at, seeds=3)
    find_ranges(finder, one_by_one, told.append)
    assert len(told) == drawn + 1
    assert told == sorted(told)
    assert told[-1] == 1.0


def test_the_ends_are_symmetric() -> None:
    class Mirrored(Axis):
        def picture(self, weight: float, seed: int = 0) -> NDArray[np.uint8]:
            return super().picture(-weight, seed)

    here, there = Axis(-0.7, jump=1.1).find(), Mirrored(-0.7, jump=1.1).find()
    assert (here.low, here.high) == (-there.high, -there.low)


def test_rendering_stops_soon_after_the_end_and_is_asked_in_rounds() -> None:
    axis = Axis(-0.4)
    axis.find(seeds=1)
    weights = [(2 * r.u - 1) * REACH for r in axis.asked]
    assert min(weights) > -1.5, "walked on far into the storm"
    assert len(axis.asked) < 45
    rounds: list[int] = []
    finder = RangeFinder({"cat": Request("cat")}, at, seeds=3)
    shares = []
    while wanted := finder.wanted:
        rounds.append(len(wanted))
        assert len(set(wanted)) == len(wanted)
        finder.take({f.request: describe_frame(f.pixels) for f in axis.render(wanted)})
        shares.append(finder.share)
    assert rounds[0] == 3, "the two sides of a seed share their start"
    assert rounds[1] == 6
    assert shares == sorted(shares)
    assert shares[-1] == 1


def test_several_places_share_what_is_common() -> None:
    class Placed(Axis):
        def render(self, requests: Sequence[Request]) -> Iterable[Frame]:
            for request in requests:
                self.storm = -0.4 if request.t else -0.9
                yield from super().render([request])

    start = Request("cat -> kitten | -2*a .. 2*a")
    finder = RangeFinder({"cat": start, "kitten": start.at(1.0)}, at, seeds=1)
    cat, kitten = found = find_ranges(finder, Placed().render)
    assert (cat.label, kitten.label) == ("cat", "kitten")
    assert cat.low < kitten.low
    assert common(found) == (kitten.low, min(cat.high, kitten.high))


@pytest.mark.parametrize(("seeds", "reach"), [(0, 2.0), (65, 2.0), (3, 0.0), (3, 17.0)])
def test_counts_that_make_no_range(seeds: int, reach: float) -> None:
    with pytest.raises(RequestError, match=r"use 1 to 64|between"):
        RangeFinder({"cat": Request("cat")}, at, seeds=seeds, reach=reach)


def test_seeds_count_from_the_requests_own() -> None:
    finder = RangeFinder({"cat": replace(Request("cat"), seed=5)}, at, seeds=2)
    assert {request.seed for request in finder.wanted} == {5, 6}
