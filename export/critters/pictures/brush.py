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


class Brush:
    """A canvas with the few strokes this style is made of."""

    def __init__(self, canvas: skia.Canvas) -> None:
        """Draw on ``canvas``."""
        self.canvas = canvas

    def fill(self, path: skia.Path, color: Color, alpha: float = 1.0, round_px: float = 0) -> None:
        """Flat fill; ``round_px`` rounds the corners outwards."""
        paint = skia.Paint(AntiAlias=True, Color=argb(color, alpha))
        if round_px:
            paint.setStyle(skia.Paint.kStrokeAndFill_Style)
            paint.setStrokeWidth(round_px)
            paint.setStrokeJoin(skia.Paint.kRound_Join)
        self.canvas.drawPath(path, paint)

    def form(self, path: skia.Path, color: Color, depth: float = 1.0, round_px: float = 0) -> None:
        """Fill lit from the upper left, shaded to the lower right: the look of a round thing."""
        box = path.getBounds()
        paint = skia.Paint(AntiAlias=True)
        paint.setShader(
            skia.GradientShader.MakeLinear(
                points=[
                    skia.Point(box.left() + 0.25 * box.width(), box.top()),
                    skia.Point(box.left() + 0.75 * box.width(), box.bottom()),
                ],
                colors=[
                    argb(lit(color, 0.16 * depth)),
                    argb(color),
                    argb(shaded(color, 0.75 * depth)),
                ],
                positions=[0.0, 0.45, 1.0],
            )
        )
        if round_px:
            paint.setStyle(skia.Paint.kStrokeAndFill_Style)
            paint.setStrokeWidth(round_px)
            paint.setStrokeJoin(skia.Paint.kRound_Join)
        self.canvas.drawPath(path, paint)

    def wash(self, top: Color, bottom: Color, y0: float = 0, y1: float = 256) -> None:
        """A vertical gradient over the whole width from ``y0`` to ``y1`` (pixels)."""
        paint = skia.Paint()
        paint.setShader(
            skia.GradientShader.MakeLinear(
                points=[skia.Point(0, y0), skia.Point(0, y1)], colors=[argb(top), argb(bottom)]
            )
        )
        self.canvas.drawRect(skia.Rect.MakeLTRB(0, y0, 256, y1), paint)

    def land(self, path: skia.Path, top: Color, bottom: Color) -> None:
        """Fill with a vertical gradient over the path's height."""
        box = path.getBounds()
        paint = skia.Paint(AntiAlias=True)
        paint.setShader(
            skia.GradientShader.MakeLinear(
                points=[skia.Point(0, box.top()), skia.Point(0, box.bottom())],
                colors=[argb(top), argb(bottom)],
            )
        )
        self.canvas.drawPath(path, paint)

    def glow(self, x: float, y: float, rx: float, ry: float, color: Color, alpha: float) -> None:
        """An ellipse that fades from ``alpha`` at its centre to nothing at its rim."""
        paint = skia.Paint(AntiAlias=True)
        paint.setShader(
            skia.GradientShader.MakeRadial(
                center=skia.Point(0, 0),
                radius=1.0,
                colors=[argb(color, alpha), argb(color, alpha * 0.55), argb(color, 0)],
                positions=[0.0, 0.5, 1.0],
            )
        )
        self.canvas.save()
        self.canvas.translate(x, y)
        self.canvas.scale(rx, ry)
        self.canvas.drawCircle(0, 0, 1, paint)
        self.canvas.restore()

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
