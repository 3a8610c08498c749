"""Draws an animal's head about its centre: ears, markings, eyes, muzzle."""

import math

import skia

from export.critters.pictures.brush import curve, oval, polygon
from export.critters.pictures.palette import is_dark, lit, luma, mix, path, rgb, shaded
from export.critters.pictures.pet import INK, PINK, WHITE, Pet


def head_path(pet: Pet) -> skia.Path:
    """The outline of the head about its centre."""
    sp = pet.sp
    w, h, y = sp.hw, sp.hh, sp.wide * sp.hh
    kx, ky = w * (1 - 0.42 * sp.cheek), y + (h - y) * (0.55 - 0.1 * sp.cheek)
    up = y - (h + y) * (0.56 - 0.12 * sp.cheek)
    return curve(
        [(0, -h), (w * sp.flat, -h), (w, up), (w, y), (kx, ky), (w * sp.chin, h), (0, h),
         (-w * sp.chin, h), (-kx, ky), (-w, y), (-w, up), (-w * sp.flat, -h), (0, -h)],
        close=True,
    )  # fmt: skip


def ears(pet: Pet) -> None:
    """Both ears; pose, mood and the head's turn move them."""
    sp, b, fur = pet.sp, pet.b, pet.fur
    outer = fur.mark if sp.special == "patches" else fur.base
    inner = mix(PINK, fur.base, 0.55) if is_dark(fur.base) else mix(PINK, fur.light, 0.25)
    for side in (-1, 1):
        x = sp.ear_x * sp.hw + side * 5 * pet.turn
        y = -sp.hh * math.sqrt(max(0.0, 1 - sp.ear_x**2)) * 0.92
        angle = sp.ear_turn + pet.mood.ears + 7 * pet.pose
        length, w = sp.ear_len, sp.ear_w / 2
        if sp.ear == "round":
            out = math.radians(40 + pet.mood.ears + 4 * pet.pose)
            x, y = x + 0.35 * length * math.sin(out), y - 0.35 * length * math.cos(out)
            b.form(oval(side * x, y, length, length), outer)
            if sp.special != "patches":
                b.fill(oval(side * x, y + 2, length * 0.6, length * 0.6), inner)
        elif sp.ear == "point":
            with b.moved(side * x, y, side * angle, side):
                ear = curve([(-w, 12), (-w * 0.95, -length * 0.45), (-w * 0.2, -length * 0.9),
                             (0, -length), (w * 0.45, -length * 0.85), (w, -length * 0.4),
                             (w, 14)], close=True)  # fmt: skip
                b.form(ear, outer, round_px=6)
                if sp.special == "mask":
                    with b.inside(oval(0, -length * 1.05, w * 1.5, length * 0.46)):
                        b.form(ear, fur.mark, round_px=6)
                if sp.special != "wings":
                    with b.moved(0, 4, 0, 0.56, 0.62):
                        b.fill(ear, inner, round_px=4)
        elif sp.ear == "long":
            with b.moved(side * x, y + 8, side * (angle + 4 * pet.turn * side), side):
                b.form(oval(0, -length * 0.5, w, length * 0.56), outer)
                b.fill(oval(0, -length * 0.5, w * 0.52, length * 0.44), inner)
        else:
            with b.moved(side * x, y + 2, -side * angle, side):
                flop = curve([(-w * 0.7, -4), (w * 0.2, -14), (w * 1.1, 0), (w * 1.1, length * 0.5),
                              (w * 1.1, length * 0.9), (w * 0.6, length), (w * 0.1, length),
                              (-w * 0.7, length), (-w * 0.6, length * 0.4), (-w * 0.7, -4)],
                             close=True)  # fmt: skip
                b.form(flop, mix(fur.base, fur.mark, 0.62), round_px=3)


def mane(pet: Pet) -> None:
    """A scalloped mane about the head."""
    sp, b = pet.sp, pet.b
    ring = oval(0, 4, sp.hw + 20, sp.hh + 22)
    for k in range(12):
        a = math.tau * (k + 0.5) / 12
        tuft = oval((sp.hw + 17) * math.cos(a), 4 + (sp.hh + 19) * math.sin(a), 18, 18)
        ring = skia.Op(ring, tuft, skia.PathOp.kUnion_PathOp)
    b.form(ring, pet.fur.mark, 0.9)
    b.fill(oval(0, 3, sp.hw + 9, sp.hh + 9), shaded(pet.fur.mark, 0.45), 0.55)


