"""The places an animal sits in. Sizes in pixels of a 256x256 picture."""

from collections.abc import Callable

from export.critters.pictures.brush import Brush, box, curve, oval, polygon
from export.critters.pictures.captions import Style
from export.critters.pictures.palette import Color, lit, mix, path, rgb, shaded
from export.critters.pictures.scenery import RAINDROPS, WHITE, cloud, cloud_bank, hills


def studio(b: Brush, s: Style) -> None:
    """A plain backdrop with a soft light and a floor."""
    wall = path("f7c8a4 f4d898 c4e0b4 a4dacc a9cdec c3bff0 eebfd8", s.hue)
    wall = mix(wall, shaded(wall, 0.5), 0.5 - 0.5 * s.light)
    b.wash(lit(wall, 0.25), wall)
    b.fill(oval(128, 122, 100, 100), lit(wall, 0.5), 0.8)
    floor = mix(wall, shaded(wall), 0.35)
    b.land(oval(128, 272, 230, 68), mix(floor, wall, 0.5), floor)


def sofa(b: Brush, s: Style) -> None:
    """A sofa against a wall."""
    wall = mix(rgb("ead9c3"), rgb("f6ead8"), s.light)
    b.wash(wall, mix(wall, shaded(wall), 0.25))
    cloth = path("3f9488 4795ab 6f8cc6 9a80bd c9768f", s.hue)
    dx = 24 * (s.detail - 0.5)
    b.fill(box(26 - dx, 16, 52, 44, 4), rgb("a97d55"))
    with b.inside(box(32 - dx, 22, 40, 32)):
        b.wash(rgb("bfe0e6"), rgb("eef0dc"), 22, 54)
        b.fill(oval(44 - dx, 60, 22, 20), rgb("8fb48a"))
        b.fill(oval(68 - dx, 60, 18, 14), rgb("74a07c"))
    b.wash(rgb("b98d68"), rgb("a67a57"), 236, 256)
    with b.moved(dx, 0):
        b.form(box(16, 86, 224, 130, 30), shaded(cloth, 0.15))
        b.line(curve([(128, 94), (128, 120), (128, 150), (128, 180)]), shaded(cloth, 0.6), 3)
        with b.moved(206, 150, 14):
            b.form(box(-24, -24, 48, 48, 10), mix(rgb("f6d98c"), WHITE, 0.2))
        b.glow(128, 186, 120, 20, shaded(cloth), 0.7)
        b.land(box(14, 186, 228, 34, 14), lit(cloth, 0.26), lit(cloth, 0.08))
        b.land(box(14, 212, 228, 34, 10), shaded(cloth, 0.35), shaded(cloth, 0.7))
        for x in (-14, 226):
            b.form(box(x, 134, 44, 114, 20), lit(cloth, 0.04))


def grass(b: Brush, s: Style) -> None:
    """A meadow with hills under a sunny sky."""
    d = 60 * (s.detail - 0.5)
    sky = path("8fcdf0 a6d8ee bfe3ec", s.hue)
    b.wash(sky, mix(sky, rgb("fdf3d6"), 0.75), 0, 170)
    b.glow(206 - d, 46, 70, 70, rgb("fff3b8"), 0.9)
    b.fill(oval(206 - d, 46, 19, 19), rgb("ffe58a"))
    cloud(b, 56 + 0.7 * d, 46, 0.95, WHITE, 0.9)
    green = mix(rgb("6fae5a"), rgb("93c25e"), s.light)
    b.land(hills(128, 26, d), mix(green, sky, 0.45), mix(green, sky, 0.2))
    b.land(hills(150, -22, -d), mix(green, sky, 0.15), green)
    b.land(hills(184, 7, 0.4 * d), lit(green, 0.12), shaded(green, 0.45))
    for x, y, code in ((22, 208, "fff2c0"), (52, 236, "ffd0d8"), (228, 214, "ffd0d8"),
                       (204, 240, "fff2c0")):  # fmt: skip
        b.fill(oval(x + 0.2 * d, y, 6, 5), rgb(code))


def pine(b: Brush, x: float, y: float, scale: float, color: Color) -> None:
    """A pine with snow on its tiers, foot at (x, y), about 70 pixels high at scale 1."""
    with b.moved(x, y, 0, scale, scale):
        b.fill(box(-4, -10, 8, 12), rgb("7b6257"))
        for top, half in ((-8, 25), (-28, 20), (-47, 14)):
            b.fill(polygon([(-half, top), (0, top - 30), (half, top)]), color, round_px=4)
            snow = polygon([(-half * 0.5, top - 15), (0, top - 30), (half * 0.5, top - 15)])
            b.fill(snow, WHITE, 0.95, round_px=4)


