"""Hills, clouds, rain and waves: what places and scenes are made of."""

import skia

from export.critters.pictures.brush import Brush, box, curve, oval
from export.critters.pictures.palette import Color, rgb

WHITE = rgb("fffdf6")

RAINDROPS = [
    (20, 62), (58, 84), (100, 58), (150, 66), (196, 60), (238, 82), (30, 128), (222, 132),
    (12, 176), (60, 156), (196, 176), (244, 186),
]  # fmt: skip


def hills(y: float, swell: float, phase: float) -> skia.Path:
    """A rolling horizon at height ``y``, ``swell`` pixels high, shifted by ``phase`` pixels."""
    points = [(-140.0 + phase, y)]
    for k in range(5):
        x = -140.0 + phase + 110 * k
        rise = swell if k % 2 else -swell
        points += [(x + 40, y + rise), (x + 70, y + rise), (x + 110, y)]
    points += [(420, 400), (420, 400), (300, 300), (0, 300), (-140, 300), (-140, 300)]
    return curve(points, close=True)


def cloud(b: Brush, x: float, y: float, scale: float, color: Color, alpha: float = 1.0) -> None:
    """A flat-bottomed cloud about 70 pixels wide at scale 1."""
    shape = oval(-20, -1, 19, 13)
    for part in (oval(4, -8, 20, 18), oval(24, 1, 17, 11), box(-40, -2, 82, 14, 7)):
        shape = skia.Op(shape, part, skia.PathOp.kUnion_PathOp)
    with b.moved(x, y, 0, scale, scale):
        b.fill(shape, color, alpha)


def cloud_bank(shift: float, y: float) -> skia.Path:
    """Heavy clouds along the top, down to some 30 pixels below ``y``, moved by ``shift`` pixels."""
    bank = box(-60, -60, 376, 60 + y, 0)
    for x, r in ((-28, 30), (24, 24), (74, 33), (126, 22), (170, 30), (222, 24), (280, 32)):
        bank = skia.Op(bank, oval(x + shift, y, r * 1.35, r), skia.PathOp.kUnion_PathOp)
    return bank


def waves(y: float, height: float, phase: float) -> skia.Path:
    """The sea's surface: rounded crests every 64 pixels, ``height`` pixels high."""
    points = [(-128.0 + phase, y)]
    for k in range(8):
        x = -128.0 + phase + 64 * k
        points += [(x + 22, y), (x + 24, y - height), (x + 38, y - height),
                   (x + 50, y - height), (x + 50, y), (x + 64, y)]  # fmt: skip
    points += [(400, 300), (400, 300), (400, 300), (-128, 300), (-128, 300), (-128, 300)]
    return curve(points, close=True)
