"""How far a build is: it never goes back, and ends with the build."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from export.tensorrt.progress import Estimate, PhaseTree

names = st.sampled_from(
    ["Building engine from subgraph", "Computing profile costs", "Cloning", "Optimizing", "x"]
)


@given(st.lists(st.tuples(st.sampled_from("+-."), names, st.integers(0, 12))))
def test_progress_never_goes_back_whatever_is_reported(events: list[Any]) -> None:
    tree, last = PhaseTree(), 0.0
    tree.start("Building engine", None, 6)
    stack = ["Building engine"]
    for kind, name, number in events:
        if kind == "+" and name not in stack:
            tree.start(name, stack[-1], number)
            stack.append(name)
        elif kind == "-" and len(stack) > 1:
            tree.finish(stack.pop())
        else:
            tree.advance(stack[-1], number)
        assert last <= tree.fraction <= 1.0
        last = tree.fraction
    while stack:
        tree.finish(stack.pop())
    assert tree.fraction == 1.0


@given(st.floats(0.2, 100), st.lists(st.tuples(st.floats(0, 30), st.floats(0, 0.99))))
def test_the_estimate_ends_with_its_builds(guess: float, events: list[tuple[float, float]]) -> None:
    now = 0.0
    estimate = Estimate({"a": guess, "b": guess}, lambda: now)
    last = 0.0
    for name in "ab":
        estimate.update(name, 0.0)
        for seconds, phases in sorted(events, key=lambda event: event[1]):
            now += seconds
            estimate.update(name, phases)
            assert last <= estimate.fraction() <= 1.0
            assert estimate.left() >= 0
            last = estimate.fraction()
        estimate.update(name, 1.0)
    assert estimate.fraction() == 1.0
    assert estimate.left() == 0.0


def test_the_time_left_is_that_of_a_steady_build() -> None:
    now = 0.0
    estimate = Estimate({"a": 10.0, "b": 100.0}, lambda: now)
    for second in range(40):
        now = float(second)
        estimate.update("a", second / 40)
    assert estimate.left() == pytest.approx(100 + 1, abs=1)
