from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from player.web.server.door import BURST, RATE, WAITING_SECONDS, Door


@given(st.lists(st.floats(0, 2), min_size=1, max_size=300))
def test_in_no_stretch_of_time_do_more_come_in_than_the_rate_and_one_burst(
    pauses: list[float],
) -> None:
    now = 0.0
    door = Door(lambda: now)
    entered: list[float] = []
    for pause in pauses:
        now += pause / RATE
        delay = door.delay()
        if delay is not None:
            assert 0 <= delay <= WAITING_SECONDS + 1e-6
            entered.append(now + delay)
    assert entered == sorted(entered), "in the order they came"
    for first in range(len(entered)):
        for last in range(first, len(entered)):
            most = BURST + RATE * (entered[last] - entered[first])
            assert last - first + 1 <= most + 1 + 1e-6


def test_a_flood_is_refused_and_a_quiet_while_opens_the_door_again() -> None:
    now = 0.0
    door = Door(lambda: now)
    delays = [door.delay() for _ in range(1000)]
    assert delays[:BURST] == pytest.approx([0.0] * BURST, abs=1e-9)
    let_in = [delay for delay in delays if delay is not None]
    assert len(let_in) <= BURST + RATE * WAITING_SECONDS + 1
    assert delays[-1] is None
    now = 100.0
    assert [door.delay() for _ in range(BURST)] == pytest.approx([0.0] * BURST, abs=1e-9)
