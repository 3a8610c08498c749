from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from runtime.cache import FrameCache
from runtime.request import Frame, Request

BASE = Request("cat -> kitten", seed=7)
POSITIONS = st.integers(0, 40).map(lambda tick: tick / 40)


def frame(request: Request, side: int = 4) -> Frame:
    return Frame(np.full((side, side, 3), round(request.t * 200), np.uint8), request)


def test_a_frame_comes_back_for_its_exact_request_only() -> None:
    cache = FrameCache()
    cache.put(frame(BASE.at(0.25)))
    found = cache.get(BASE.at(0.25))
    assert found is not None
    assert found.pixels[0, 0, 0] == 50
    assert cache.get(BASE.at(0.26)) is None
    assert cache.get(Request("cat -> kitten", t=0.25, seed=8)) is None
    assert (cache.hits, cache.misses) == (1, 2)


def test_the_least_recently_used_frame_goes_first() -> None:
    cache = FrameCache(budget=3 * 48)
    for t in (0.0, 0.1, 0.2):
        cache.put(frame(BASE.at(t)))
    cache.get(BASE.at(0.0))
    cache.put(frame(BASE.at(0.3)))
    assert BASE.at(0.1) not in cache
    assert [BASE.at(t) in cache for t in (0.0, 0.2, 0.3)] == [True] * 3
    assert cache.positions(BASE) == (0.0, 0.2, 0.3)


def test_a_frame_larger_than_the_budget_is_not_kept_and_drops_nothing() -> None:
    cache = FrameCache(budget=100)
    cache.put(frame(BASE.at(0.5)))
    assert not cache.put(frame(BASE.at(0.6), side=16))
    assert BASE.at(0.5) in cache


@given(
    kept=st.lists(st.tuples(POSITIONS, POSITIONS), min_size=1, max_size=30),
    room=st.integers(1, 30),
    asked=st.tuples(POSITIONS, POSITIONS),
)
def test_the_nearest_frame_is_the_nearest_that_is_kept(
    kept: list[tuple[float, float]], room: int, asked: tuple[float, float]
) -> None:
    cache = FrameCache(budget=48 * room)
    for t, u in kept:
        cache.put(frame(BASE.at(t, u)))
    assert cache.bytes == 48 * len(cache) <= cache.budget
    nearest = cache.nearest(BASE.at(*asked))
    assert nearest is not None

    def away(request: Request) -> float:
        return (request.t - asked[0]) ** 2 + (request.u - asked[1]) ** 2

    left = [BASE.at(t, u) for t, u in kept if BASE.at(t, u) in cache]
    assert away(nearest.request) == min(map(away, left))
    for t, u in kept:
        on_line = {r.t for r in left if r.u == u}
        assert cache.positions(BASE.at(t, u)) == tuple(sorted(on_line))
        across = {r.u for r in left if r.t == t}
        assert cache.positions(BASE.at(t, u), "u") == tuple(sorted(across))


def test_other_seeds_and_expressions_are_never_near() -> None:
    cache = FrameCache()
    cache.put(frame(Request("cat -> kitten", seed=1)))
    cache.put(frame(Request("dog -> wolf", seed=7)))
    assert cache.nearest(BASE) is None
