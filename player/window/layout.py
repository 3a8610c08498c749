"""Where everything goes in a window of a given size."""

from __future__ import annotations

from dataclasses import dataclass

from pygame import Rect

MARGIN = 16
TITLE = 34
STRIP = 36
BAR = 16
MARKS = 20
"""between the bar and the readouts, where the marks have their letters"""
READOUTS = 57
PAD_MIN = 176
PICTURE = 768
SMALLEST = (420, 360)


@dataclass(frozen=True, slots=True)
class Layout:
    """Boxes in window pixels. ``pad`` and ``strip`` are empty where they are not shown."""

    window: Rect
    picture: Rect
    title: Rect
    strip: Rect
    bar: Rect
    readouts: Rect
    pad: Rect

    @property
    def below(self) -> Rect:
        """The whole width of the window below the picture."""
        top = self.picture.bottom
        return Rect(0, top, self.window.width, self.window.height - top)


def panel_height(pad: bool) -> int:
    """Return the height of what lies below the picture; the strip's room is kept when hidden."""
    return max(TITLE + STRIP + BAR + MARKS + READOUTS, PAD_MIN if pad else 0)


def arrange(window: tuple[int, int], picture: tuple[int, int], *, pad: bool, strip: bool) -> Layout:
    """Give the picture all the room there is above the panel, keeping its aspect."""
    width, height = window
    tall = panel_height(pad)
    room = Rect(
        MARGIN, MARGIN, max(width - 2 * MARGIN, 8), max(height - 2 * MARGIN - tall - MARGIN // 2, 8)
    )
    shown = Rect(0, 0, *picture).fit(room)
    panel = Rect(MARGIN, height - MARGIN - tall, max(width - 2 * MARGIN, 0), tall)
    square = Rect(0, 0, 0, 0)
    left = panel
    if pad:
        square = Rect(panel.right - tall, panel.top, tall, tall)
        left = Rect(panel.left, panel.top, max(panel.width - tall - MARGIN, 0), panel.height)
    slack = left.height - (TITLE + STRIP + BAR + MARKS + READOUTS)
    title = Rect(left.left, left.top, left.width, TITLE)
    strip_box = Rect(left.left, title.bottom + slack // 2, left.width, STRIP if strip else 0)
    bar = Rect(left.left, title.bottom + slack // 2 + STRIP, left.width, BAR)
    readouts = Rect(left.left, left.bottom - READOUTS, left.width, READOUTS)
    return Layout(Rect(0, 0, width, height), shown, title, strip_box, bar, readouts, square)


def first_window(
    picture: tuple[int, int],
    desktop: tuple[int, int],
    *,
    pad: bool,
    scale: float | None = None,
) -> tuple[int, int]:
    """Return a window size for a picture shown at ``scale``, or else at about ``PICTURE`` pixels,
    smaller where the desktop is.
    """
    extra = panel_height(pad) + 2 * MARGIN + MARGIN // 2
    chrome = 72  # title bar and task bar
    width, height = picture
    most = min(
        PICTURE / max(width, height) if scale is None else scale,
        (desktop[0] - 2 * MARGIN) / width,
        (desktop[1] - extra - chrome) / height,
    )
    return (
        max(round(width * most) + 2 * MARGIN, SMALLEST[0]),
        max(round(height * most) + extra, SMALLEST[1]),
    )


def fraction(box: Rect, x: int) -> float:
    """Return how far across a box x lies, 0 to 1, clamped."""
    return min(max((x - box.left) / max(box.width - 1, 1), 0.0), 1.0)


def share_x(box: Rect, share: float) -> int:
    """Return the x that is ``share`` of the way across a box."""
    return box.left + round(share * max(box.width - 1, 1))


def share_y(box: Rect, share: float) -> int:
    """Return the y that is ``share`` of the way up a box."""
    return box.bottom - 1 - round(share * max(box.height - 1, 1))