def head(pet: Pet) -> None:
    """The head and all that is on the face."""
    sp, b, fur = pet.sp, pet.b, pet.fur
    skull = head_path(pet)
    b.form(skull, fur.base)
    with b.inside(skull):
        face_marks(pet)
    if sp.special == "wings":
        beak(pet)
    else:
        muzzle(pet)
    eyes(pet)
    if sp.whiskers:
        tone = lit(fur.base, 0.6) if luma(fur.base) < 0.45 else mix(fur.mark, INK, 0.3)
        y = sp.muz_y * sp.hh
        for side in (-1, 1):
            for dy, rise in ((-3, -5), (5, 5)):
                x0, x1 = pet.at(side * (sp.muz_w + 0.2)), pet.at(side * 0.98) + side * 9
                b.line(curve([(x0, y + dy), (x0 + (x1 - x0) * 0.5, y + dy), (x1, y + dy + rise),
                              (x1, y + dy + rise)]), tone, 2.3, 0.8)  # fmt: skip


def face_marks(pet: Pet) -> None:
    """Mask, patches, stripes, spots and blush (drawn clipped to the head)."""
    sp, b, fur, at = pet.sp, pet.b, pet.fur, pet.at
    w, h = sp.hw, sp.hh
    for side in (-1, 1):
        if sp.special == "mask":
            cheek = curve([(at(0), -h * 0.1), (at(side * 0.12), h * 0.1), (at(side * 0.4), h * 0.3),
                           (side * w * 1.2, -h * 0.12), (side * w * 1.2, h * 1.2),
                           (at(0), h * 1.4), (at(0), h * 1.1)], close=True)  # fmt: skip
            b.fill(cheek, fur.light)
        if sp.special == "patches":
            x = at(side * (sp.eye_x + 0.03))
            with b.moved(x, sp.eye_y * h + 3, side * 28):
                b.fill(oval(0, 0, w * 0.25, h * 0.38), fur.mark)
        if sp.special == "wings":
            b.fill(oval(at(side * sp.eye_x), sp.eye_y * h + 2, w * 0.47, h * 0.66), fur.light)
        if sp.special == "brows":
            b.fill(oval(at(side * 0.42), -h * 0.3, w * 0.17, h * 0.15), fur.light)
            b.fill(oval(at(side * 0.8), h * 0.52, w * 0.3, h * 0.36), fur.light, 0.9)
        if pet.stripes:
            for y, reach in ((0.1, 0.62), (0.42, 0.66)):
                x0, x1 = at(side * 1.0) + side * 8, at(side * reach)
                b.fill(curve([(x0, h * (y - 0.1)), (x0, h * (y - 0.1)), (x1, h * y),
                              (x1, h * (y + 0.02)), (x1, h * (y + 0.08)), (x0, h * (y + 0.08)),
                              (x0, h * (y + 0.1))], close=True),
                       fur.mark, 0.9 * pet.stripes)  # fmt: skip
    if pet.stripes:
        for x, reach in ((-0.3, 0.5), (0, 0.62), (0.3, 0.5)):
            x0, x1 = at(x * 1.15), at(x * 0.8)
            b.fill(polygon([(x0 - 6, -h * 1.1), (x0 + 6, -h * 1.1),
                            (x1 + 1, -h * (1 - reach)), (x1 - 1, -h * (1 - reach))]),
                   fur.mark, 0.9 * pet.stripes, round_px=2)  # fmt: skip
    if pet.spots:
        b.fill(oval(at(0.5), sp.eye_y * h - 2, w * 0.36, h * 0.46), fur.mark, 0.9 * pet.spots)
        b.fill(oval(at(-0.5), -h * 0.85, w * 0.3, h * 0.3), fur.mark, 0.9 * pet.spots)
    b.glow(w * 0.1, h * 1.1, w * 1.1, h * 0.5, shaded(fur.base), 0.3)


def eyes(pet: Pet) -> None:
    """Two eyes with highlights, or closed lids; brows when raised; blush."""
    sp, b, fur, m = pet.sp, pet.b, pet.fur, pet.mood
    iris = path(sp.iris, pet.style.coat)
    look = 0.18 * sp.eye * (pet.style.gaze * 2 - 1)
    under = fur.base
    if sp.special == "patches":
        under = fur.mark
    elif sp.special == "wings":
        under = fur.light
    line = lit(under, 0.75) if is_dark(under) else INK
    for side in (-1, 1):
        x, y = pet.at(side * sp.eye_x), sp.eye_y * sp.hh
        narrow = math.cos(math.asin(sp.eye_x * 0.92) * side + pet.turn) ** 0.5
        blush_x, blush_y = pet.at(side * min(0.78, sp.eye_x + 0.3)), y + sp.hh * 0.44
        if sp.special != "wings":
            b.glow(blush_x, blush_y, 15, 11, PINK, 0.75 * m.blush)
        if m.eye == 0:
            r = max(sp.eye, 10.5) * (0.72 if sp.special == "patches" else 0.95) * narrow
            bend = -0.95 * r * m.lid
            dy = -bend * 0.35
            b.line(curve([(x - r, y + dy), (x - r * 0.6, y + dy + bend),
                          (x + r * 0.6, y + dy + bend), (x + r, y + dy)]), line, 4.6)  # fmt: skip
            continue
        r = sp.eye * m.eye
        with b.moved(x, y, 0, narrow):
            rim = mix(WHITE, under, 0.15) if is_dark(under) else mix(INK, under, m.rim)
            b.fill(oval(0, 0, r + 1.4, r * 1.08 + 1.4), rim)
            b.fill(oval(0, 0, r, r * 1.08), WHITE if m.pupil < 1 else iris)
            b.form(oval(look, 0.5, r * 0.95 * m.pupil, r * m.pupil), iris, 0.9)
            pupil = r * 0.64 * m.pupil
            b.fill(oval(look, 0.5, pupil, pupil * 1.12), rgb("241a22"))
            b.fill(oval(look - r * 0.28, -r * 0.36, r * 0.3, r * 0.3), WHITE)
            b.fill(oval(look + r * 0.3, r * 0.38, r * 0.15, r * 0.15), WHITE, 0.85)
        if m.brow:
            top = y - r - 9
            b.line(curve([(x - 9, top + 2), (x - 4, top - 4), (x + 4, top - 4), (x + 9, top + 2)]),
                   lit(fur.base, 0.6) if is_dark(fur.base) else INK, 4)  # fmt: skip


