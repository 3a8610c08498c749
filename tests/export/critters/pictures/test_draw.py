import random
import time
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("skia", reason="pip install 'wordmorph[draw]'")

from export.critters.pictures.draw import (
    ANIMALS,
    COATS,
    MOODS,
    PLACES,
    SCENES,
    STYLE_SIZE,
    Spec,
    draw,
    render,
    sample_spec,
    spec_of_caption,
)
from runtime.errors import MorphError

DEFAULT = (0.5,) * STYLE_SIZE
seeds = st.integers(0, 2**32 - 1)


def distance(a: Spec, b: Spec) -> float:
    """Mean absolute difference of two pictures in grey levels."""
    return float(np.abs(render(a).astype(np.int16) - render(b)).mean())


@given(seeds)
@settings(max_examples=200, deadline=None)
def test_a_caption_says_exactly_what_its_spec_holds(seed: int) -> None:
    spec, caption = sample_spec(random.Random(seed))
    assert spec_of_caption(caption) == replace(spec, style=())
    assert len(spec.style) == STYLE_SIZE
    assert all(0 <= number <= 1 for number in spec.style)


@given(seeds)
@settings(max_examples=20, deadline=None)
def test_a_picture_is_a_pure_function_of_its_seed(seed: int) -> None:
    first, second = draw(random.Random(seed)), draw(random.Random(seed))
    assert first.pixels.shape == (256, 256, 3)
    assert first.pixels.dtype == np.uint8
    assert first.caption == second.caption
    assert np.array_equal(first.pixels, second.pixels)


@given(seeds, st.integers(0, STYLE_SIZE - 1), st.floats(0, 0.996))
@settings(max_examples=60, deadline=None)
def test_small_changes_of_style_are_small_changes_of_picture(
    seed: int, which: int, value: float
) -> None:
    spec, _ = sample_spec(random.Random(seed))
    before, after = list(spec.style), list(spec.style)
    before[which], after[which] = value, value + 0.004
    change = distance(replace(spec, style=tuple(before)), replace(spec, style=tuple(after)))
    assert change < 1.5


@pytest.mark.parametrize("coat", [None, *COATS])
@pytest.mark.parametrize("animal", ANIMALS)
def test_no_colour_jumps_on_the_way_through_a_coat(animal: str, coat: str | None) -> None:
    # Lids, whiskers and nose are dark or light by the fur: a limit on a coat's way would flip them.
    frames = []
    for along in np.linspace(0, 1, 26):
        style = list(DEFAULT)
        style[5] = float(along)
        frames.append(render(Spec(animal, coat, "happy", None, tuple(style))).astype(np.int16))
    for before, after in pairwise(frames):
        assert np.abs(after - before).max() < 40


@pytest.mark.parametrize("words", [ANIMALS, COATS, MOODS, PLACES, SCENES])
def test_every_word_changes_the_picture(words: tuple[str, ...]) -> None:
    specs = []
    for word in (*words, *((None,) if words in (COATS, MOODS, PLACES) else ())):
        specs.append(
            Spec(
                None if words is SCENES else word if words is ANIMALS else "cat",
                word if words is COATS else None,
                word if words is MOODS else None,
                word if words in (PLACES, SCENES) else None,
                DEFAULT,
            )
        )
    pictures = [render(spec).astype(np.int16) for spec in specs]
    for k, one in enumerate(pictures):
        for other in pictures[:k]:
            assert np.abs(one - other).mean() > 0.7


def test_open_marks_fade_in_and_tabby_completes_them() -> None:
    def cat(marks: float, coat: str | None = None) -> Spec:
        style = list(DEFAULT)
        style[6] = marks
        return Spec("cat", coat, None, None, tuple(style))

    steps = [distance(cat(0), cat(marks)) for marks in (0.25, 0.5, 0.75, 1.0)]
    assert steps == sorted(steps)
    assert steps[0] > 0
    assert distance(cat(0), cat(0.5, "tabby")) > 2 * steps[-1]


def test_every_word_comes_up_and_bare_animals_often() -> None:
    rng = random.Random(20)
    captions = [sample_spec(rng)[1] for _ in range(4000)]
    spoken = " ".join(captions).split()
    for word in (*ANIMALS, *COATS, *MOODS, *PLACES, "kyoto", "tokyo", "calm", "storm"):
        assert spoken.count(word) > 20, word
    assert sum(caption in ANIMALS for caption in captions) / len(captions) >= 0.2
    assert {"tabby", "a yacht in a storm", "kyoto"} <= set(captions)


@pytest.mark.parametrize(
    ("caption", "spec"),
    [
        ("tabby", Spec("cat", "tabby", None, None, ())),
        ("sleepy fox", Spec("fox", None, "sleepy", None, ())),
        ("A photo of a tabby cat on a sofa", Spec("cat", "tabby", None, "sofa", ())),
        ("an owl in the rain", Spec("owl", None, None, "rain", ())),
        ("a happy orange cat by the sea", Spec("cat", "orange", "happy", "sea", ())),
        ("yacht", Spec(None, None, None, "calm sea yacht", ())),
        ("a picture of a yacht in a storm", Spec(None, None, None, "stormy sea yacht", ())),
    ],
)
def test_captions_are_read(caption: str, spec: Spec) -> None:
    assert spec_of_caption(caption) == spec


@pytest.mark.parametrize(
    "caption", ["", "zebra", "cat dog", "a photo of a white", "sleepycat", "cat at", "a"]
)
def test_an_unknown_caption_is_refused_with_the_words_that_work(caption: str) -> None:
    with pytest.raises(MorphError, match="kitten") as refusal:
        spec_of_caption(caption)
    assert "\n" not in str(refusal.value)


def test_a_picture_costs_milliseconds() -> None:
    rng = random.Random(1)
    costs = []
    for _ in range(30):
        start = time.perf_counter()
        draw(rng)
        costs.append(time.perf_counter() - start)
    assert sorted(costs)[15] < 0.02
