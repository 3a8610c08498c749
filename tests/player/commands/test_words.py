"""Words that the model was never taught, and text that does not move: said, once, on stderr."""

from __future__ import annotations

import pytest

import player.window.window
from player.window.window import Window
from runtime.request import Request
from tests.support.cli import Cli

UNTAUGHT = "critters was never taught 'dragon'"


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> list[Window]:
    """Collect windows instead of running them."""
    made: list[Window] = []

    def run(window: Window, max_seconds: float | None = None) -> Request:
        made.append(window)
        return window.state.request

    monkeypatch.setattr(player.window.window.Window, "run", run)
    return made


@pytest.mark.parametrize(
    "words",
    [
        ("tokens", "dragon -> kitten"),
        ("tokens", "dragon -> kitten", "--json"),
        ("render", "dragon -> kitten", "-o", "x.png"),
        ("grid", "dragon -> kitten", "--cols", "2", "--tile", "32"),
        ("storms", "dragon -> kitten", "--frames", "3"),
    ],
)
def test_a_word_it_was_never_taught_is_named_once_on_stderr(cli: Cli, words: list[str]) -> None:
    status, out, err = cli(*words)
    assert status == 0
    assert err.count(UNTAUGHT) == 1
    assert UNTAUGHT not in out


def test_words_it_knows_are_passed_over(cli: Cli) -> None:
    assert cli("tokens", "a photo of a [cat -> kitten] on a sofa")[2] == ""


def test_play_says_it_in_the_terminal_and_in_the_window(cli: Cli, windows: list[Window]) -> None:
    status, _, err = cli("play", "dragon -> kitten")
    assert status == 0
    assert err.count(UNTAUGHT) == 1
    assert UNTAUGHT in windows[0].state.notice


def test_play_says_that_nothing_moves_and_does_not_pretend(cli: Cli, windows: list[Window]) -> None:
    _, _, err = cli("play", "cat to kitten")
    assert "nothing moves in 'cat to kitten': write a morph such as 'cat -> kitten'" in err
    state = windows[0].state
    assert "nothing moves" in state.notice
    acts = state.play, state.toggle_perceptual, lambda: state.seek(1), lambda: state.move(10, 0)
    for act in acts:
        state.say("")
        act()
        assert "nothing moves" in state.notice
    state.advance(1.0)
    state.advance(1.0, vx=400.0)
    assert (state.request.t, state.playhead.playing) == (0.0, False)


def test_models_lists_all_words_of_a_model(cli: Cli) -> None:
    status, out, err = cli("models", "critters")
    assert (status, err) == (0, "")
    assert {"cat", "kitten", "stormy", "storm", "kyoto", "of"} - set(out.split()) == {"stormy"}
    status, out, err = cli("models", "nothing")
    assert status == 1
    assert "unknown model 'nothing'" in err


def test_other_words_in_the_same_window_are_looked_at_too(cli: Cli, windows: list[Window]) -> None:
    cli("play", "cat -> kitten")
    session = windows[0].session
    assert session.state.notice == ""
    session.write("dragon -> kitten")
    assert UNTAUGHT in session.state.notice
    session.write("kitten")
    assert "nothing moves" in session.state.notice
