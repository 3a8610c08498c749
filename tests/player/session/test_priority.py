"""Pictures that are wanted besides the one asked for: nobody's want costs another its own."""

from __future__ import annotations

from pathlib import Path

from player.session.actions import NAMES
from player.session.motion.moment import Moment
from player.session.motion.tempo import Tempo
from runtime.request import Request
from tests.player.fakes import FakeRenderer, started, ticking

TEXT = "cat | -tabby .. tabby"


def cues(count: int) -> list[Moment]:
    requests = [Request("cat -> kitten", t=k / 400, seed=k) for k in range(1, count + 1)]
    return [Moment(request, "critters") for request in requests]


def test_a_cue_that_cannot_be_drawn_costs_nobody_else_a_picture(tmp_path: Path) -> None:
    kept = cues(5)
    fake = FakeRenderer(refuse=(kept[1].request.t,))
    session = started(tmp_path, TEXT, open_renderer=lambda: fake)
    tick = ticking(session)
    session.cues.set(kept, 1.0)
    tick(30)
    thumbnails = [cue.thumbnail is not None for cue in session.cues.kept]
    assert thumbnails == [True, False, True, True, True]
    NAMES["range"].perform(session)
    tick(20)
    assert session.state.notice.startswith("range of tabby"), "told what befell a cue"
    assert session.state.printed == []


def test_many_cues_get_their_pictures_although_others_want_some(tmp_path: Path) -> None:
    session = started(tmp_path)
    tick = ticking(session)
    tick(3)
    session.cues.set(cues(40), 1.0)
    tick(1)
    session.state.mark("a")
    session.state.seek(0.75)
    session.state.mark("b")
    session.state.seek(0.0)
    session.state.toggle_difference()
    tick(60)
    assert [
        number for number, cue in enumerate(session.cues.kept, 1) if cue.thumbnail is None
    ] == []
    assert session.picture() is not session.state.frame


def test_what_a_beat_waits_for_is_drawn_although_a_range_and_a_grid_end(tmp_path: Path) -> None:
    fake = FakeRenderer()
    session = started(tmp_path, TEXT, open_renderer=lambda: fake)
    tick = ticking(session)
    tick(3)
    session.beats.tempo, session.beats.quantum = Tempo(20.0, 0.0), 4
    NAMES["range"].perform(session)
    NAMES["grid"].perform(session)
    NAMES["change_seed"].perform(session, 7)
    tick(1)
    session.keeping.give_up_grid()
    NAMES["range"].perform(session)
    assert session.state.notice == "the range is given up"
    tick(12)
    assert session.state.request.seed == 0, "the beat has come: nothing is drawn ahead"
    assert 7 in {request.seed for request in fake.rendered}


def test_a_grid_ends_by_what_it_wants_itself(tmp_path: Path) -> None:
    kept = cues(3)
    fake = FakeRenderer(refuse=(kept[0].request.t, 1.0))
    session = started(tmp_path, open_renderer=lambda: fake)
    tick = ticking(session)
    session.cues.set(kept, 1.0)
    tick(10)
    NAMES["grid"].perform(session)
    tick(1)
    assert session.keeping.grid_shot is not None
    tick(20)
    assert session.keeping.grid_shot is None
    assert "the latent is not finite" in session.state.notice
    assert len(session.state.printed) == 1
