from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from runtime.errors import RequestError
from runtime.language.expression import parse
from runtime.perception.charting.map import (
    LEAST,
    SIDE,
    Cell,
    PlaneMap,
    PlaneMesh,
    sample,
    storms_on,
)
from runtime.perception.charting.route import calmest, resample, route_expression, straight
from runtime.perception.distance import describe_frame
from runtime.perception.storms.survey import survey
from runtime.pipeline import Pipeline
from runtime.request import Frame, Request
from tests.support.seeds import draw_seed

PIXELS = 48
_Y, _X = np.mgrid[0:PIXELS, 0:PIXELS] / PIXELS
START = Request("cat -> kitten | -a .. a")


def walled(request: Request) -> NDArray[np.uint8]:
    """A sea that darkens at t = 0.5: within 8 % of the way, but ever more gently from u = 0.5."""
    width = 0.08 + 0.8 * np.clip((request.u - 0.5) / 0.4, 0, 1)
    night = np.clip((request.t - 0.5) / width + 0.5, 0, 1)
    blob = np.exp(-((_X - 0.4 - 0.15 * request.u) ** 2 + (_Y - 0.4 - 0.15 * request.t) ** 2) * 25)
    light = np.stack([0.3 + 0.5 * blob, 0.5 + 0 * blob, 0.8 - 0.3 * blob], -1)
    light = light * (1 - 0.5 * night) + night * np.stack([0.3 * _Y, 0.3 * _X, 0.1 * _X], -1)
    pixels: NDArray[np.uint8] = np.clip(np.round(255 * light), 0, 255).astype(np.uint8)
    return pixels


def diagonal(request: Request) -> NDArray[np.uint8]:
    """A picture that t and u change alike: along t = 1 - u nothing changes."""
    light = np.full((16, 16, 3), 0.2 + 0.25 * (request.t + request.u))
    return np.round(255 * light).astype(np.uint8)


def render(picture: object, requests: Sequence[Request]) -> Iterable[Frame]:
    assert callable(picture)
    return [Frame(picture(request), request) for request in requests]


def chart(picture: object, frames: int) -> tuple[PlaneMap, PlaneMesh]:
    mesh = PlaneMesh(START, frames)
    return sample(mesh, lambda requests: render(picture, requests)), mesh


def test_frames_go_where_the_picture_changes_and_no_more_than_allowed() -> None:
    plane, mesh = chart(walled, 260)
    assert mesh.done <= 260
    assert mesh.done > 200
    assert len(set(plane.places)) == mesh.done
    t, u = np.asarray(plane.places).T
    inside = (abs(t - 0.5) < 0.1) & (u < 0.6)
    assert inside.mean() > 3 * 0.2 * 0.6
    assert sum(cell.size**2 for cell in plane.cells) == pytest.approx(1.0), "cells must tile"
    assert min(cell.size for cell in plane.cells) <= 1 / 32
    assert max(cell.size for cell in plane.cells) == 1 / 8


