"""An animal about to be drawn: its species, fur, mood and style as ready numbers.

Local pixels: the origin is on the ground between the feet, y grows downwards.
"""

import math
from dataclasses import replace

from export.critters.pictures.brush import Brush
from export.critters.pictures.captions import Style
from export.critters.pictures.palette import COAT_FUR, Fur, is_dark, rgb
from export.critters.pictures.species import Mood, Species

INK = rgb("3a2a30")
WHITE = rgb("fffdf8")
PINK = rgb("e88f8c")


def fur_of(species: Species, coat: str | None, along: float) -> Fur:
    """The fur tones of a species in a coat (None: its own), at ``along`` (0..1) of the path."""
    own = species.fur.at(along)
    if coat is None:
        return own
    fur = COAT_FUR[coat].at(along)
    if species.special == "patches":
        dark = rgb("d9d5d2") if is_dark(fur.base) else rgb("33323c")
        return replace(fur, mark=dark)
    if species.stripes:
        dark = rgb("8d8794") if is_dark(fur.base) else rgb("43383a")
        return replace(fur, mark=dark)
    return fur


class Pet:
    """One animal on one canvas."""

    def __init__(
        self, brush: Brush, species: Species, coat: str | None, mood: Mood, style: Style
    ) -> None:
        """Take the species', coat's and mood's numbers; draw nothing yet."""
        self.b = brush
        self.sp = species
        self.fur: Fur = fur_of(self.sp, coat, style.coat)
        self.mood = mood
        self.style = style
        self.turn = (style.turn - 0.5) * 0.64
        self.pose = style.pose * 2 - 1
        marks: dict[str, float] = {"tabby": self.sp.stripes, "spotted": 0.0}
        if coat in marks:
            marks[coat] = 1.0
        elif coat is None and self.sp.faint:
            marks[self.sp.faint] = 0.35 * style.marks
        self.stripes, self.spots = marks["tabby"], marks["spotted"]
        self.head_y = -self.sp.hy + self.mood.droop

    def at(self, x: float, depth: float = 0.92) -> float:
        """Where a place on the face at ``x`` (share of the half width) shows on a turned head."""
        angle = math.asin(max(-1.0, min(1.0, x * depth))) + self.turn
        return self.sp.hw * math.sin(angle) / depth
