"""Draws everything of an animal below its neck."""

import skia

from export.critters.pictures.brush import box, curve, oval
from export.critters.pictures.palette import lit, mix, rgb, shaded
from export.critters.pictures.pet import PINK, Pet


def body_path(pet: Pet) -> skia.Path:
    """The torso from the neck to the ground."""
    sp = pet.sp
    top = -sp.hy + sp.hh * 0.35
    s, w = sp.sw, sp.bw
    return curve(
        [(-s, top), (-s - 6, top * 0.55), (-w, top * 0.6), (-w, -24),
         (-w, -6), (-w * 0.8, 0), (-w * 0.5, 0),
         (0, 0), (0, 0), (w * 0.5, 0), (w * 0.8, 0), (w, -6), (w, -24),
         (w, top * 0.6), (s + 6, top * 0.55), (s, top), (0, top), (0, top), (-s, top)],
        close=True,
    )  # fmt: skip


def tail(pet: Pet) -> None:
    """The tail, behind the body to the right; ``pose`` lifts it."""
    sp, b, fur = pet.sp, pet.b, pet.fur
    lift, w = 14 * pet.pose, sp.bw
    kinds = {
        "curl": [(w * 0.6, -12), (w + 30, -4), (w + 40, -40 - lift * 0.5),
                 (w + 20, -62 - lift), (w + 12, -72 - lift), (w + 16, -84 - lift),
                 (w + 27, -84 - lift)],
        "kit": [(w * 0.6, -10), (w + 20, -6), (w + 28, -24 - lift * 0.4),
                (w + 22, -44 - lift)],
        "wag": [(w * 0.6, -16), (w + 16, -20), (w + 26, -40 - lift * 0.5),
                (w + 22, -66 - lift)],
        "tuft": [(w * 0.6, -12), (w + 30, -2), (w + 34, -38 - lift * 0.5),
                 (w + 26, -64 - lift)],
        "thin": [(w * 0.6, -8), (w + 40, -2), (w + 46, -34 - lift * 0.5), (w + 22, -40 - lift),
                 (w + 8, -46 - lift), (w + 16, -66 - lift), (w + 36, -62 - lift)],
    }  # fmt: skip
    if sp.tail == "puff":
        b.form(oval(w * 0.98, -24 - lift * 0.4, sp.tail_w / 2, sp.tail_w / 2), fur.light)
    elif sp.tail == "brush":
        x, y = w + 34, -92 - lift
        brush = curve(
            [(w * 0.4, -4), (w + 26, 4), (w + 52, -22), (w + 50, -52 - lift * 0.5),
             (w + 48, -72 - lift), (w + 46, -84 - lift), (x, y),
             (w + 14, -80 - lift), (w + 4, -60 - lift), (w + 6, -44 - lift * 0.5),
             (w + 6, -30), (w * 0.8, -26), (w * 0.4, -26)],
            close=True,
        )  # fmt: skip
        b.form(brush, shaded(fur.base, 0.2), round_px=6)
        tip = curve([(x + 30, y + 26), (x + 8, y + 44), (x - 8, y + 24), (x - 40, y + 34),
                     (x - 30, y - 30), (x, y - 30), (x + 30, y - 30)], close=True)  # fmt: skip
        with b.inside(brush):
            b.fill(tip, fur.light)
        with b.inside(tip):
            b.line(brush, fur.light, 6)
    elif sp.tail in kinds:
        line = curve(kinds[sp.tail])
        color = PINK if sp.tail == "thin" else shaded(fur.base, 0.3)
        b.line(line, color, sp.tail_w)
        end = kinds[sp.tail][-1]
        if pet.stripes:
            b.line(curve(kinds[sp.tail][-4:]), fur.mark, sp.tail_w, 0.75 * pet.stripes)
        if sp.tail == "tuft":
            b.form(oval(end[0] - 1, end[1] - 6, 14, 18), fur.mark)


