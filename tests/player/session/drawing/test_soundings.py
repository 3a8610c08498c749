from __future__ import annotations

import numpy as np
import pytest

from player.session.drawing.soundings import SIDE, Soundings
from runtime.cache import FrameCache
from runtime.perception.map import sketch
from runtime.request import Frame, Request
from tests.runtime.perception.test_map import walled

START = Request("cat -> kitten | -a .. a")


def sounded(places: list[tuple[float, float]]) -> Soundings:
    cache = FrameCache()
    soundings = Soundings(START, cache)
    for t, u in places:
        request = START.at(t, u)
        cache.put(Frame(walled(request), request))
        soundings.add(request)
    return soundings


def test_a_filled_line_shows_where_it_storms_and_nothing_of_the_rest() -> None:
    speed = sounded([(i / 400, 0.25) for i in range(401)]).sketch().speed
    row = speed[int(0.25 * SIDE)]
    assert not np.isnan(row).any()
    assert np.nanargmax(row) in (SIDE // 2 - 1, SIDE // 2)
    assert row.max() > 5 * np.median(row)
    assert np.isnan(np.delete(speed, int(0.25 * SIDE), axis=0)).all()


def test_rows_near_each_other_tell_of_the_change_between_them() -> None:
    columns = [round(400 * k / 32) / 400 for k in range(33)]
    drawn = sounded([(t, u) for u in (0.5, 0.55, 0.6) for t in columns]).sketch()
    known = ~np.isnan(drawn.along_u)
    assert known[8:10].all()
    assert not known[:8].any()
    assert not known[11:].any()


def test_what_tells_nothing_new_is_said() -> None:
    soundings = sounded([(0.0, 0.5), (0.02, 0.5), (0.9, 0.5)])
    assert np.isnan(soundings.sketch().speed).all(), "no column, or too far apart"
    assert not soundings.add(START.at(0.0, 0.5))
    assert not soundings.add(Request("cat -> dog"))


def test_a_sketch_is_the_mean_of_what_passes() -> None:
    drawn = sketch([((0, 0), (0.5, 0), 0.1), ((0, 0), (0.25, 0), 0.1)], 4)
    assert drawn.along_t[0] == pytest.approx([0.3, 0.2, np.nan, np.nan], nan_ok=True)
    assert np.isnan(drawn.along_u).all()
    assert drawn.speed[0, 0] == pytest.approx(0.3)
