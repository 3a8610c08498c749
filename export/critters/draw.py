"""Draws the pictures that the built-in model learns: one style, one caption each."""

import random
from dataclasses import dataclass

import numpy as np
import skia
from numpy.typing import NDArray

from export.critters.animals import draw_animal
from export.critters.brush import Brush
from export.critters.captions import (
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
from export.critters.pet import Pet
from export.critters.places import GROUND, PLACE_BACKDROPS, TINT
from export.critters.scenes import SCENE_BACKDROPS
from export.critters.species import MOODS as MOOD_FACES
from export.critters.species import SPECIES

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


def _style(spec: Spec) -> Style:
    return Style(*(spec.style or (0.5,) * STYLE_SIZE))


def placed(animal: str, place: str | None, style: Style) -> tuple[float, float, float]:
    """Where an animal stands in the picture, in pixels, and how much larger it is drawn."""
    x = SIZE / 2 + 0.2 * SIZE * (style.x - 0.5)
    y = GROUND.get(place, 230.0) + 20 * (style.y - 0.5)
    return x, y, (1 + 0.2 * (style.size - 0.5)) * SPECIES[animal].scale


def face_of(spec: Spec) -> tuple[float, float, float] | None:
    """Centre and radius of the face, in pixels; None in a picture without an animal."""
    if spec.animal is None:
        return None
    style, species = _style(spec), SPECIES[spec.animal]
    x, y, scale = placed(spec.animal, spec.place, style)
    return x, y + scale * (MOOD_FACES[spec.mood].droop - species.hy), scale * species.hw


def render(spec: Spec) -> NDArray[np.uint8]:
    """Draw a picture: uint8 [256, 256, 3], sRGB; a pure, in `spec.style` smooth function."""
    style = _style(spec)
    pixels = np.zeros((SIZE, SIZE, 4), np.uint8)
    canvas = skia.Surface(pixels, colorType=skia.kRGBA_8888_ColorType).getCanvas()
    brush = Brush(canvas)
    _BACKDROPS[spec.place](brush, style)
    if spec.animal is not None:
        x, y, scale = placed(spec.animal, spec.place, style)
        pet = Pet(brush, spec.animal, spec.coat, spec.mood, style)
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
    """A random picture with its caption; the same `rng` state gives the same picture."""
    spec, caption = sample_spec(rng)
    return Picture(render(spec), caption, spec)
