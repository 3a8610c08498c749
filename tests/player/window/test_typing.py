"""Typing into the window, played by posted events."""

from __future__ import annotations

from collections.abc import Callable

import pygame
import pytest

from player.session.rendering.models import Model
from player.window.parts import editline
from player.window.typist import Typing
from player.window.window import Window
from tests.player.fakes import SIZE, FakeRenderer
from tests.player.window import stage
from tests.player.window.stage import Script, click, exact, layout_of, mouse, tap

pytestmark = pytest.mark.usefixtures("dummy_display")


class Taught:
    """A model that says which words it was taught."""

    def names(self) -> tuple[str, ...]:
        return ("critters",)

    def find(self, name: str) -> Model:
        return Model(name, (SIZE, SIZE), FakeRenderer, words=("cat", "kite", "kitten", "owl"))


def key(code: int, unicode: str = "", mod: int = 0) -> None:
    pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=code, mod=mod, unicode=unicode))
    pygame.event.post(pygame.event.Event(pygame.KEYUP, key=code, mod=mod))


def type_in(text: str) -> None:
    pygame.event.post(pygame.event.Event(pygame.TEXTINPUT, text=text))


def compose(text: str) -> None:
    """What an input method has so far."""
    pygame.event.post(pygame.event.Event(pygame.TEXTEDITING, text=text, start=0, length=len(text)))


def write(text: str) -> None:
    for letter in text:
        code = ord(letter) if letter.isascii() else 0
        key(code, letter)
        type_in(letter)


def play(script: Callable[[Window], Script]) -> Window:
    return stage.play(script, models=Taught())


def opened(player: Window) -> Script:
    """Open the field for words."""
    yield exact(player)
    key(pygame.K_SLASH, "/")
    yield 2


def typing_in(player: Window) -> Typing:
    """Return what is typed into a field that is open."""
    assert player._typist.typing is not None
    return player._typist.typing


def typed(player: Window) -> str:
    return typing_in(player).line.text


def test_words_typed_and_entered_are_played_and_the_old_picture_stays_until_then() -> None:
    def script(player: Window) -> Script:
        yield exact(player)
        key(pygame.K_SLASH, "/")
        type_in("/")
        yield 2
        assert typed(player) == "cat -> kitten"  # the slash only opened the field
        write("dog -> fox/2")
        yield 2
        assert typed(player) == "dog -> fox/2"  # keys of the table are letters here
        assert player.state.request.expression == "cat -> kitten"
        key(pygame.K_RETURN, "\r")
        yield 2
        yield exact(player)
        assert player.state.request.expression == "dog -> 0.5*fox"
        tap(pygame.K_n)
        yield 2

    player = play(script)
    assert player.state.request.seed == 1  # the keyboard is the table's again
    assert player._typist.typing is None
    assert player.session.history.words[-1] == "dog -> 0.5*fox"


def test_what_cannot_be_read_shows_its_place_and_escape_gives_up() -> None:
    def script(player: Window) -> Script:
        yield exact(player)
        key(pygame.K_RETURN, "\r")
        yield 2
        write("cat -> ")
        yield 2
        key(pygame.K_RETURN, "\r")
        yield 2
        typing = typing_in(player)
        assert typing.error
        assert typing.column is not None
        assert player.state.request.expression == "cat -> kitten"
        assert player.state.frame is not None
        key(pygame.K_ESCAPE)
        yield 2
        assert player._typist.typing is None
        assert not player.state.closing

    play(script)


def test_an_open_range_is_no_mistake_and_is_played_once_found() -> None:
    def script(player: Window) -> Script:
        yield from opened(player)
        write("owl | -?*kite .. +?*kite")
        yield 2
        assert not typing_in(player).error
        key(pygame.K_RETURN, "\r")
        yield 2
        assert player._typist.typing is None
        for _ in range(400):
            yield 10
            if player.state.base.expression.startswith("owl"):
                return

    shown = play(script).state.base.expression
    assert shown.startswith("owl | -")
    assert "?" not in shown


def test_what_was_typed_before_comes_back() -> None:
    def script(player: Window) -> Script:
        player.session.history.add("owl")
        player.session.history.add("cat -> owl")
        yield from opened(player)
        write("draft")
        seen = []
        for code in (pygame.K_UP, pygame.K_UP, pygame.K_UP, pygame.K_DOWN, pygame.K_DOWN):
            key(code)
            yield 2
            seen.append(typed(player))
        assert seen == ["cat -> owl", "owl", "owl", "cat -> owl", "draft"]

    play(script)


def test_the_first_arrow_up_leads_to_other_words_than_those_that_are_played() -> None:
    def script(player: Window) -> Script:
        for words in ("owl", "kite", "cat -> kitten"):
            player.session.history.add(words)
        yield from opened(player)
        seen = [typed(player)]
        for code in (pygame.K_UP, pygame.K_UP, pygame.K_DOWN, pygame.K_DOWN):
            key(code)
            yield 2
            seen.append(typed(player))
        assert seen == ["cat -> kitten", "kite", "owl", "kite", "cat -> kitten"]

    play(script)