def body(pet: Pet) -> None:
    """Torso, chest, markings, haunches and front legs."""
    sp, b, fur = pet.sp, pet.b, pet.fur
    torso = body_path(pet)
    limbs = fur.mark if sp.special == "patches" else fur.base
    socks = fur.mark if sp.special == "mask" else lit(limbs, 0.1)
    for side in (-1, 1):
        b.form(oval(side * sp.bw * 0.82, -8, 19 + sp.leg * 0.12, 10), shaded(limbs, 0.25), 0.7)
    b.form(torso, fur.base)
    chest = -sp.hy + sp.hh * 0.7
    with b.inside(torso):
        if sp.special == "patches":
            b.form(oval(0, -sp.hy * 0.8, sp.bw * 1.3, sp.hy * 0.38), fur.mark, 0.6)
        else:
            b.fill(oval(2 * pet.turn, chest + 14, sp.sw * 0.7, 34), fur.light, 0.9)
        body_marks(pet)
        b.glow(4, chest, sp.hw * 0.95, 30, rgb("2a2030"), 0.34)
    top = min(-40.0, -sp.hy * 0.48)
    for side in (-1, 1):
        x = side * sp.leg_x + 2 * pet.turn
        leg = box(x - sp.leg / 2, top, sp.leg, -top, sp.leg / 2)
        b.fill(box(x - sp.leg / 2 - 2, top * 0.72, sp.leg + 4, -top * 0.72, sp.leg / 2),
               shaded(limbs, 0.9), 0.5)  # fmt: skip
        b.land(leg, limbs, lit(limbs, 0.06))
        if sp.special == "mask":
            with b.inside(leg):
                b.fill(oval(x, -6, sp.leg * 0.8, 24), socks)
        if pet.stripes:
            with b.inside(leg):
                for y in (-34.0, -20.0):
                    b.line(curve([(x - 12, y), (x, y + 4), (x, y + 4), (x + 12, y)]), fur.mark,
                           5.5, 0.85 * pet.stripes)  # fmt: skip
        b.form(oval(x, -5, sp.leg * 0.66, 8.5), socks, 0.8)
    if sp.special == "collar":
        y = -sp.hy + sp.hh * 0.92
        b.line(curve([(-sp.sw, y), (-sp.sw * 0.5, y + 13), (sp.sw * 0.5, y + 13), (sp.sw, y)]),
               rgb("d9534a"), 9)  # fmt: skip
        b.form(oval(3 * pet.turn, y + 17, 6.5, 6.5), rgb("f4c95a"))


def body_marks(pet: Pet) -> None:
    """Stripes or spots on the torso (drawn clipped to it)."""
    sp, b, fur = pet.sp, pet.b, pet.fur
    for side in (-1, 1):
        for y in (-66.0, -48.0, -30.0) if pet.stripes else ():
            x = side * sp.bw
            stripe = curve([(x * 1.1, y - 6), (x * 0.8, y - 6), (x * 0.6, y), (x * 0.48, y + 9),
                            (x * 0.62, y + 5), (x * 0.8, y + 4), (x * 1.1, y + 5)],
                           close=True)  # fmt: skip
            b.fill(stripe, fur.mark, 0.9 * pet.stripes)
    if pet.spots:
        for x, y, r in ((-0.8, -58.0, 15), (0.86, -40, 17), (-0.72, -20, 11), (0.6, -76, 9)):
            b.fill(oval(x * sp.bw, y, r, r * 0.9), fur.mark, 0.92 * pet.spots)


def owl_body(pet: Pet) -> None:
    """Torso, breast scallops, wings and claws."""
    sp, b, fur = pet.sp, pet.b, pet.fur
    torso = oval(0, -66, sp.bw, 66)
    b.form(torso, fur.base)
    with b.inside(torso):
        b.form(oval(0, -46, sp.bw * 0.72, 56), fur.light, 0.5)
        for row, y in enumerate((-70, -50, -30)):
            for col in range(-2, 3):
                x = col * 19 + (9.5 if row % 2 else 0)
                b.line(curve([(x - 7, y), (x - 5, y + 8), (x + 5, y + 8), (x + 7, y)]),
                       mix(fur.base, fur.light, 0.15), 4, 0.9)  # fmt: skip
        body_marks(pet)
    for side in (-1, 1):
        with b.moved(side * (sp.bw - 6), -96, -side * (8 + 9 * pet.pose), side):
            wing = curve([(-8, -6), (14, -8), (24, 30), (16, 56), (12, 72), (0, 84), (-8, 88),
                          (-16, 66), (-18, 20), (-8, -6)], close=True)  # fmt: skip
            b.form(wing, mix(fur.base, fur.mark, 0.55))
        for toe in (-8, 0, 8):
            b.form(oval(side * 20 + toe, -4, 5, 8), rgb("e89a3c"))
    b.glow(4, -82, 60, 26, rgb("2a2030"), 0.3)
