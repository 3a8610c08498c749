"""Beats: what is asked between two of them arrives on the next, rendered by then."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from player.session.actions import NAMES
from player.session.motion.moment import Moment
from player.session.motion.tempo import Taps, Tempo, fit
from player.session.session import Session
from runtime.language.line import DIVISIONS
from runtime.pipeline import Pipeline
from runtime.request import Request
from tests.player.fakes import FakeRenderer, started, ticking
from tests.support.seeds import draw_seed


@given(
    bpm=st.floats(20, 400),
    start=st.floats(-1e4, 1e4),
    now=st.floats(-1e4, 1e4),
    beats=st.sampled_from([1, 4]),
)
def test_the_next_beat_is_a_beat_and_the_next(
    bpm: float, start: float, now: float, beats: int
) -> None:
    due = Tempo(bpm, start).next(now, beats)
    length = beats * 60 / bpm
    assert now < due + 1e-4
    assert due <= now + length * 1.001
    assert (due - start) / length == pytest.approx(round((due - start) / length), abs=1e-4)


def test_a_shaky_hand_still_taps_the_tempo() -> None:
    draws = random.Random(draw_seed())
    taps = Taps()
    assert taps.tap(0.0) is None
    for beat in range(1, 12):
        found = taps.tap(beat * 0.5 + draws.uniform(-0.02, 0.02))
    assert found is not None
    assert found.bpm == pytest.approx(120, rel=0.03)
    assert taps.tap(100.0) is None  # somebody else, later


def test_taps_that_are_no_tempo_are_none() -> None:
    assert fit([1.0]) is None
    assert fit([1.0, 1.0, 1.0]) is None
    assert fit([1.0, 1.01]) is None


def test_a_jump_waits_for_the_beat_and_is_rendered_meanwhile(tmp_path: Path) -> None:
    fake = FakeRenderer()
    session = started(tmp_path, open_renderer=lambda: fake)
    frame = 1 / 60
    session.beats.tempo = Tempo(120, 0.0)
    NAMES["quantise"].perform(session)
    errors, jumps = [], 0
    for turn in range(60 * 60):  # a minute
        now = turn * frame
        session.turn(frame, now)
        if turn % 30 == 10:
            jumps += 1
            before = session.state.request
            NAMES["seek"].perform(session, (jumps % 10) / 10)
            assert session.state.request == before
        shown = session.state.frame
        if shown is not None and turn % 30 == 1:  # the beat fell within the last frame
            assert shown.request.t == (jumps % 10) / 10 or turn < 30
            errors += session.beats.late[-1:]
    assert jumps == 120
    assert max(session.beats.late) <= frame + 1e-6
    assert len(session.beats.late) >= 119


@pytest.mark.slow
@pytest.mark.parametrize("ticks", [0, 7], ids=["at rest", "while somebody moves"])
def test_cues_of_the_built_in_model_land_on_the_beat_for_a_minute(
    tmp_path: Path, ticks: int
) -> None:
    """In real time, each a picture that nobody has drawn; asked 0.35 s before its beat."""
    with Pipeline.open("critters") as model:
        size = model.size
    session = Session(
        lambda: Pipeline.open("critters"), Request("cat -> kitten"), picture=size, folder=tmp_path
    )
    session.start()
    late: list[float] = []
    load = psutil.getloadavg()[0]
    try:
        last = time.perf_counter()
        wanted: Request | None = None
        begun = None
        number = 0
        while begun is None or last - begun < 60:
            now = time.perf_counter()
            session.state.move(ticks, 0)
            session.turn(min(now - last, 0.1), now)
            last = now
            if begun is None:
                if session.state.info is not None and session.state.frame is not None:
                    begun = now
                    session.beats.tempo, session.beats.quantum = Tempo(120.0, now + 1.0), 1
                time.sleep(0.01)
                continue
            into = (now - begun - 1.0) % 0.5
            frame = session.state.frame
            if wanted is not None and frame is not None and frame.request == wanted:
                late.append(into if into < 0.25 else into - 0.5)
                wanted = None
            elif wanted is None and 0.15 <= into < 0.2:
                number += 1
                wanted = Request("dog -> fox", t=number % 11 / 10, seed=number)
                session.cues.set([Moment(wanted, "critters")], 1.0)
                NAMES["cue"].perform(session, 1)
            time.sleep(max(0.0, 1 / 60 - (time.perf_counter() - now)))
    finally:
        session.finish()
        session.close()
    errors = np.array(late) * 1e3
    print(
        f"{len(errors)} cues: {np.median(errors):.1f} ms after the beat, most {errors.max():.1f}, "
        f"least {errors.min():.1f}; load {load:.1f} before"
    )
    assert len(errors) >= 110
    assert errors.min() >= 0
    assert np.quantile(errors, 0.95) <= 1000 / 60 + 2


def wait_for_bars(session: Session) -> Callable[[int], None]:
    """Let jumps wait for a bar of 120 beats a minute; return what turns the session."""
    turn = ticking(session)
    turn(3)
    session.beats.tempo, session.beats.quantum = Tempo(120.0, 0.0), 4
    return turn


def test_what_waits_is_rendered_as_it_will_be_together(tmp_path: Path) -> None:
    fake = FakeRenderer()
    session = started(tmp_path, open_renderer=lambda: fake)
    turn = wait_for_bars(session)
    NAMES["seek"].perform(session, 0.5)
    turn(2)
    NAMES["change_seed"].perform(session, 1)
    turn(60)
    wanted = Request("cat -> kitten", t=0.5, seed=1)
    assert session.state.request == Request("cat -> kitten")
    assert wanted in session.state.cache
    while session.beats.waiting:
        turn(1)
    assert session.state.frame is not None
    assert session.state.frame.request == wanted


def test_what_waits_while_playing_is_rendered_where_it_will_be(tmp_path: Path) -> None:
    fake = FakeRenderer()
    session = started(tmp_path, open_renderer=lambda: fake)
    turn = wait_for_bars(session)
    session.state.play()
    turn(10)
    NAMES["change_seed"].perform(session, 7)
    turn(40)
    ahead = [request.t for request in fake.rendered if request.seed == 7]
    assert session.state.request.seed == 0
    while session.beats.waiting:
        turn(1)
    assert session.state.request.seed == 7
    assert min(abs(t - session.state.request.t) for t in ahead) <= 1 / DIVISIONS + 1e-9


def test_a_cue_is_there_on_its_beat_though_somebody_moves_on_until_then(tmp_path: Path) -> None:
    """Each turn asks for a picture that nobody has drawn, which took all rendering before."""
    draws = random.Random(draw_seed())
    fake = FakeRenderer(seconds=0.01)
    session = started(tmp_path, open_renderer=lambda: fake)
    turn = wait_for_bars(session)
    wanted = Request("dog -> fox", t=draws.randrange(11) / 10, seed=draws.randrange(1, 99))
    session.cues.set([Moment(wanted, "critters")], 1.0)
    NAMES["cue"].perform(session, 1)
    moved, drawn = 0, False
    while session.beats.waiting:
        drawn = wanted in session.state.cache
        session.state.move(draws.randrange(1, 20), 0)
        moved += 1
        turn(1)
    assert drawn, "before its beat"
    assert session.state.frame is not None
    assert session.state.frame.request == wanted
    seen = [request for request in fake.rendered if request.seed == 0]
    assert len(seen) >= moved - 5, "who moved saw where they were until the beat was near"


def test_what_changes_with_every_move_lets_every_other_picture_through(tmp_path: Path) -> None:
    """Another seed on the beat: where, that is only known once it is there."""
    fake = FakeRenderer(seconds=0.03)
    session = started(tmp_path, open_renderer=lambda: fake)
    turn = wait_for_bars(session)
    NAMES["change_seed"].perform(session, 1)
    while session.beats.waiting:
        session.state.move(7, 0)
        turn(1)
    seeds = [request.seed for request in fake.rendered]
    late = seeds[seeds.index(1) :]
    assert len(late) >= 4
    assert all(0 in pair for pair in pairwise(late[:-1]))


def test_a_cue_that_cannot_be_drawn_holds_up_nobody_before_its_beat(tmp_path: Path) -> None:
    fake = FakeRenderer(seconds=0.01, refuse=(0.4,))
    session = started(tmp_path, open_renderer=lambda: fake)
    turn = wait_for_bars(session)
    session.cues.set([Moment(Request("dog -> fox", t=0.4), "critters")], 1.0)
    NAMES["cue"].perform(session, 1)
    behind = 0
    while session.beats.waiting:
        session.state.move(7, 0)
        at = session.state.request
        turn(1)
        waits = bool(session.beats.waiting)
        frame = session.state.frame
        behind += waits and (frame is None or frame.request != at)
    assert behind <= 1, "it is tried once"


def test_any_seed_is_drawn_when_its_key_is_pressed_and_taken_on_the_beat(tmp_path: Path) -> None:
    fake = FakeRenderer()
    session = started(tmp_path, open_renderer=lambda: fake)
    turn = wait_for_bars(session)
    NAMES["random_seed"].perform(session)
    turn(20)
    assert session.state.request.seed == 0
    ahead = {request.seed for request in fake.rendered} - {0}
    while session.beats.waiting:
        turn(1)
    assert {session.state.request.seed} == ahead


def test_looking_ahead_does_nothing(tmp_path: Path) -> None:
    session = started(tmp_path)
    turn = wait_for_bars(session)
    session.cues.set([Moment(Request("dog -> fox", t=0.4, seed=3), "critters")], 1.0)
    before = session.state.request
    NAMES["glide_cue"].perform(session, 1)
    NAMES["cue"].perform(session, 2)  # there is none
    session.at_beat(lambda: session.state.complain("at the beat"))
    turn(60)
    assert session.state.printed == []
    assert session.state.request == before
    assert session.state.gliding is None
    assert session.state.notice == ""
    session.undo()
    assert session.state.notice == "nothing to undo"


def test_without_a_tempo_nothing_waits(tmp_path: Path) -> None:
    session = started(tmp_path)
    NAMES["quantise"].perform(session)
    assert "tap the tempo" in session.state.notice
    NAMES["seek"].perform(session, 0.5)
    assert session.state.request.t == 0.5
