"""A page of a server of its own, and ways to move it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.common.by import By

from tests.player.fakes import FakeRenderer
from tests.player.web.browser import ask, problems, settled, until
from tests.player.web.served import Served, serving

DRAWN = "[w.picture.drawn.t, w.picture.drawn.u]"


PAD = "cat -> kitten | -3/7*tabby .. +3/7*tabby"


@contextlib.contextmanager
def playing(
    browser: webdriver.Chrome, folder: Path, expression: str = "cat -> kitten", seconds: float = 0.0
) -> Iterator[Served]:
    """Serve, and show the page until the end, which must not have complained."""
    with serving(folder, expression, open_renderer=lambda: FakeRenderer(seconds=seconds)) as served:
        problems(browser)  # of the test before
        browser.get(served.url)
        settled(browser)
        until(lambda: browser.find_element(By.ID, "words").text, what="the whole page")
        yield served
        assert not problems(browser)
        browser.get("about:blank")


def reach(browser: webdriver.Chrome, served: Served, x: int, y: int) -> None:
    """Wait until the session stands at (x, y) and the page shows that picture."""
    until(lambda: served.session.state.playhead.point == (x, y), what=f"({x}, {y})")
    until(lambda: ask(browser, DRAWN) == [x / 4000, y / 4000], what=f"the picture of ({x}, {y})")
