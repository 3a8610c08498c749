from __future__ import annotations

import pytest

from player.session.rendering.latency import scrub_latencies
from runtime.errors import EngineError
from runtime.request import Request
from tests.player.fakes import FakeRenderer


def test_a_key_waits_for_the_frame_being_filled_and_its_own() -> None:
    fake = FakeRenderer(seconds=0.02)
    waits = scrub_latencies(fake, Request("cat -> kitten", steps=4), 8)
    assert len(waits) == 8
    assert min(waits) >= 20
    assert max(waits) > 22, "none came while a frame was being filled"
    assert len(fake.rendered) > 9, "nothing was filled in between"
    assert not fake.closed


def test_a_frame_that_fails_is_an_error_not_a_wait() -> None:
    fake = FakeRenderer(refuse=(0.0,))
    with pytest.raises(EngineError, match="not finite"):
        scrub_latencies(fake, Request("cat -> kitten", steps=4), 3)
