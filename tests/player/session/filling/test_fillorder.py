from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from player.session.filling.fillorder import AHEAD, coarse_order, next_to_fill


def test_the_first_pass_starts_with_ends_middle_and_quarters() -> None:
    assert list(coarse_order(400))[:7] == [0, 400, 200, 100, 300, 50, 150]


@given(divisions=st.integers(1, 500))
def test_the_first_pass_spreads_over_the_whole_line(divisions: int) -> None:
    order = list(coarse_order(divisions))
    assert len(order) == len(set(order))
    widest = max(b - a for a, b in zip(sorted(order), sorted(order)[1:], strict=False))
    assert widest <= max(1, divisions // 32 + 1)


@given(
    divisions=st.integers(1, 120),
    start=st.integers(0, 120),
    direction=st.sampled_from([-1, 1]),
    already=st.sets(st.integers(0, 120)),
)
def test_filling_renders_every_frame_once_and_then_stops(
    divisions: int, start: int, direction: int, already: set[int]
) -> None:
    have = {index for index in already if index <= divisions}
    while (
        index := next_to_fill(have, divisions, min(start, divisions), direction, {})
    ) is not None:
        assert 0 <= index <= divisions
        assert index not in have
        have.add(index)
    assert have == set(range(divisions + 1))


@pytest.mark.parametrize("direction", [1, -1])
def test_after_the_first_pass_it_looks_ahead_in_the_direction_of_travel(direction: int) -> None:
    have = set(coarse_order(400))
    filled = []
    for _ in range(20):
        index = next_to_fill(have, 400, 201, direction, {})
        assert index is not None
        filled.append(index)
        have.add(index)
    assert all((index - 201) * direction >= 0 for index in filled)
    assert all(abs(index - 201) <= AHEAD for index in filled)


def test_then_it_goes_where_neighbours_differ_most() -> None:
    have = set(coarse_order(400)) | set(range(AHEAD + 1))
    differences = {(200, 212): 0.1, (300, 312): 0.7, (388, 400): 0.2}
    assert next_to_fill(have, 400, 0, 1, differences) == 306
