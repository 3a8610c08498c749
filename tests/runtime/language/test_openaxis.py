from __future__ import annotations

import pytest

from runtime.errors import ExpressionError
from runtime.language.expression import parse
from runtime.language.openaxis import open_axis, reopened, with_axis


@pytest.mark.parametrize(
    ("text", "name", "closed"),
    [
        ("cat | -?*tabby .. +?*tabby", "tabby", "cat | -0.5*tabby .. +1.25*tabby"),
        ("cat | +?*tabby .. -?*tabby", "tabby", "cat | +1.25*tabby .. -0.5*tabby"),
        (
            "a [cat -> kitten | -? * tabby .. ?*tabby] on grass",
            "tabby",
            "a [cat -> kitten | -0.5 * tabby .. 1.25*tabby] on grass",
        ),
        (
            "cat | -?*(tabby + sleepy) .. ?*(tabby + sleepy)",
            "tabby + sleepy",
            "cat | -0.5*(tabby + sleepy) .. 1.25*(tabby + sleepy)",
        ),
    ],
)
def test_the_holes_are_filled_with_the_weights_found(text: str, name: str, closed: str) -> None:
    axis = open_axis(text)
    assert axis is not None
    assert axis.name == name
    assert axis.close(-0.5, 1.25) == closed
    (morph,) = parse(closed).morphs
    assert morph.axis is not None
    weights = {morph.axis.start[0].weight, morph.axis.end[0].weight}
    assert weights == {-0.5, 1.25}


@pytest.mark.parametrize("text", ["cat -> kitten", "what? * me", '"?*" -> cat', "really? yes"])
def test_a_plain_question_mark_is_text(text: str) -> None:
    assert open_axis(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "?*cat",
        "cat | -?*tabby .. tabby",
        "cat | -?*tabby .. -?*tabby",
        "cat | -?*tabby .. +?*sleepy",
        "?*cat -> kitten | -?*tabby .. +tabby",
        "cat | -?*tabby .. +?*tabby + ?*sleepy",
    ],
)
def test_a_hole_that_is_no_range_is_refused_with_what_to_write(text: str) -> None:
    with pytest.raises(ExpressionError, match=r"written -\?\*tabby \.\. \+\?\*tabby") as caught:
        open_axis(text)
    assert caught.value.text[caught.value.column] == "?"


def test_an_error_shows_the_text_as_it_was_typed() -> None:
    with pytest.raises(ExpressionError) as caught:
        open_axis("cat | -?*tabby .. +?*(tabby")
    assert "?*(tabby" in caught.value.caret()


def test_a_range_that_was_not_found_does_not_parse() -> None:
    with pytest.raises(ExpressionError, match="wordmorph range finds it") as caught:
        parse("cat | -?*tabby .. +?*tabby")
    assert caught.value.column == 7


@pytest.mark.parametrize(
    ("text", "axis", "made"),
    [
        ("cat", "tabby", "cat | -?*tabby .. +?*tabby"),
        ("cat", "tabby - sleepy", "cat | -?*(tabby - sleepy) .. +?*(tabby - sleepy)"),
        (
            "a \\[ [0.9*cat] here",
            "3d-fur",
            'a \\[ [0.9*cat | -?*"3d-fur" .. +?*"3d-fur"] here',
        ),
    ],
)
def test_an_axis_is_added_where_it_belongs(text: str, axis: str, made: str) -> None:
    assert with_axis(text, axis) == made
    assert open_axis(made) is not None


@pytest.mark.parametrize(
    ("text", "axis", "message"),
    [
        ("cat | a .. b", "tabby", "there is an axis already"),
        ("[cat -> fox] on [grass -> snow]", "tabby", "several slots"),
        ("cat", "a -> b", "a phrase or a sum"),
        ("cat", "", "nothing to draw"),
    ],
)
def test_an_axis_that_cannot_be_added(text: str, axis: str, message: str) -> None:
    with pytest.raises(ExpressionError, match=message):
        with_axis(text, axis)


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("cat -> kitten | -3/7*tabby .. +3/7*tabby", "cat -> kitten | -?*tabby .. +?*tabby"),
        ("a [cat | 0*tabby .. tabby] here", "a [cat | -?*tabby .. +?*tabby] here"),
        ("cat | -tabby .. 0*tabby", "cat | -?*tabby .. +?*tabby"),
        (
            "cat | -tabby/2 + sleepy/4 .. tabby - sleepy/2",
            "cat | -?*(tabby - 0.5*sleepy) .. +?*(tabby - 0.5*sleepy)",
        ),
    ],
)
def test_an_axis_with_numbers_is_opened_again(text: str, made: str) -> None:
    assert reopened(text) == made
    assert open_axis(made) is not None


@pytest.mark.parametrize(
    "text",
    [
        "cat -> kitten",
        "cat | tabby .. sleepy",
        "cat | tabby .. 2*tabby",
        "cat | 0*tabby .. 0*tabby",
        "[cat | -a .. a] and [dog | -b .. b]",
    ],
)
def test_an_axis_that_has_no_range(text: str) -> None:
    with pytest.raises(ExpressionError):
        reopened(text)
