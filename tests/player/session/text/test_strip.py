"""The token strip as values."""

from __future__ import annotations

from player.session.text.strip import prompts
from runtime.request import Request
from tests.player.fakes import FakeRenderer


def test_the_token_strip_gives_each_slot_its_own_weight() -> None:
    plan = FakeRenderer().plan(Request("a [cat -> kitten] on a [sofa -> bed]"))
    coefficients = {
        tuple(round(w, 3) for w in line.coefficients) for line in prompts(plan, 0.25, 0.5)
    }
    assert (0.75, 0.75) in coefficients
    assert (0.25,) in coefficients
