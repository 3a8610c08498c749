from __future__ import annotations

import numpy as np
import pytest

from player.session.saving.rangeshot import EACH_TURN, RangeShot, search_typed, seeds_together
from runtime.cache import FrameCache
from runtime.errors import ExpressionError, RequestError
from runtime.language.expression import parse
from runtime.language.openaxis import open_axis
from runtime.request import Frame, Request
from tests.runtime.perception.charting.test_range import REACH, Axis

PLAYED = Request("cat -> kitten | -3/7*tabby .. +3/7*tabby", t=0.25, u=0.9, seed=4)


def test_the_range_is_found_between_turns_from_frames_in_the_cache() -> None:
    shot, cache, axis = RangeShot(PLAYED), FrameCache(), Axis(-0.6)
    turns, rendered = 0, 0
    asked: set[Request] = set()
    while not shot.advance(cache):
        turns += 1
        assert turns < 3000
        missing = [request for request in shot.requests if request not in cache]
        if missing:  # one frame a turn, as the render thread would
            asked.add(missing[0])
            rendered += 1
            weight = (2 * missing[0].u - 1) * REACH
            cache.put(Frame(axis.picture(weight, missing[0].seed), missing[0]))
    assert {request.t for request in asked} == {PLAYED.t}
    assert {request.seed for request in asked} == {4, 5, 6}
    assert shot.interval is not None
    assert shot.interval[0] == pytest.approx(-0.6, abs=0.1)
    assert shot.verdict.startswith("tabby is calm from -0.")
    assert shot.verdict.endswith("to +2.00")
    parse(shot.expression)
    assert shot.expression.startswith("cat -> kitten | -0.")
    assert "100 %" in shot.progress
    assert not shot.requests


def search(shot: RangeShot, cache: FrameCache) -> list[int]:
    """Draw what is wanted, a frame a turn; return the bytes charged in each."""
    axis, charged = Axis(-0.6), []
    while not shot.advance(cache):
        for request in shot.requests:
            if request not in cache:
                weight = (2 * request.u - 1) * REACH
                cache.put(Frame(axis.picture(weight, request.seed), request))
                break
        charged.append(cache.budget - cache.room)
        assert cache.kept <= cache.budget
        assert len(charged) < 9000
    return charged


def test_what_a_range_remembers_counts_in_the_budget_and_fits_into_it() -> None:
    """Seeds are walked one after another where memory is short, and the same is found."""
    opened = open_axis("cat -> kitten | -?*tabby .. +?*tabby")
    assert opened is not None
    found = []
    for budget in (6 << 20, 1 << 30):
        cache = FrameCache(budget)
        cache.put(Frame(Axis().picture(0), PLAYED))
        shot = RangeShot(PLAYED, search_typed(opened, PLAYED), seeds_together(cache))
        charged = search(shot, cache)
        assert max(charged) > 5 * 5 * Axis().picture(0).nbytes, "a start and four that follow it"
        assert max(charged) < budget / 2
        found.append(shot.interval)
    assert found[0] == found[1]
    assert found[0] is not None


def test_a_budget_that_no_range_fits_into_is_said() -> None:
    cache = FrameCache(16 * Axis().picture(0).nbytes)
    with pytest.raises(RequestError, match=r"tabby .* give more with --cache"):
        search(RangeShot(PLAYED, together=1), cache)


def test_a_turn_describes_few_frames() -> None:
    shot, cache = RangeShot(PLAYED), FrameCache()
    before = shot.requests
    assert len(before) > EACH_TURN
    for request in before:
        cache.put(Frame(np.zeros((16, 16, 3), np.uint8), request))
    assert not shot.advance(cache)
    assert shot.requests == before, "the rest of the round is for the next turn"


def test_it_says_what_is_missing_before_it_is_found() -> None:
    shot = RangeShot(PLAYED)
    assert shot.progress == "range of tabby: 0 %"
    with pytest.raises(ValueError, match="not found yet"):
        _ = shot.verdict
    assert not shot.advance(FrameCache())


@pytest.mark.parametrize("text", ["cat -> kitten", "cat | tabby .. sleepy"])
def test_no_axis_no_range(text: str) -> None:
    with pytest.raises(ExpressionError):
        RangeShot(Request(text))
