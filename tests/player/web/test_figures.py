"""The bounds of the page's figures, on a machine that does nothing else."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest
from selenium import webdriver

from runtime.pipeline import Pipeline
from tests.player.web import figures
from tests.player.web.browser import ask, open_browser, settled
from tests.player.web.served import Served, serving
from tests.player.web.shaping import shaped
from tests.support.screen import missing

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with Pipeline.open("critters") as model:
        size = model.size
    with serving(
        tmp_path_factory.mktemp("kept"),
        open_renderer=lambda: Pipeline.open("critters"),
        picture=size,
    ) as running:
        yield running


@pytest.fixture
def browser(served: Served) -> Iterator[webdriver.Chrome]:
    with open_browser() as opened:
        opened.get(served.url)
        settled(opened, 120)
        yield opened


def test_a_held_key_shows_what_the_model_draws(browser: webdriver.Chrome, served: Served) -> None:
    found = figures.hold(browser, served, shift=True, seconds=0.9, seeds=6)
    print(found)
    assert found.rate >= min(55.0, 0.9 * 1e3 / found.render)


def test_pictures_come_soon(browser: webdriver.Chrome, served: Served) -> None:
    held = figures.hold(browser, served, shift=False, seconds=3.0, seeds=3)
    tapped = figures.tap(browser, served)
    print(held, tapped, sep="\n")
    for found in (held, tapped):
        assert found.p50 <= 60
        assert found.p99 <= 120


def test_known_pictures_come_within_two_display_frames(
    browser: webdriver.Chrome, served: Served
) -> None:
    found = figures.known(browser, served)
    print(found)
    assert found.p99 <= 2 * 1000 / 60


def test_a_far_link_adds_its_round_trip(served: Served) -> None:
    trip = figures.ROUND_TRIP * 1e3
    with (
        shaped(served.port, round_trip=figures.ROUND_TRIP, bits=figures.BITS) as port,
        open_browser() as browser,
    ):
        browser.get(served.url.replace(str(served.port), str(port)))
        settled(browser, 120)
        tapped = figures.tap(browser, served)
        held = figures.hold(browser, served, shift=False, seconds=3.0, seeds=3)
        fast = figures.hold(browser, served, shift=True, seconds=0.7, seeds=4)
        print(tapped, held, fast, sep="\n")
        for found in (tapped, held, fast):
            assert found.in_flight <= 2
            assert found.p50 <= trip + 60
            assert found.behind > 0, "no picture was late, at this distance: nothing was measured"
            assert found.oldest <= 2 * trip + 1000 / 60


@pytest.mark.skipif(bool(missing()), reason=f"needs {', '.join(missing())}")
@pytest.mark.parametrize("trip", [0.0, figures.ROUND_TRIP])
def test_a_window_that_is_a_client_is_as_soon(served: Served, trip: float) -> None:
    with contextlib.ExitStack() as stack:
        port = served.port
        if trip:
            port = stack.enter_context(shaped(port, round_trip=trip, bits=figures.BITS))
        found = figures.window(served, port)
    print(found)
    assert found.in_flight <= 2
    assert found.p50 <= 1e3 * trip + 60
    assert found.rate > 2 / max(trip, 0.1), "as many pictures as round trips"


def test_memory_stays_flat(browser: webdriver.Chrome, served: Served) -> None:
    rows = figures.soak(browser, served, 30)
    for row in rows:
        print(row)
    _, server, heap, _ = rows[len(rows) // 2]
    _, last_server, last_heap, _ = rows[-1]
    assert last_server < 1.1 * server + 20
    assert last_heap < 1.5 * heap + 10


def test_the_last_place_is_reached(browser: webdriver.Chrome, served: Served) -> None:
    """The last position is reached however the link is shaped."""
    with shaped(served.port, round_trip=0.3, bits=2e6) as port:
        browser.get(served.url.replace(str(served.port), str(port)))
        settled(browser, 120)
        figures.hold(browser, served, shift=True, seconds=0.5, seeds=2)
        assert ask(browser, "w.picture.drawnKey === w.picture.wanted")