def test_tab_completes_taught_words_and_goes_round() -> None:
    def script(player: Window) -> Script:
        yield from opened(player)
        write("owl -> ki")
        yield 2
        seen = []
        for mod in (0, 0, 0, pygame.KMOD_SHIFT):
            key(pygame.K_TAB, "\t", mod)
            yield 2
            seen.append(typed(player))
        assert seen == ["owl -> kite", "owl -> kitten", "owl -> kite", "owl -> kitten"]
        key(pygame.K_RETURN, "\r")
        yield 2

    assert play(script).state.request.expression == "owl -> kitten"


def test_an_input_method_composes_at_the_cursor_and_keeps_its_keys() -> None:
    def script(player: Window) -> Script:
        yield from opened(player)
        compose("ねこ")
        key(pygame.K_RETURN, "\r")  # chooses in the input method's list
        yield 2
        assert typing_in(player).composed == "ねこ"
        type_in("猫")
        compose("")
        yield 2
        assert typed(player) == "猫"
        key(pygame.K_RETURN, "\r")
        yield 2

    assert play(script).state.request.expression == "猫"


def test_an_input_method_that_takes_keys_outside_the_field_is_shut_out_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done: list[str] = []
    monkeypatch.setattr(pygame.key, "stop_text_input", lambda: done.append("stop"))
    monkeypatch.setattr(pygame.key, "start_text_input", lambda: done.append("start"))

    def script(player: Window) -> Script:
        yield exact(player)
        compose("")
        yield 2
        assert done == []
        compose("n")
        yield 2
        assert done == ["stop"]
        key(pygame.K_SLASH, "/")
        yield 2
        compose("ね")
        yield 2
        assert done == ["stop", "start"]

    play(script)


def test_a_seed_is_typed() -> None:
    def script(player: Window) -> Script:
        yield exact(player)
        key(pygame.K_HASH, "#")
        type_in("#")
        yield 2
        write("42x")
        key(pygame.K_RETURN, "\r")
        yield 2
        assert "whole number" in typing_in(player).error
        key(pygame.K_BACKSPACE)
        key(pygame.K_RETURN, "\r")
        yield 2

    assert play(script).state.request.seed == 42


def test_playing_goes_on_while_words_are_typed() -> None:
    def script(player: Window) -> Script:
        yield exact(player)
        tap(pygame.K_SPACE)
        yield 30
        key(pygame.K_SLASH, "/")
        yield 2
        here = player.state.request.t
        write("cat -> [")
        yield 60
        assert player.state.request.t > here + 0.03

    play(script)


def test_the_mouse_places_the_cursor_and_selects_and_does_not_play() -> None:
    def script(player: Window) -> Script:
        yield from opened(player)
        write("cat -> owl")
        yield 2
        layout, typing = layout_of(player), typing_in(player)
        box = editline.box_of(layout)
        left = next(x for x in range(box.width) if editline.place_at(layout, typing, x) == 1)
        right = next(x for x in range(box.width) if editline.place_at(layout, typing, x) == 3)
        y = box.top + 20
        mouse(pygame.MOUSEBUTTONDOWN, (left, y))
        yield 2
        mouse(pygame.MOUSEMOTION, (right, y))
        yield 2
        mouse(pygame.MOUSEBUTTONUP, (right, y))
        yield 2
        assert typing_in(player).line.selected == "at"
        write("ow")
        yield 2
        assert typed(player) == "cow -> owl"
        click((box.right - 2, y))
        yield 2
        write("s")
        yield 2
        assert typed(player) == "cow -> owls"
        assert not player.state.playhead.playing
        assert player.state.request.t == 0.0

    play(script)


def test_where_the_mouse_is_in_a_long_text_is_where_the_cursor_goes() -> None:
    def script(player: Window) -> Script:
        yield from opened(player)
        write("a " * 150)
        yield 2
        layout, typing = layout_of(player), typing_in(player)
        box = editline.box_of(layout)
        places = [editline.place_at(layout, typing, x) for x in range(box.width)]
        assert places == sorted(places)
        assert places[-1] == 300  # the end is seen, and its beginning is not
        assert places[0] > 100

    play(script)


def test_a_clipboard_that_holds_no_text_pastes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_text() -> str:
        return b"\xff".decode()

    monkeypatch.setattr(pygame.scrap, "get_text", no_text)

    def script(player: Window) -> Script:
        yield from opened(player)
        write("owl")
        key(pygame.K_v, mod=pygame.KMOD_CTRL)
        yield 2
        assert typed(player) == "owl"

    play(script)
