"""The scenes without an animal. Sizes in pixels of a 256x256 picture."""

from collections.abc import Callable

from export.critters.pictures.brush import Brush, box, curve, oval, polygon
from export.critters.pictures.captions import Style
from export.critters.pictures.palette import Color, lit, mix, path, rgb, shaded
from export.critters.pictures.scenery import RAINDROPS, WHITE, cloud, cloud_bank, hills, waves


def kyoto(b: Brush, s: Style) -> None:
    """A pagoda among hills and cherry trees."""
    px, py, k = 158 + 44 * (s.x - 0.5), 222 + 12 * (s.y - 0.5), 0.92 + 0.24 * (s.size - 0.5)
    d = 60 * (s.detail - 0.5)
    sky = path("f7c9a0 f6d2b4 f3c8c4", s.hue)
    b.wash(sky, mix(sky, rgb("fff3e0"), 0.8), 0, 180)
    b.fill(oval(66 + d, 66, 27, 27), rgb("e8604a"))
    b.land(hills(128, 30, d), rgb("b9b3c4"), rgb("cdbfc4"))
    b.land(hills(152, -24, -d), rgb("8fa79a"), rgb("a5b79c"))
    leaf = mix(rgb("5f8a62"), rgb("7fa468"), s.light)
    b.land(hills(188, 10, 0.5 * d), leaf, shaded(leaf, 0.5))
    roof, timber = rgb("4d4a5c"), rgb("b5483a")
    with b.moved(px, py, 0, k, k):
        b.line(curve([(0, -150), (0, -160), (0, -180), (0, -192)]), roof, 5)
        for row in range(5):
            y, half = -30.0 * row, 44.0 - 6 * row
            b.form(box(-half * 0.56, y - 26, half * 1.12, 26), timber, 0.7)
            b.fill(box(-half * 0.2, y - 17, half * 0.4, 17), rgb("f3d9a4"))
            eave = curve(
                [(-half - 8, y - 27), (-half * 0.6, y - 28), (-half * 0.4, y - 34), (0, y - 43),
                 (half * 0.4, y - 34), (half * 0.6, y - 28), (half + 8, y - 27),
                 (half * 0.5, y - 20), (-half * 0.5, y - 20), (-half - 8, y - 27)],
                close=True,
            )  # fmt: skip
            b.fill(eave, roof, round_px=3)
        b.fill(box(-50, -2, 100, 12, 3), rgb("a79c95"))
    for x, y, r in ((34, 204, 34), (74, 226, 26), (244, 214, 30)):
        b.fill(box(x - 4 + 0.4 * d, y, 8, 40), rgb("6f5148"))
        b.form(oval(x + 0.4 * d, y, r, r * 0.8), rgb("f2a9b8"))
        b.fill(oval(x - r * 0.3 + 0.4 * d, y - r * 0.3, r * 0.45, r * 0.3), rgb("fbd0d6"), 0.8)


