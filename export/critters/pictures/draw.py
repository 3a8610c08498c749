"""Draws the pictures that the built-in model learns: one style, one caption each."""

import random
from dataclasses import dataclass

import numpy as np
import skia
from numpy.typing import NDArray

from export.critters.pictures.animals import draw_animal
from export.critters.pictures.brush import Brush
from export.critters.pictures.captions import (
    ANIMALS,
    COATS,
    MOODS,
    PLACES,
    SCENES,
    STYLE_SIZE,
    Spec,
    Style,
    sample_spec,
    spec_of_caption,
)
from export.critters.pictures.pet import Pet
from export.critters.pictures.places import GROUND, PLACE_BACKDROPS, TINT
from export.critters.pictures.scenes import SCENE_BACKDROPS
from export.critters.pictures.species import MOODS as MOOD_FACES
from export.critters.pictures.species import SPECIES, Mood, Species

__all__ = [
    "ANIMALS", "COATS", "MOODS", "PLACES", "SCENES", "SIZE", "STYLE_SIZE", "Picture", "Spec",
    "Style", "draw", "render", "sample_spec", "spec_of_caption",
]  # fmt: skip

SIZE = 256
_BACKDROPS = PLACE_BACKDROPS | SCENE_BACKDROPS


@dataclass(frozen=True)
class Picture:
    """A drawing, a caption of it and what decided it."""

    pixels: NDArray[np.uint8]
    """[256, 256, 3], sRGB."""
    caption: str
    spec: Spec


def style_of(spec: Spec) -> Style:
    """The style of a spec, the default one where it is empty."""
    return Style(*(spec.style or (0.5,) * STYLE_SIZE))


@dataclass(frozen=True)
class Build:
    """The numbers of an animal that do not depend on the style, ready to be drawn."""

    species: Species
    mood: Mood
    ground: float
    """Where it stands, in pixels from the top."""

    def placed(self, style: Style) -> tuple[float, float, float]:
        """Where it stands in the picture, in pixels, and how much larger it is drawn."""
        x = SIZE / 2 + 0.2 * SIZE * (style.x - 0.5)
        y = self.ground + 20 * (style.y - 0.5)
        return x, y, (1 + 0.2 * (style.size - 0.5)) * self.species.scale

    def face(self, style: Style) -> tuple[float, float, float]:
        """Centre and radius of the face, in pixels."""
        x, y, scale = self.placed(style)
        return x, y + scale * (self.mood.droop - self.species.hy), scale * self.species.hw


def build_of(spec: Spec) -> Build | None:
    """The animal of a picture; None where it shows none."""
    if spec.animal is None:
        return None
    return Build(SPECIES[spec.animal], MOOD_FACES[spec.mood], GROUND.get(spec.place, 230.0))


def render(spec: Spec, build: Build | None = None) -> NDArray[np.uint8]:
    """Draw a picture: uint8 [256, 256, 3], sRGB; a pure, in ``spec.style`` smooth function.

    ``build`` holds the animal's numbers, where they are not those of its words.
    """
    style = style_of(spec)
    build = build or build_of(spec)
    pixels = np.zeros((SIZE, SIZE, 4), np.uint8)
    canvas = skia.Surface(pixels, colorType=skia.kRGBA_8888_ColorType).getCanvas()
    brush = Brush(canvas)
    _BACKDROPS[spec.place](brush, style)
    if build is not None:
        x, y, scale = build.placed(style)
        pet = Pet(brush, build.species, spec.coat, build.mood, style)
        tint = TINT.get(spec.place)
        if tint:
            light = skia.ColorFilters.Blend(
                skia.ColorSetRGB(*(round(channel) for channel in tint)), skia.BlendMode.kModulate
            )
            canvas.saveLayer(None, skia.Paint(ColorFilter=light))
        with brush.moved(x, y, 0, scale, scale):
            draw_animal(pet)
        if tint:
            canvas.restore()
    return np.ascontiguousarray(pixels[:, :, :3])


def draw(rng: random.Random) -> Picture:
    """A random picture with its caption; the same ``rng`` state gives the same picture."""
    spec, caption = sample_spec(rng)
    return Picture(render(spec), caption, spec)
