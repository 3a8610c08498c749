from __future__ import annotations

import threading
import time

from player.session.rendering.mailbox import Latest


def test_only_the_newest_value_is_there_to_take() -> None:
    box: Latest[int] = Latest()
    for value in range(5):
        box.put(value)
    assert box.take() == 4
    assert box.take() is None


def test_a_taker_wakes_for_a_value_and_for_the_end() -> None:
    box: Latest[str] = Latest()
    threading.Timer(0.05, box.put, ["late"]).start()
    assert box.take(5.0) == "late"
    threading.Timer(0.05, box.close).start()
    started = time.perf_counter()
    assert box.take(None) is None
    assert time.perf_counter() - started < 4
    assert box.closed


def test_between_two_threads_values_only_get_newer_and_the_last_arrives() -> None:
    box: Latest[int] = Latest()
    taken: list[int] = []

    def taker() -> None:
        while (value := box.take(5.0)) is not None:
            taken.append(value)
            time.sleep(0.001)
            if value == 999:
                return

    thread = threading.Thread(target=taker)
    thread.start()
    for value in range(1000):
        box.put(value)
    thread.join(5)
    assert taken == sorted(set(taken))
    assert taken[-1] == 999
