from __future__ import annotations

from collections.abc import Iterator

import pytest
from selenium import webdriver

from tests.player.web.browser import open_browser


@pytest.fixture(scope="module")
def browser() -> Iterator[webdriver.Chrome]:
    with open_browser() as opened:
        yield opened