def snow(b: Brush, s: Style) -> None:
    """Snowy hills with pines, and a few flakes."""
    d = 60 * (s.detail - 0.5)
    sky = path("a9c4de b9cfe2 cdd3e8", s.hue)
    b.wash(sky, mix(sky, rgb("f6efee"), 0.7), 0, 180)
    b.land(hills(130, 24, d), rgb("dfe9f2"), rgb("c4d5e6"))
    pine(b, 34 + 0.4 * d, 172, 1.25, rgb("5f8a86"))
    pine(b, 224 + 0.4 * d, 166, 1.0, rgb("6b958f"))
    b.land(hills(176, -9, -0.5 * d), rgb("f6f9fd"), mix(rgb("bccfe4"), rgb("d6e2ef"), s.light))
    for x, y, r in ((26, 40, 4), (84, 24, 3.5), (150, 44, 3.5), (212, 30, 4), (238, 92, 3.5),
                    (14, 104, 3.5), (186, 84, 3)):  # fmt: skip
        b.fill(oval(x, y + 0.25 * d, r, r), WHITE, 0.95)


def night(b: Brush, s: Style) -> None:
    """A moon and a few stars over dark hills."""
    d = 70 * (s.detail - 0.5)
    sky = mix(path("1f2a5a 263067 33306a", s.hue), rgb("3a4886"), 0.5 * s.light)
    b.wash(shaded(sky, 0.4), mix(sky, rgb("6a6fae"), 0.65), 0, 190)
    mx, my = 200 - d, 48 + 0.2 * d
    b.glow(mx, my, 70, 70, rgb("fff2c8"), 0.55)
    b.fill(oval(mx, my, 22, 22), rgb("fdf0c4"))
    for x, y, r in ((30, 34, 3.4), (76, 62, 2.8), (118, 24, 3.2), (22, 104, 2.8), (238, 112, 3)):
        b.glow(x, y, 3.4 * r, 3.4 * r, rgb("fff6dc"), 0.5)
        b.fill(oval(x, y, r, r), rgb("fff6dc"))
    b.land(hills(150, 20, d), rgb("343f74"), rgb("2c3564"))
    b.land(hills(182, -8, -0.5 * d), rgb("3d5373"), rgb("26344f"))


def rain(b: Brush, s: Style) -> None:
    """Clouds, slanting rain and a wet ground."""
    d = 50 * (s.detail - 0.5)
    sky = mix(path("8497a8 8c9fb2 9a9fb6", s.hue), rgb("b4c2cd"), 0.5 * s.light)
    b.wash(shaded(sky, 0.2), lit(sky, 0.25), 0, 190)
    b.land(hills(160, 16, d), rgb("7f9698"), rgb("748a8c"))
    b.land(hills(186, -6, -d), rgb("7e9284"), rgb("5f7469"))
    b.fill(oval(128, 236, 112, 13), mix(sky, WHITE, 0.25), 0.6)
    for x, y in RAINDROPS:
        b.line(curve([(x, y), (x - 3, y + 9), (x - 3, y + 9), (x - 6, y + 18)]), WHITE, 3, 0.42)
    b.fill(cloud_bank(d, 8), shaded(sky, 0.5))
    b.fill(cloud_bank(-d, -4), mix(sky, rgb("e6ebef"), 0.45))


def sea(b: Brush, s: Style) -> None:
    """A beach with the sea's horizon."""
    d = 40 * (s.detail - 0.5)
    sky = path("9fd4ee b4dcec f6dcc0", s.hue)
    horizon = 112 + 0.5 * d
    b.wash(sky, mix(sky, rgb("fff4dc"), 0.8), 0, horizon)
    b.glow(52 + d, 48, 60, 60, rgb("fff2c0"), 0.9)
    b.fill(oval(52 + d, 48, 18, 18), rgb("ffe9a0"))
    cloud(b, 200 + 0.8 * d, 52, 0.85, WHITE, 0.9)
    water = mix(rgb("2f9fb4"), rgb("4db8c4"), s.light)
    b.wash(shaded(water, 0.25), lit(water, 0.2), horizon, 200)
    for x, y, w in ((40, 132, 36), (190, 142, 46), (96, 156, 40)):
        b.fill(box(x + d, y + 0.4 * d, w, 4, 2), WHITE, 0.4)
    b.fill(hills(182, 7, d), WHITE, 0.85)
    b.land(hills(189, 7, d), rgb("f7e2b4"), rgb("e2bf86"))


PLACE_BACKDROPS: dict[str | None, Callable[[Brush, Style], None]] = {
    None: studio,
    "sofa": sofa,
    "grass": grass,
    "snow": snow,
    "night": night,
    "rain": rain,
    "sea": sea,
}

GROUND: dict[str | None, float] = {"sofa": 216.0}
"""Where feet stand, in pixels from the top, where it is not 228."""

TINT: dict[str | None, Color] = {
    "night": (206.0, 213.0, 243.0), "rain": (228.0, 234.0, 242.0), "snow": (246.0, 249.0, 255.0),
}  # fmt: skip
"""The light an animal stands in: its colours are multiplied by this share of 255."""