def muzzle(pet: Pet) -> None:
    """Muzzle, nose and mouth."""
    sp, b, fur, m = pet.sp, pet.b, pet.fur, pet.mood
    w, h = sp.muz_w * sp.hw, sp.muz_h * sp.hh
    x, y = pet.at(0, 1.0) * 1.12, sp.muz_y * sp.hh
    pad = fur.light
    b.fill(oval(x, y + 2, w + 1.5, h + 1.5), shaded(fur.base, 0.6), 0.25)
    b.form(oval(x, y, w, h), pad, 0.5)
    nose_y = y - h * 0.5
    line = mix(INK, fur.mark, 0.2)
    n = sp.nose
    mouth_y = nose_y + n * 0.95 + 3
    k = n * 0.7 + 4.5
    if m.mouth:
        if m.round:
            b.fill(oval(x, mouth_y + 6, 5.5 + n * 0.2, 7.5), rgb("7c3038"))
        else:
            grin = curve([(x - k - 2, mouth_y), (x - k, mouth_y + 3), (x + k, mouth_y + 3),
                          (x + k + 2, mouth_y), (x + k, mouth_y + 19), (x - k, mouth_y + 19),
                          (x - k - 2, mouth_y)], close=True)  # fmt: skip
            b.fill(grin, rgb("7c3038"), round_px=2)
            with b.inside(grin):
                b.fill(oval(x, mouth_y + 13, k * 0.75, 6), rgb("ee8a88"))
    if not m.round:
        bend = 4 + 4 * m.smile
        b.line(curve([(x - k, mouth_y), (x - k * 0.7, mouth_y + bend), (x - 2, mouth_y + bend),
                      (x, mouth_y), (x + 2, mouth_y + bend), (x + k * 0.7, mouth_y + bend),
                      (x + k, mouth_y)]), line, 2.6)  # fmt: skip
    nose = curve([(x - n, nose_y - n * 0.35), (x - n * 0.8, nose_y - n * 0.75),
                  (x + n * 0.8, nose_y - n * 0.75), (x + n, nose_y - n * 0.35),
                  (x + n, nose_y + n * 0.3), (x + n * 0.3, nose_y + n * 0.8),
                  (x, nose_y + n * 0.85), (x - n * 0.3, nose_y + n * 0.8),
                  (x - n, nose_y + n * 0.3), (x - n, nose_y - n * 0.35)], close=True)  # fmt: skip
    color = rgb(sp.nose_color)
    if luma(color) < 0.3 and luma(pad) < 0.5:
        color = mix(color, rgb("1c181e"), 0.6)
    b.form(nose, color, 1.2)
    b.fill(oval(x - n * 0.35, nose_y - n * 0.35, n * 0.3, n * 0.17), WHITE, 0.6)


def beak(pet: Pet) -> None:
    """The owl's beak."""
    sp, b, m = pet.sp, pet.b, pet.mood
    x, y, n = pet.at(0, 1.0) * 1.12, sp.hh * 0.2, sp.nose
    if m.mouth:
        b.fill(oval(x, y + n * 1.9, n * 0.62, n * (0.55 + 0.3 * m.round)), rgb("7c3038"))
    b.form(curve([(x - n, y - n * 0.5), (x - n * 0.6, y - n * 1.1), (x + n * 0.6, y - n * 1.1),
                  (x + n, y - n * 0.5), (x + n, y + n * 0.6), (x + n * 0.3, y + n * 1.4),
                  (x, y + n * 2), (x - n * 0.3, y + n * 1.4), (x - n, y + n * 0.6),
                  (x - n, y - n * 0.5)], close=True), rgb(sp.nose_color))  # fmt: skip
