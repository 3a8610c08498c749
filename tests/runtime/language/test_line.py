from __future__ import annotations

import pytest

from runtime.errors import RequestError
from runtime.language.line import Line
from runtime.request import Request


def test_a_chain_turns_at_its_middle_stations_and_says_which_they_are() -> None:
    line = Line.through(Request("cat -> dog + 0.5*fox -> fox"))
    assert line.stations == ((0.5, "dog + 0.5*fox"),)
    two = Line.through(Request("a [cat -> dog -> fox] in [snow -> rain -> night -> sea]"))
    assert [place for place, _ in two.stations] == [pytest.approx(x) for x in (1 / 3, 0.5, 2 / 3)]
    assert two.stations[1][1] == "dog, 1/2"


@pytest.mark.parametrize("expression", ["cat -> dog", "cat | -tabby .. +tabby"])
def test_a_straight_way_turns_nowhere(expression: str) -> None:
    assert Line.through(Request(expression)).stations == ()


@pytest.mark.parametrize(
    ("expression", "meant"),
    [
        ("cat to dog", "'cat -> dog'"),
        ("a cat turning into a dog", "'a cat -> a dog'"),
        ("from cat to dog", "'cat -> dog'"),
        ("cat, dog", "'cat -> dog'"),
        ("cat", "'cat -> kitten'"),
        ("a [2*cat] to dog", "'cat -> kitten'"),
    ],
)
def test_what_does_not_move_is_told_what_it_may_have_meant(expression: str, meant: str) -> None:
    with pytest.raises(RequestError, match="nothing moves in") as caught:
        Line.through(Request(expression))
    assert str(caught.value).endswith(meant)
