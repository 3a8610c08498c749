from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from player.session.filling.lines import Lines
from player.session.filling.memory import Descriptors
from player.session.filling.padmap import SIDE, PadMap
from runtime.cache import FrameCache
from runtime.language.line import Line
from runtime.perception.charting.map import storms_on
from runtime.perception.charting.sketch import sketch
from runtime.request import Frame, Request
from tests.runtime.perception.charting.test_map import walled
from tests.support.seeds import draw_seed

START = Request("cat -> kitten | -a .. a")


def sounded(places: list[tuple[float, float]]) -> PadMap:
    cache = FrameCache()
    padmap = PadMap(START, cache, Descriptors(cache))
    for t, u in places:
        request = START.at(t, u)
        cache.put(Frame(walled(request), request))
        padmap.add(request)
    return padmap


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


def test_rows_that_nearly_touch_tell_of_no_storm() -> None:
    """Their frames differ by rounding alone, which is another in each."""
    seed = draw_seed()
    grain = np.random.default_rng(seed)
    cache = FrameCache()
    padmap = PadMap(START, cache, Descriptors(cache))
    columns = [round(400 * k / 32) / 400 for k in range(33)]
    for u in (0.5, 0.5025, 0.505):
        for t in columns:
            request = START.at(t, u)
            rounding = grain.integers(0, 2, (48, 48, 3)).astype(np.uint8)
            cache.put(Frame(np.minimum(walled(request), 254) + rounding, request))
            padmap.add(request)
    speed = padmap.sketch().speed
    storm, _ = storms_on(np.nan_to_num(speed, nan=float(np.nanmedian(speed))))
    assert storm[SIDE // 2].sum() < SIDE / 2, "the wall alone"


def test_a_plane_that_was_left_and_come_back_to_is_known() -> None:
    """As by N and Shift+N."""
    cache, other = FrameCache(), replace(START, seed=1)
    lines = Lines(cache)
    for i in range(401):
        request = START.at(i / 400, 0.25)
        cache.put(Frame(walled(request), request))
        lines.learn(request)
    before = lines.sketch
    assert before is not None
    away = other.at(0.5, 0.25)
    cache.put(Frame(walled(away), away))
    lines.learn(away)
    assert lines.sketch is None
    lines.learn(START.at(0.0, 0.25))
    assert lines.sketch is not None
    np.testing.assert_array_equal(lines.sketch.along_t, before.along_t)


def test_pictures_that_were_drawn_for_another_visit_are_sounded() -> None:
    cache = FrameCache()
    lines = Lines(cache)
    for i in range(401):
        request = START.at(i / 400, 0.25)
        cache.put(Frame(walled(request), request))
    for _ in range(1000):
        if not lines.catch_up(Line(START.at(0.0, 0.25), "t"), range(401)):
            break
    assert lines.sketch is not None
    assert not np.isnan(lines.sketch.along_t[int(0.25 * SIDE)]).any()


def test_what_tells_nothing_new_is_said() -> None:
    padmap = sounded([(0.0, 0.5), (0.02, 0.5), (0.9, 0.5)])
    assert np.isnan(padmap.sketch().speed).all(), "no column, or too far apart"
    assert not padmap.add(START.at(0.0, 0.5))
    assert not padmap.add(Request("cat -> dog"))


def test_a_sketch_is_the_mean_of_what_passes() -> None:
    drawn = sketch([((0, 0), (0.5, 0), 0.1), ((0, 0), (0.25, 0), 0.1)], 4)
    assert drawn.along_t[0] == pytest.approx([0.3, 0.2, np.nan, np.nan], nan_ok=True)
    assert np.isnan(drawn.along_u).all()
    assert drawn.speed[0, 0] == pytest.approx(0.3)
