"""Drawing primitives over a skia canvas: shaded fills, soft shadows, round strokes."""

from collections.abc import Iterator
from contextlib import contextmanager

import skia

from export.critters.pictures.palette import Color, lit, shaded

Points = list[tuple[float, float]]


def argb(color: Color, alpha: float = 1.0) -> int:
    """A skia colour from RGB floats in 0..255 and alpha in 0..1."""
    r, g, b = (min(255, max(0, round(channel))) for channel in color)
    return int(skia.ColorSetARGB(min(255, max(0, round(alpha * 255))), r, g, b))


def oval(x: float, y: float, rx: float, ry: float) -> skia.Path:
    """An ellipse by centre and radii."""
    return skia.Path().addOval(skia.Rect.MakeLTRB(x - rx, y - ry, x + rx, y + ry))


def box(x: float, y: float, w: float, h: float, r: float = 0.0) -> skia.Path:
    """A rounded rectangle by its top left corner and size."""
    return skia.Path().addRoundRect(skia.Rect.MakeXYWH(x, y, w, h), r, r)


def polygon(points: Points) -> skia.Path:
    """A closed polygon."""
    return skia.Path().addPoly([skia.Point(x, y) for x, y in points], True)


def curve(points: Points, close: bool = False) -> skia.Path:
    """A path through the first point and then cubic triples (two handles and an end)."""
    path = skia.Path().moveTo(*points[0])
    for k in range(1, len(points) - 2, 3):
        path.cubicTo(*points[k], *points[k + 1], *points[k + 2])
    return path.close() if close else path


def _gradient(
    start: tuple[float, float],
    end: tuple[float, float],
    colors: tuple[Color, ...],
    positions: list[float] | None = None,
) -> skia.Shader:
    return skia.GradientShader.MakeLinear(
        points=[skia.Point(*start), skia.Point(*end)],
        colors=[argb(color) for color in colors],
        positions=positions,
    )


class Brush:
    """A canvas with the few strokes this style is made of."""

    def __init__(self, canvas: skia.Canvas) -> None:
        """Draw on ``canvas``."""
        self.canvas = canvas

    def fill(self, path: skia.Path, color: Color, alpha: float = 1.0, round_px: float = 0) -> None:
        """Flat fill; ``round_px`` rounds the corners outwards."""
        self._fill(path, skia.Paint(AntiAlias=True, Color=argb(color, alpha)), round_px)

    def form(self, path: skia.Path, color: Color, depth: float = 1.0, round_px: float = 0) -> None:
        """Fill lit from the upper left, shaded to the lower right: the look of a round thing."""
        box = path.getBounds()
        shader = _gradient(
            (box.left() + 0.25 * box.width(), box.top()),
            (box.left() + 0.75 * box.width(), box.bottom()),
            (lit(color, 0.16 * depth), color, shaded(color, 0.75 * depth)),
            [0.0, 0.45, 1.0],
        )
        self._fill(path, skia.Paint(AntiAlias=True, Shader=shader), round_px)

    def _fill(self, path: skia.Path, paint: skia.Paint, round_px: float) -> None:
        if round_px:
            paint.setStyle(skia.Paint.kStrokeAndFill_Style)
            paint.setStrokeWidth(round_px)
            paint.setStrokeJoin(skia.Paint.kRound_Join)
        self.canvas.drawPath(path, paint)

    def wash(self, top: Color, bottom: Color, y0: float = 0, y1: float = 256) -> None:
        """A vertical gradient over the whole width from ``y0`` to ``y1`` (pixels)."""
        paint = skia.Paint(Shader=_gradient((0, y0), (0, y1), (top, bottom)))
        self.canvas.drawRect(skia.Rect.MakeLTRB(0, y0, 256, y1), paint)

    def land(self, path: skia.Path, top: Color, bottom: Color) -> None:
        """Fill with a vertical gradient over the path's height."""
        box = path.getBounds()
        shader = _gradient((0, box.top()), (0, box.bottom()), (top, bottom))
        self.canvas.drawPath(path, skia.Paint(AntiAlias=True, Shader=shader))

    def glow(self, x: float, y: float, rx: float, ry: float, color: Color, alpha: float) -> None:
        """An ellipse that fades from ``alpha`` at its centre to nothing at its rim."""
        shader = skia.GradientShader.MakeRadial(
            center=skia.Point(0, 0),
            radius=1.0,
            colors=[argb(color, alpha), argb(color, alpha * 0.55), argb(color, 0)],
            positions=[0.0, 0.5, 1.0],
        )
        with self.moved(x, y, 0, rx, ry):
            self.canvas.drawCircle(0, 0, 1, skia.Paint(AntiAlias=True, Shader=shader))

    def line(self, path: skia.Path, color: Color, width: float, alpha: float = 1.0) -> None:
        """A stroke with round ends, ``width`` in pixels."""
        paint = skia.Paint(
            AntiAlias=True,
            Color=argb(color, alpha),
            Style=skia.Paint.kStroke_Style,
            StrokeWidth=width,
            StrokeCap=skia.Paint.kRound_Cap,
            StrokeJoin=skia.Paint.kRound_Join,
        )
        self.canvas.drawPath(path, paint)

    @contextmanager
    def inside(self, path: skia.Path) -> Iterator[None]:
        """Draw clipped to ``path``."""
        self.canvas.save()
        self.canvas.clipPath(path, skia.ClipOp.kIntersect, True)
        yield
        self.canvas.restore()

    @contextmanager
    def moved(
        self, x: float, y: float, degrees: float = 0, sx: float = 1, sy: float = 1
    ) -> Iterator[None]:
        """Draw with the origin at (x, y), turned clockwise and scaled."""
        self.canvas.save()
        self.canvas.translate(x, y)
        self.canvas.rotate(degrees)
        self.canvas.scale(sx, sy)
        yield
        self.canvas.restore()
