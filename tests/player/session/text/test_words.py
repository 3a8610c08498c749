"""What a person who types words is offered."""

from __future__ import annotations

from player.session.text.words import complete


def test_words_are_completed_from_what_the_model_was_taught() -> None:
    taught = ("cat", "kite", "kitten", "on")
    assert complete("cat -> ki", 9, taught) == (7, ("kite", "kitten"))
    assert complete("ki -> cat", 2, taught) == (0, ("kite", "kitten"))
    assert complete("cat -> ", 7, taught) == (7, ())
    assert complete("cat", 3, taught) == (0, ())
    assert "cat -> kitten" in complete("", 0, taught)[1]
