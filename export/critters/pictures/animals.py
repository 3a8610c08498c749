"""Draws a sitting animal."""

from export.critters.pictures.body import body, owl_body, tail
from export.critters.pictures.head import ears, head, mane
from export.critters.pictures.palette import rgb
from export.critters.pictures.pet import Pet


def draw_animal(pet: Pet) -> None:
    """Draw the whole animal."""
    sp, b = pet.sp, pet.b
    b.glow(4, -1, sp.bw * 1.75, 17, rgb("2a2438"), 0.42)
    if sp.special == "wings":
        owl_body(pet)
    else:
        tail(pet)
        body(pet)
    with b.moved(8 * pet.turn, pet.head_y, 14 * (pet.style.tilt - 0.5)):
        if sp.special == "mane":
            mane(pet)
        if sp.ear != "flop":
            ears(pet)
        head(pet)
        if sp.ear == "flop":
            ears(pet)
