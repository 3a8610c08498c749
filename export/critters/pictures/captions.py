"""What a picture shows (``Spec``) and the little grammar of captions that say it."""

import random
import re
from dataclasses import dataclass
from typing import NamedTuple

from runtime.errors import MorphError

ANIMALS = (
    "cat", "kitten", "dog", "puppy", "rabbit", "fox", "bear", "panda", "tiger", "lion", "owl",
    "mouse",
)  # fmt: skip
COATS = ("tabby", "spotted", "white", "black", "orange", "gray", "brown")
MOODS = ("sleepy", "happy", "surprised")
PLACES = ("sofa", "grass", "snow", "night", "rain", "sea")
SCENES = ("kyoto", "tokyo", "calm sea yacht", "stormy sea yacht")


class Style(NamedTuple):
    """What captions leave open: numbers in (0, 1), 0.5 is the default; pictures vary smoothly."""

    x: float = 0.5
    """Where the subject stands, left to right."""
    y: float = 0.5
    """Where it stands, far to near."""
    size: float = 0.5
    turn: float = 0.5
    """Where the face points, left to right."""
    tilt: float = 0.5
    coat: float = 0.5
    """Along the natural colours of the species or the named coat."""
    marks: float = 0.5
    """Strength of the faint markings of an animal whose coat is open."""
    hue: float = 0.5
    """Colour of backdrop, sofa, sky."""
    light: float = 0.5
    detail: float = 0.5
    """Where the parts of the place are: hills, moon, clouds, horizon."""
    pose: float = 0.5
    """Tail and ears."""
    gaze: float = 0.5


STYLE_SIZE = len(Style._fields)

_PLACE_PHRASES = {
    "sofa": "on a sofa",
    "grass": "on grass",
    "snow": "on snow",
    "night": "at night",
    "rain": "in the rain",
    "sea": "by the sea",
}
_SCENE_PHRASES = {
    "kyoto": "kyoto",
    "tokyo": "tokyo",
    "calm sea yacht": "a yacht on a calm sea",
    "stormy sea yacht": "a yacht in a storm",
}
_MEDIA = ("photo", "drawing", "picture")
_GRAMMAR = re.compile(
    rf"(?:an? (?:{'|'.join(_MEDIA)}) of )?(?:an? )?"
    rf"(?:(?P<mood>{'|'.join(MOODS)}) )?(?:(?P<coat>{'|'.join(COATS)}) )?"
    rf"(?:(?P<animal>{'|'.join(ANIMALS)}) )?"
    rf"(?:(?P<place>{'|'.join(_PLACE_PHRASES.values())}) )?"
)


@dataclass(frozen=True)
class Spec:
    """Everything that decides a picture."""

    animal: str | None
    """One of ``ANIMALS``; None for a scene or an empty place."""
    coat: str | None
    """One of ``COATS``; None where the caption leaves it open."""
    mood: str | None
    """One of ``MOODS``; None is a neutral face."""
    place: str | None
    """One of ``PLACES`` or, without an animal, of ``SCENES``; None is a plain studio backdrop."""
    style: tuple[float, ...]
    """``STYLE_SIZE`` numbers in (0, 1) for all that a caption leaves open; 0.5 is the default."""


def article(noun: str) -> str:
    """The noun phrase with its indefinite article: ``"owl"`` -> ``"an owl"``."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def sample_spec(rng: random.Random) -> tuple[Spec, str]:
    """A random picture description and one caption of it.

    About a quarter of the captions are a bare animal word, a tenth are scenes; the rest combine
    mood, coat and place freely, as a phrase ("a white kitten on snow") or a sentence
    ("a photo of a tabby cat on a sofa").
    """
    style = tuple(rng.random() for _ in range(STYLE_SIZE))
    kind = rng.random()
    if kind < 0.10:
        scene = rng.choice(SCENES)
        phrases = [_SCENE_PHRASES[scene]]
        if scene == "calm sea yacht":
            phrases.append("a yacht")
        phrase = rng.choice(phrases)
        if rng.random() < 0.3:
            phrase = f"{article(rng.choice(_MEDIA))} of {phrase}"
        elif rng.random() < 0.5:
            phrase = phrase.removeprefix("a ")
        return Spec(None, None, None, scene, style), phrase
    if kind < 0.12:
        place = rng.choice(PLACES)
        return Spec(None, None, None, place, style), place
    animal = rng.choice(ANIMALS)
    if kind < 0.36:
        return Spec(animal, None, None, None, style), animal
    if kind < 0.38:
        return Spec("cat", "tabby", None, None, style), "tabby"
    coat = rng.choice(COATS) if rng.random() < 0.55 else None
    mood = rng.choice(MOODS) if rng.random() < 0.4 else None
    place_or_none = rng.choice(PLACES) if rng.random() < 0.65 else None
    noun = " ".join(word for word in (mood, coat, animal) if word)
    form = rng.random()
    if form >= 0.3:
        noun = article(noun)
    if form >= 0.65:
        noun = f"{article(rng.choice(_MEDIA))} of {noun}"
    if place_or_none:
        noun = f"{noun} {_PLACE_PHRASES[place_or_none]}"
    return Spec(animal, coat, mood, place_or_none, style), noun


def spec_of_caption(caption: str) -> Spec:
    """What a caption says, with an empty ``style``: the inverse of ``sample_spec``'s grammar.

    Raises:
        MorphError: the caption does not belong to the grammar.
    """
    text = " ".join(caption.lower().split())
    if text in PLACES:
        return Spec(None, None, None, text, ())
    bare = re.sub(rf"^an? (?:{'|'.join(_MEDIA)}) of ", "", text)
    for scene, phrase in _SCENE_PHRASES.items():
        if bare.removeprefix("a ") == phrase.removeprefix("a "):
            return Spec(None, None, None, scene, ())
    if bare.removeprefix("a ") == "yacht":
        return Spec(None, None, None, "calm sea yacht", ())
    found = _GRAMMAR.fullmatch(f"{text} ")
    animal = found and (found["animal"] or ("cat" if found["coat"] == "tabby" else None))
    if not found or not animal:
        raise MorphError(
            f"caption {caption!r} is not understood; say an animal ({', '.join(ANIMALS)}) with an "
            f"optional mood, coat and place, or a scene such as {_SCENE_PHRASES['kyoto']!r}"
        )
    places = {phrase: place for place, phrase in _PLACE_PHRASES.items()}
    place = places[found["place"]] if found["place"] else None
    return Spec(animal, found["coat"], found["mood"], place, ())


def taught_words() -> tuple[str, ...]:
    """Every word that ``sample_spec`` can put into a caption, sorted."""
    phrases = (
        *ANIMALS, *COATS, *MOODS, *PLACES, *_MEDIA, *_PLACE_PHRASES.values(),
        *_SCENE_PHRASES.values(), "a an of",
    )  # fmt: skip
    return tuple(sorted({word for phrase in phrases for word in phrase.split()}))
