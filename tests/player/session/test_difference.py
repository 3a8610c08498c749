"""How the pictures at the two marks differ."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from player.session.session import Session
from runtime.request import Request
from tests.player.fakes import FakeRenderer, picture, started, turn


def test_the_difference_of_the_marks_is_what_the_pixels_say(session: Session) -> None:
    session.state.toggle_difference()
    assert not session.state.panels.difference
    session.state.mark("a")
    session.state.seek(0.75)
    session.state.mark("b")
    session.state.toggle_difference()
    session.picture()
    turn(session, 5)
    frame = session.picture()
    assert frame is not None
    pair = [picture(Request("cat -> kitten", t=t)).astype(int) for t in (0.25, 0.75)]
    gap = np.abs(pair[0] - pair[1])
    assert np.abs(frame.pixels - gap * (255 / gap.max())).max() <= 1
    assert session.state.frame is not None
    assert frame is not session.state.frame  # what is saved and recorded stays the picture
    session.state.back()
    assert session.picture() is session.state.frame


def test_a_mark_that_cannot_be_drawn_is_said_once_and_the_difference_is_given_up(
    tmp_path: Path,
) -> None:
    fake = FakeRenderer(refuse=(0.75,))
    session = started(tmp_path, open_renderer=lambda: fake, t=0.25)
    turn(session, 3)
    session.state.mark("a")
    session.state.seek(0.75)
    session.state.mark("b")
    session.state.seek(0.25)
    session.state.toggle_difference()
    for _ in range(20):
        turn(session, 1)
        session.picture()
    assert not session.state.panels.difference
    assert "the latent is not finite" in session.state.notice
    assert len(session.state.printed) == 1
    session.state.toggle_difference()  # whoever asks again is told again
    turn(session, 20)
    assert len(session.state.printed) == 2


def test_a_known_difference_stays_although_its_pictures_were_dropped(session: Session) -> None:
    session.state.mark("a")
    session.state.seek(0.75)
    session.state.mark("b")
    session.state.toggle_difference()
    turn(session, 5)
    shown = session.picture()
    assert shown is not session.state.frame
    for request in session.state.marked() or ():
        session.state.cache.forget(request)
    turn(session, 1)
    assert session.picture() is shown