def tokyo(b: Brush, s: Style) -> None:
    """A lattice tower over a skyline at dusk."""
    px, py, k = 158 + 44 * (s.x - 0.5), 222 + 12 * (s.y - 0.5), 0.92 + 0.24 * (s.size - 0.5)
    d = 60 * (s.detail - 0.5)
    sky = path("5f6fb4 7a6cae 9a6aa4", s.hue)
    glow = mix(sky, rgb("ffc2a0"), 0.9)
    b.wash(sky, glow, 0, 170)
    b.wash(glow, glow, 170, 256)
    b.fill(oval(66 + d, 66, 27, 27), rgb("ffe0b0"))
    far = mix(sky, rgb("b0709c"), 0.45)
    for k_, top in enumerate((118, 142, 104, 134, 112, 146, 122, 138)):
        b.fill(box(-30 + 40 * k_ + 0.4 * d, top, 41, 200, 2), far)
    red, white = rgb("e5553c"), rgb("fbeee2")
    with b.moved(px, py, 0, k, k):
        b.line(curve([(0, -150), (0, -160), (0, -180), (0, -192)]), white, 5)
        legs = curve(
            [(-46, 8), (-22, -50), (-10, -90), (-5, -160), (-2, -160), (2, -160), (5, -160),
             (10, -90), (22, -50), (46, 8), (36, 8), (30, 8), (24, 8), (14, -30), (-14, -30),
             (-24, 8), (-30, 8), (-36, 8), (-46, 8)],
            close=True,
        )  # fmt: skip
        with b.inside(legs):
            b.fill(box(-60, -170, 120, 190), red)
            for y in (-138, -104, -66):
                b.fill(box(-60, y, 120, 13), white)
        b.form(box(-24, -62, 48, 13, 3), white, 0.6)
        b.form(box(-11, -118, 22, 10, 3), white, 0.6)
    near = mix(rgb("33386a"), rgb("4a4a80"), s.light)
    for x, top, w in ((-22, 178, 50), (30, 200, 40), (72, 186, 44), (196, 192, 42), (236, 168, 44)):
        b.land(box(x + 0.4 * d, top, w, 120, 3), lit(near, 0.08), near)
        for row in range(3):
            for col in range(int(w // 16)):
                b.fill(
                    box(x + 7 + 14 * col + 0.4 * d, top + 10 + 17 * row, 7, 9, 1),
                    rgb("ffd98a"), 0.85,
                )  # fmt: skip
    b.wash(shaded(near, 0.5), shaded(near), 240, 256)


def yacht(b: Brush, x: float, y: float, scale: float, lean: float, sail: Color) -> None:
    """A two-sailed yacht, keel at (x, y), leaning ``lean`` degrees clockwise."""
    with b.moved(x, y, lean, scale, scale):
        b.line(curve([(2, -18), (2, -60), (2, -100), (2, -140)]), rgb("7d5a44"), 5)
        b.form(curve([(-4, -132), (-14, -96), (-36, -54), (-60, -26), (-40, -22), (-20, -22),
                      (-4, -24), (-4, -60), (-4, -100), (-4, -132)], close=True), sail)  # fmt: skip
        b.form(curve([(8, -136), (46, -104), (60, -62), (58, -26), (40, -22), (22, -22), (8, -24),
                      (8, -60), (8, -100), (8, -136)], close=True), rgb("e9694f"))  # fmt: skip
        hull = curve([(-66, -17), (-56, 8), (-44, 16), (-30, 16), (0, 16), (20, 16), (36, 16),
                      (56, 14), (66, 0), (76, -19), (30, -15), (-20, -15), (-66, -17)],
                     close=True)  # fmt: skip
        b.form(hull, rgb("f7f1e6"))
        with b.inside(hull):
            b.fill(box(-80, 3, 170, 20), rgb("2f5f86"))


def calm(b: Brush, s: Style) -> None:
    """A yacht on a smooth sea under a clear sky."""
    d = 60 * (s.detail - 0.5)
    sky = path("8fcbee a9d8ee f4d8c4", s.hue)
    b.wash(sky, mix(sky, rgb("fff2da"), 0.8), 0, 160)
    b.fill(oval(202 - 0.6 * d, 50, 20, 20), rgb("ffe9a8"))
    cloud(b, 58 + 0.6 * d, 54, 1.0, WHITE, 0.9)
    water = mix(rgb("3a9fc0"), rgb("5cb8cc"), s.light)
    b.wash(lit(water, 0.35), shaded(water, 0.35), 158, 256)
    x, y = 126 + 60 * (s.x - 0.5), 190 + 16 * (s.y - 0.5)
    b.fill(oval(x, y + 20, 66, 7), WHITE, 0.28)
    yacht(b, x, y, 0.95 + 0.24 * (s.size - 0.5), 8 * (s.tilt - 0.5), rgb("fffaf0"))
    b.land(waves(204 + 16 * (s.y - 0.5), 3, d), water, shaded(water, 0.4))
    b.land(waves(230, 4, -d), mix(water, WHITE, 0.16), shaded(water, 0.4))


def storm(b: Brush, s: Style) -> None:
    """A yacht leaning among high waves under dark clouds."""
    d = 60 * (s.detail - 0.5)
    sky = path("4a566e 525a74 5c5674", s.hue)
    b.wash(shaded(sky, 0.6), lit(sky, 0.28), 0, 190)
    bolt = [(196, 52), (172, 100), (190, 100), (170, 146), (216, 86), (196, 86), (216, 52)]
    b.fill(polygon([(x - 0.6 * d, y) for x, y in bolt]), rgb("ffe9a0"), round_px=3)
    b.fill(cloud_bank(0.7 * d, 16), shaded(sky, 0.8))
    b.fill(cloud_bank(-0.7 * d, 2), lit(sky, 0.2))
    water = mix(rgb("2c5a70"), rgb("3a7084"), s.light)
    b.land(waves(178, 18, -0.8 * d), lit(water, 0.1), water)
    x, y = 126 + 60 * (s.x - 0.5), 186 + 16 * (s.y - 0.5)
    yacht(b, x, y, 0.95 + 0.24 * (s.size - 0.5), 15 + 14 * (s.tilt - 0.5), rgb("efe9e0"))
    for x, y in RAINDROPS:
        b.line(curve([(x, y), (x - 4, y + 9), (x - 4, y + 9), (x - 8, y + 18)]), WHITE, 3, 0.3)
    for y, height, phase, tone in ((208, 20, d, 0.34), (240, 14, 30 - d, 0.16)):
        crest = waves(y, height, phase)
        b.land(crest, lit(water, tone), shaded(water, 0.35))
        b.line(crest, rgb("e4eef0"), 3, tone * 2)


SCENE_BACKDROPS: dict[str | None, Callable[[Brush, Style], None]] = {
    "kyoto": kyoto,
    "tokyo": tokyo,
    "calm sea yacht": calm,
    "stormy sea yacht": storm,
}
