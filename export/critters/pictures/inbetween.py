"""In-betweens: what a picture half way from one caption to another looks like.

Two drawings become one as an animator tweens them: every length and place is a share of the way
from the first animal's to the second's, so that eyes meet eyes, and what no number can turn into
the other (a beak, a mane, a sofa) fades.
"""

import random
from dataclasses import dataclass, fields, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from export.critters.pictures.captions import (
    ANIMALS,
    COATS,
    MOODS,
    Spec,
    sample_spec,
    spec_of_caption,
)
from export.critters.pictures.draw import Build, build_of, render
from export.critters.pictures.species import Mood, Species

BARE_SHARE, WORD_SHARE = 0.45, 0.35
"""How many go from one bare animal to another, and how many change one word of a caption; the rest
go from any caption to any other."""
_MOVED_MOOD = ("ears", "droop")
_FADING_SPECIES = ("stripes",)
"""All other numbers of a mood, and these of a species, say what is drawn and not where."""

Numbers = TypeVar("Numbers", Species, Mood)


@dataclass(frozen=True)
class Inbetween:
    """A picture that is a share of the way from one to another of the same style."""

    first: Spec
    second: Spec
    share: float
    """0 is the first, 1 the second."""

    @property
    def builds(self) -> tuple[Build | None, Build | None]:
        """Both animals with the numbers they share; None where there is none."""
        first, second = build_of(self.first), build_of(self.second)
        if first is None or second is None:
            return first, second
        return _moved(first, second, self.share), _moved(second, first, 1 - self.share)

    def render(self) -> NDArray[np.uint8]:
        """Draw it: uint8 [256, 256, 3], sRGB."""
        first, second = self.builds
        if self.share == 0:
            return render(self.first)
        pixels = (1 - self.share) * render(self.first, first).astype(np.float32)
        pixels += self.share * render(self.second, second)
        drawn: NDArray[np.uint8] = pixels.round().astype(np.uint8)
        return drawn


def sample_inbetween(rng: random.Random) -> tuple[Inbetween, str, str]:
    """A random one, with the captions it lies between."""
    kind = rng.random()
    if kind < BARE_SHARE:
        first, _ = sample_spec(rng)
        caption, other = rng.sample(ANIMALS, 2)
        first = replace(spec_of_caption(caption), style=first.style)
    else:
        first, caption = sample_spec(rng)
        changed = _one_word_changed(caption, rng) if kind < BARE_SHARE + WORD_SHARE else None
        other = changed or sample_spec(rng)[1]
    second = replace(spec_of_caption(other), style=first.style)
    return Inbetween(first, second, rng.random()), caption, other


def _one_word_changed(caption: str, rng: random.Random) -> str | None:
    words = caption.split()
    if not set(words) & set(ANIMALS):
        return None
    groups = {word: group for group in (ANIMALS, COATS, MOODS) for word in group}
    at = rng.choice([i for i, word in enumerate(words) if word in groups])
    words[at] = rng.choice([word for word in groups[words[at]] if word != words[at]])
    return " ".join(words)


def _moved(build: Build, other: Build, share: float) -> Build:
    return Build(
        _nearer(build.species, other.species, share),
        _nearer(build.mood, other.mood, share),
        build.ground + share * (other.ground - build.ground),
    )


def _nearer(one: Numbers, other: Numbers, share: float) -> Numbers:
    """``one`` with its lengths and places a share of the way to those of ``other``."""
    own = {field.name: getattr(one, field.name) for field in fields(one)}
    fading = set(_FADING_SPECIES)
    if isinstance(one, Species) and isinstance(other, Species):
        fading |= {"ear_len", "ear_w"} if one.ear != other.ear else set()
        fading |= {"tail_w"} if one.tail != other.tail else set()
    moved = {
        name: value + share * (getattr(other, name) - value)
        for name, value in own.items()
        if isinstance(value, int | float)
        and not isinstance(value, bool)
        and (name in _MOVED_MOOD if isinstance(one, Mood) else name not in fading)
    }
    return replace(one, **moved)
