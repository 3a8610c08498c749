"""The range of an axis, found while playing."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import pytest

from player.ranging import close_range
from player.session.actions import NAMES
from player.session.reproduce import Invocation
from player.session.saving.rangeshot import OWNER
from player.session.session import Session
from runtime.bundles.bundle import Bundle
from runtime.engines import choose
from runtime.engines.choose import foreseen
from runtime.errors import ExpressionError, RequestError
from runtime.language.expression import parse
from runtime.language.openaxis import open_axis
from runtime.planner import Planner
from tests.player.fakes import FakeRenderer, session_of, started, turn


def until(session: Session, check: Callable[[], Any]) -> Any:
    """Turn until something is true, and return it."""
    for count in range(5000):
        session.turn(1 / 60, count / 60)
        if found := check():
            return found
    raise AssertionError(session.state.notice)


def until_found(session: Session, expression: str) -> None:
    until(session, lambda: session.state.base.expression.startswith(expression))


def until_printed(session: Session) -> str:
    """Turn until a range is printed with its command, and return those lines."""
    (found,) = until(
        session, lambda: [line for line in session.state.printed if "wordmorph play" in line]
    )
    return str(found)


def test_the_range_is_that_of_where_it_was_asked_for(tmp_path: Path) -> None:
    session = started(tmp_path, "cat -> dog | -tabby .. tabby", t=0.25)
    NAMES["range"].perform(session)
    turn(session, 3)
    session.change(replace(session.state.request, t=0.75, seed=9, steps=3))
    words = shlex.split(until_printed(session).partition("wordmorph play")[2])
    assert [words[words.index(name) + 1] for name in ("--t", "--seed", "--steps")] == [
        "0.25", "0", "1",
    ]  # fmt: skip


def test_words_with_an_open_range_are_played_once_it_is_found(session: Session) -> None:
    before = session.state.request
    session.write("owl | -?*tabby .. +?*tabby")
    turn(session, 1)
    assert session.state.request == before
    assert "range of tabby" in session.state.notice
    until_found(session, "owl | -")
    assert "?" not in session.state.base.expression
    assert "tabby is calm from" in session.state.notice
    assert session.history.words[-1] == session.state.base.expression


def test_an_open_range_is_given_up_for_words_that_were_typed_since(session: Session) -> None:
    session.write("owl | -?*tabby .. +?*tabby")
    turn(session, 2)
    session.write("cat -> lion")
    turn(session, 2000)
    assert session.state.base.expression == "cat -> lion"


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ("fish | -?*tabby .. +?*tabby", RequestError),
        ("cat | -?*tabby .. +tabby", ExpressionError),
        ("cat | -?*tabby .. +?*", ExpressionError),
    ],
)
def test_an_open_range_that_cannot_be_drawn_is_refused_at_once(
    session: Session, words: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        session.write(words)


def test_a_range_that_was_found_is_known_the_next_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    drawn: list[int] = []
    for _ in range(2):
        renderer = FakeRenderer(
            metadata={"digest": "d1" * 32, "engine": "gradient", "precision": "f32"}
        )
        session = started(tmp_path, "cat | -tabby .. tabby", lambda one=renderer: one)
        turn(session, 3)
        NAMES["range"].perform(session)
        until_printed(session)
        drawn.append(sum("tabby" in one.expression for one in renderer.rendered))
        seeds = {one.seed for one in renderer.rendered}
    assert seeds == {0}, "others are drawn for a range alone"
    assert drawn[0] > 50


def test_a_range_that_was_typed_in_the_player_is_known_to_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    text, planner = "cat | -?*tabby .. +?*tabby", Planner.of("critters")
    bundle = Bundle(Path(), planner.manifest)
    engine, precision = foreseen(bundle, "auto", "auto")
    model = {"digest": bundle.digest(), "engine": engine, "precision": precision}
    session = started(tmp_path, "owl", lambda: FakeRenderer(metadata=model))
    turn(session, 3)
    session.write(text)
    until_found(session, "cat | ")

    def refuse() -> NoReturn:
        raise AssertionError("a model is opened to find what was found")

    axis = open_axis(text)
    assert axis is not None
    found = close_range(axis, planner, planner.request, refuse, Invocation())
    assert str(parse(found)) == session.state.base.expression

    monkeypatch.setattr(choose, "usable", lambda name: None)  # a GPU, which auto would take
    with pytest.raises(AssertionError, match="opened"):
        close_range(axis, planner, planner.request, refuse, Invocation())


@pytest.mark.parametrize("given_up", [False, True])
def test_what_a_range_remembers_is_free_once_it_is_found_or_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given_up: bool
) -> None:
    session = session_of(tmp_path, "cat | -tabby .. tabby")
    charged: list[int] = []
    charge = session.state.cache.charge

    def note(owner: str, size: int) -> None:
        charge(owner, size)
        if owner == OWNER:
            charged.append(size)

    monkeypatch.setattr(session.state.cache, "charge", note)
    session.start()
    turn(session, 3)
    NAMES["range"].perform(session)
    if given_up:
        turn(session, 30)
        NAMES["range"].perform(session)
    else:
        until_printed(session)
    assert max(charged) > 0
    assert charged[-1] == 0


def test_the_range_of_the_second_axis_is_found_while_playing(tmp_path: Path) -> None:
    session = started(tmp_path, "cat | -tabby .. tabby")
    NAMES["range"].perform(session)
    until(session, lambda: session.state.notice.startswith("range of tabby: "))
    line = until_printed(session)
    assert "tabby" in line.splitlines()[0]
    played = line.partition("wordmorph play")[2]
    found = shlex.split(played)[-1]
    assert session.state.notice.endswith(f": {found}"), "a page has no terminal"
    turn(session, 600)
    assert found in session.state.notice, "too short to copy it by hand"
    session.write("cat -> kitten")
    NAMES["range"].perform(session)
    assert session.state.notice
    assert "\n" not in session.state.notice
