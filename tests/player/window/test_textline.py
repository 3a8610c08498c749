"""The line that is typed into: cursor, selection, words; whatever is done to it, it stays whole."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from player.window.textline import MOST, TextLine

LINE = TextLine.of("cat -> kitten")


def test_typing_replaces_the_selection() -> None:
    line = LINE.move(0).move(3, select=True)
    assert line.selected == "cat"
    assert line.insert("dög") == TextLine("dög -> kitten", 3, 3)


@pytest.mark.parametrize(
    ("start", "way", "word", "text", "cursor"),
    [
        (13, -1, False, "cat -> kitte", 12),
        (13, -1, True, "cat -> ", 7),
        (7, -1, True, "kitten", 0),
        (0, -1, False, "cat -> kitten", 0),
        (0, 1, False, "at -> kitten", 0),
        (3, 1, True, "cat", 3),
        (13, 1, True, "cat -> kitten", 13),
    ],
)
def test_erasing(start: int, way: int, word: bool, text: str, cursor: int) -> None:
    line = LINE.move(start).erase(way, word=word)
    assert (line.text, line.cursor) == (text, cursor)


def test_an_arrow_ends_a_selection_on_its_side() -> None:
    line = LINE.move(4).move(9, select=True)
    assert line.arrow(-1).cursor == 4
    assert line.arrow(1).cursor == 9
    assert line.arrow(1, select=True).selection == (4, 10)


def test_what_is_pasted_is_one_line_and_not_too_long() -> None:
    assert TextLine.of("").insert("cat\r\n->\tkitten\x00").text == "cat -> kitten "
    assert len(TextLine.of("x" * MOST).insert("more").text) == MOST
    assert len(TextLine.of("").insert("y" * 3 * MOST).text) == MOST


@given(
    st.text(max_size=30),
    st.lists(
        st.tuples(
            st.sampled_from(["step", "erase", "move", "insert", "all"]),
            st.integers(-3, 40),
            st.booleans(),
            st.booleans(),
        ),
        max_size=30,
    ),
)
def test_the_cursor_never_leaves_the_text(
    text: str, deeds: list[tuple[str, int, bool, bool]]
) -> None:
    line = TextLine.of("").insert(text)
    for name, number, word, select in deeds:
        way = 1 if number > 0 else -1
        if name == "step":
            line = line.arrow(way, word=word, select=select)
        elif name == "erase":
            line = line.erase(way, word=word)
        elif name == "move":
            line = line.move(number, select=select)
        elif name == "insert":
            line = line.insert("ab")
        else:
            line = line.select_all()
        assert 0 <= line.cursor <= len(line.text)
        assert 0 <= line.anchor <= len(line.text)
