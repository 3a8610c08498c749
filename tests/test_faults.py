"""The table of faults, the tests that plant them and the page that shows both agree."""

from __future__ import annotations

import pytest

from tests.support.faults import FAULTS, FILES, PAGE, PLANTED, page, read_page


def test_every_fault_has_a_test_and_the_page_names_it(request: pytest.FixtureRequest) -> None:
    """Of the files that were collected; the others count as they did when the page was written."""
    text = PAGE.read_text(encoding="utf-8")
    named = read_page(text)
    assert text == page(named), "run: pytest --collect-only -q --write-faults"
    assert set(named) == set(FAULTS)
    assert all(named.values()), "a fault that no test plants"
    files, planted = request.config.stash[FILES], request.config.stash[PLANTED]
    for number, tests in named.items():
        collected = [test for test in tests if test.split("::")[0] in files]
        assert collected == planted.get(number, []), number