def test_the_storm_is_found_where_it_was_planted() -> None:
    plane, _ = chart(walled, 300)
    storm, rising = storms_on(plane.speed)
    rows, columns = np.nonzero(storm)
    centre = (columns + 0.5) / SIDE
    assert abs(centre - 0.5)[rows < SIDE // 2].max() < 0.06
    assert storm[: SIDE // 2].any(axis=1).all(), "the wall is whole"
    assert not storm[: SIDE // 2, : SIDE // 3].any()
    assert not storm[: SIDE // 2, -SIDE // 3 :].any()
    assert plane.speed[storm].min() > rising
    assert abs(plane.steepest.t - 0.5) < 0.1


def test_the_calmest_way_goes_through_the_gap_and_is_calmer_when_measured() -> None:
    plane, _ = chart(walled, 300)
    ways = {"calmest": calmest(plane), "straight": straight()}
    for way in ways.values():
        assert way[0] == (0, 0)
        assert way[-1] == (1, 1)
    assert all(u > 0.5 for t, u in ways["calmest"] if 0.45 < t < 0.55)
    speeds = {}
    for name, way in ways.items():
        share = np.linspace(0, 1, len(way))
        places = resample(way, 61, share.tolist())
        film = survey(
            np.linspace(0, 1, 61), (describe_frame(walled(START.at(t, u))) for t, u in places)
        )
        speeds[name] = film.speed.max()
    assert speeds["calmest"] < 0.8 * speeds["straight"]


def test_the_metric_knows_directions_that_cancel() -> None:
    plane, _ = chart(diagonal, 81)
    for cell in plane.cells:
        assert cell.along_t == pytest.approx(cell.along_u, rel=0.35)
        assert cell.along_both == pytest.approx(cell.along_t * cell.along_u, rel=0.35)
        assert cell.steepest == pytest.approx(np.sqrt(2) * cell.along_t, rel=0.35)


def test_a_plane_that_never_changes_needs_the_coarse_frames_only() -> None:
    plane, mesh = chart(lambda request: np.full((16, 16, 3), 90, np.uint8), 400)
    assert mesh.done == 81
    assert not storms_on(plane.speed)[0].any()
    assert calmest(plane) == pytest.approx(np.asarray(straight()))


@pytest.mark.parametrize("frames", [LEAST, 20, 30, 81, 100])
def test_small_budgets_make_coarse_maps(frames: int) -> None:
    plane, mesh = chart(walled, frames)
    assert LEAST <= mesh.done <= frames
    assert plane.speed.shape == (SIDE, SIDE)


def test_time_that_is_up_still_leaves_a_map() -> None:
    mesh = PlaneMesh(START, 400)
    plane = sample(mesh, lambda requests: render(walled, requests), lambda: False)
    assert mesh.done == LEAST
    assert len(plane.cells) == 4


def test_not_one_frame_more_is_drawn_once_the_time_is_up() -> None:
    time_for = int(np.random.default_rng(draw_seed()).integers(LEAST, 200))
    drawn = 0

    def slowly(requests: Sequence[Request]) -> Iterable[Frame]:
        nonlocal drawn
        for request in requests:
            drawn += 1
            yield Frame(walled(request), request)

    mesh = PlaneMesh(START, 400)
    plane = sample(mesh, slowly, lambda: drawn < time_for)
    assert drawn == mesh.done == time_for, time_for
    assert sum(cell.size**2 for cell in plane.cells) == pytest.approx(1.0), "cells must tile"


@pytest.mark.parametrize("variant", range(4))
def test_the_calmest_way_does_not_leap_over_a_thin_wall(variant: int) -> None:
    """A wall of one of the finest cells, with a gap at its far end: any move but the shortest could
    cross it between two places that are looked at."""
    draws = np.random.default_rng(draw_seed())
    column, gap = int(draws.integers(8, SIDE - 8)), int(draws.integers(SIDE // 3, 3 * SIDE // 4))
    print(f"wall in column {column} below row {gap}")
    cells = tuple(
        Cell(t / SIDE, u / SIDE, 1 / SIDE, 20.0 if t == column and u < gap else 0.1, 0.1, 0.0)
        for t in range(SIDE)
        for u in range(SIDE)
    )
    goal = (1.0, 0.0)
    way = calmest(PlaneMap(cells, ((0.0, 0.0),)), (0.0, 0.0), goal)
    t, u = np.asarray(way).T
    assert way[-1] == goal
    inside = (column + np.linspace(0.05, 0.95, 9)) / SIDE  # at its edges a way may run along it
    # straight between its stations, it may cut the wall's corner
    assert np.interp(inside, t, u).min() > gap / SIDE - 0.15, way


@pytest.mark.parametrize("frames", [0, LEAST - 1, 5000])
def test_counts_that_make_no_map(frames: int) -> None:
    with pytest.raises(RequestError, match="make no map"):
        PlaneMesh(START, frames)


@pytest.mark.parametrize(
    "text",
    [
        "cat -> kitten | -3/7*tabby .. +3/7*tabby",
        "a [cat -> fox -> dog | 0*sleepy .. sleepy] on [grass -> snow]",
        "(cat + dog)/2 -> kitten - tabby/4 | tabby .. sleepy",
    ],
)
def test_the_expression_of_a_way_draws_what_lies_on_it(text: str, pipeline: Pipeline) -> None:
    way = ((0.0, 0.0), (0.25, 0.5), (0.5, 0.125), (0.75, 1.0), (1.0, 1.0))
    start = pipeline.request(text)
    sailed = pipeline.request(route_expression(parse(text), way))
    for index, (t, u) in enumerate(way):
        there = pipeline.render(start.at(t, u)).pixels.astype(int)
        here = pipeline.render(sailed.at(index / 4)).pixels.astype(int)
        assert abs(there - here).max() <= 3, (text, t, u)
        assert abs(there - here).mean() < 0.3


def test_a_way_is_resampled_evenly() -> None:
    way = resample([(0, 0), (1, 0), (1, 1)], 5)
    assert way == ((0, 0), (0.5, 0), (1, 0), (1, 0.5), (1, 1))
    assert resample([(0, 0), (0.5, 0.5), (1, 1)], 3, [0, 3, 4])[1] == pytest.approx((1 / 3, 1 / 3))
