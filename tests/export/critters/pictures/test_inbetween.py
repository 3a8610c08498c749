"""In-betweens: one animal with two eyes all the way from one drawing to another."""

import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from export.critters.pictures.draw import ANIMALS, STYLE_SIZE, render, spec_of_caption
from export.critters.pictures.inbetween import Inbetween, sample_inbetween

styles = st.tuples(*(st.floats(0, 1),) * STYLE_SIZE)
CAPTIONS = ("cat", "a sleepy black owl on snow", "happy dog by the sea", "kyoto", "a lion at night")


def between(first: str, second: str, style: tuple[float, ...], share: float) -> NDArray[np.uint8]:
    a, b = (replace(spec_of_caption(caption), style=style) for caption in (first, second))
    return Inbetween(a, b, share).render()


@given(styles, st.sampled_from(CAPTIONS), st.sampled_from(CAPTIONS), st.floats(0, 1))
@settings(max_examples=15, deadline=None)
def test_the_way_back_is_the_way_there(
    style: tuple[float, ...], first: str, second: str, share: float
) -> None:
    there, back = between(first, second, style, share), between(second, first, style, 1 - share)
    assert np.abs(there.astype(int) - back).max() <= 1


@given(styles, st.sampled_from(CAPTIONS), st.sampled_from(CAPTIONS))
@settings(max_examples=10, deadline=None)
def test_it_begins_and_ends_as_the_drawings_themselves(
    style: tuple[float, ...], first: str, second: str
) -> None:
    for share, caption in ((0.0, first), (1.0, second)):
        drawn = render(replace(spec_of_caption(caption), style=style))
        np.testing.assert_array_equal(between(first, second, style, share), drawn)


@pytest.mark.parametrize(
    ("first", "second"), [("cat", "kitten"), ("dog", "puppy"), ("rabbit", "bear")]
)
def test_eyes_meet_eyes_where_a_crossfade_shows_four(first: str, second: str) -> None:
    """Pupils are the darkest things there are: laid over other fur they would be pale."""
    style = (0.5,) * STYLE_SIZE
    ends = [between(first, second, style, share) for share in (0.0, 1.0)]
    dark = [(picture.max(2) < 45).sum() for picture in ends]
    middle = between(first, second, style, 0.5)
    crossfade = (ends[0] / 2 + ends[1] / 2).max(2)
    assert (middle.max(2) < 45).sum() > 0.7 * min(dark)
    assert (crossfade < 45).sum() < 0.4 * min(dark)


def test_samples_lie_between_any_two_animals_and_speak_the_grammar() -> None:
    rng = random.Random(2)
    bare = set()
    for _ in range(800):
        drawing, caption, other = sample_inbetween(rng)
        assert replace(drawing.second, style=()) == spec_of_caption(other)
        if {caption, other} <= set(ANIMALS):
            bare.add((caption, other))
    assert len(bare) > 100
