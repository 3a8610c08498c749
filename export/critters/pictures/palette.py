"""Colours: RGB triples of floats in 0..255, mixed linearly; named coats; smooth colour paths."""

from dataclasses import dataclass

Color = tuple[float, float, float]


def rgb(code: str) -> Color:
    """``"e8a060"`` -> (232.0, 160.0, 96.0)."""
    return (float(int(code[0:2], 16)), float(int(code[2:4], 16)), float(int(code[4:6], 16)))


def mix(a: Color, b: Color, t: float) -> Color:
    """The colour a share ``t`` (0..1) of the way from ``a`` to ``b``."""
    return (a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t, a[2] + (b[2] - a[2]) * t)


def path(stops: str, t: float) -> Color:
    """The colour at ``t`` (0..1) along evenly spaced stops, written ``"e8a060 a06040 ..."``."""
    colors = [rgb(code) for code in stops.split()]
    where = min(max(t, 0.0), 1.0) * (len(colors) - 1)
    low = min(int(where), len(colors) - 2) if len(colors) > 1 else 0
    return mix(colors[low], colors[min(low + 1, len(colors) - 1)], where - low)


def lit(color: Color, amount: float = 0.14) -> Color:
    """The colour where the light falls on it."""
    return mix(color, (255.0, 246.0, 228.0), amount)


def shaded(color: Color, amount: float = 1.0) -> Color:
    """The colour in the picture's cool shade."""
    return mix(color, (color[0] * 0.74, color[1] * 0.70, color[2] * 0.78), amount)


def luma(color: Color) -> float:
    """Rec. 601 brightness, 0..1."""
    return (0.299 * color[0] + 0.587 * color[1] + 0.114 * color[2]) / 255.0


def is_dark(color: Color) -> bool:
    """Whether lines on fur of this colour must be light.

    The only choices made by colour, so no colour path may cross the limit: a picture would jump.
    """
    return luma(color) < 0.278


@dataclass(frozen=True)
class Fur:
    """The three tones of a coat."""

    base: Color
    light: Color
    """Muzzle, chest, socks."""
    mark: Color
    """Stripes, spots, mane, patches."""


@dataclass(frozen=True)
class FurPath:
    """Coats that vary smoothly: colour stops for each tone."""

    base: str
    light: str
    mark: str

    def at(self, t: float) -> Fur:
        """The coat at ``t`` (0..1) of the path."""
        return Fur(path(self.base, t), path(self.light, t), path(self.mark, t))


COAT_FUR: dict[str, FurPath] = {
    "tabby": FurPath("b9a083 c39a6e", "ecdfcb f0dec4", "5d4a3d 6a4630"),
    "spotted": FurPath("efe4d2 f3ead9", "fbf6ec fdf8ee", "6b4630 453c3e"),
    "white": FurPath("f4f0e8 f6f2ea", "fffdf8 fffdf8", "e2cba4 dccab0"),
    "black": FurPath("3e3c47 46424a", "6f6b78 78727a", "24232b 28252c"),
    "orange": FurPath("ea8f3c f09c4a", "fce6c8 fde9ce", "bd6224 c46a2a"),
    "gray": FurPath("8f97a6 9aa0ac", "dce0e6 e2e4e8", "5c6472 666b78"),
    "brown": FurPath("84543a 8e5e40", "d6b392 dcbc9c", "4f3024 573728"),
}
