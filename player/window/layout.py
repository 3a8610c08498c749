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
CUES = 52
"""between marks and readouts, where cues are kept"""
PAD_MIN = 176
PICTURE = 768
SMALLEST = (420, 360)
"""the smallest window that has room for the panel; the window manager is told so"""
WIDTH_WITH_PAD = 720
"""the first window's width, so that the words have room beside a pad"""
ROOM_BESIDE_PAD = 180
"""the narrowest bar beside a pad; in a narrower window the pad is left out"""

# all sizes are in pixels of a display at scale 1; ``scale`` multiplies them


@dataclass(frozen=True, slots=True)
class Layout:
    """Boxes in window pixels; ``pad``, ``strip``, ``cues`` and the panel's are empty where they are
    not shown."""

    window: Rect
    picture: Rect
    title: Rect
    strip: Rect
    bar: Rect
    readouts: Rect
    pad: Rect
    cues: Rect

    @property
    def panel(self) -> bool:
        """Whether anything is shown below the picture."""
        return bool(self.bar.width)

    @property
    def below(self) -> Rect:
        """The whole width of the window below the picture."""
        top = self.picture.bottom
        return Rect(0, top, self.window.width, self.window.height - top)


def panel_height(pad: bool, scale: float = 1.0, *, cues: bool = False) -> int:
    """Return the height of what lies below the picture; the strip's room is kept when hidden."""
    needed = TITLE + STRIP + BAR + MARKS + READOUTS + (CUES if cues else 0)
    return round(scale * max(needed, PAD_MIN if pad else 0))


def arrange(
    window: tuple[int, int],
    picture: tuple[int, int],
    *,
    pad: bool,
    strip: bool,
    clean: bool = False,
    cues: bool = False,
    scale: float = 1.0,
) -> Layout:
    """Give the picture all the room there is above the panel, keeping its aspect.

    ``clean`` leaves the panel out, as does a window that has no room for it.
    """
    width, height = window
    margin = round(MARGIN * scale)
    tall = panel_height(pad, scale, cues=cues)
    if cues and height < 2 * tall:  # the picture comes first
        cues, tall = False, panel_height(pad, scale)
    whole = Rect(0, 0, width, height)
    if clean or width < SMALLEST[0] * scale * 0.75 or height < tall + 4 * margin:
        shown = Rect(0, 0, *picture).fit(whole) if width and height else whole
        nothing = [Rect(0, height, 0, 0) for _ in range(6)]
        return Layout(whole, shown, *nothing)
    room = Rect(margin, margin, width - 2 * margin, height - 2 * margin - tall - margin // 2)
    shown = Rect(0, 0, *picture).fit(room)
    panel = Rect(margin, height - margin - tall, width - 2 * margin, tall)
    square = Rect(0, height, 0, 0)
    left = panel
    if pad and panel.width - tall - margin >= ROOM_BESIDE_PAD * scale:
        square = Rect(panel.right - tall, panel.top, tall, tall)
        left = Rect(panel.left, panel.top, panel.width - tall - margin, panel.height)
    title_height, strip_height, bar_height, readouts_height = (
        round(scale * part) for part in (TITLE, STRIP, BAR, READOUTS)
    )
    kept = round(scale * CUES) if cues else 0
    slack = left.height - kept - round(scale * (TITLE + STRIP + BAR + MARKS + READOUTS))
    title = Rect(left.left, left.top, left.width, title_height)
    top = title.bottom + slack // 2
    strip_box = Rect(left.left, top, left.width, strip_height if strip else 0)
    bar = Rect(left.left, top + strip_height, left.width, bar_height)
    readouts = Rect(left.left, left.bottom - readouts_height, left.width, readouts_height)
    margin_below = round(scale * 8) if cues else 0
    strip_of_cues = Rect(left.left, readouts.top - kept, left.width, kept - margin_below)
    return Layout(whole, shown, title, strip_box, bar, readouts, square, strip_of_cues)


def display_scale(desktop: tuple[int, int]) -> float:
    """Return how large type and panel are on a desktop of (width, height) pixels: 1 up to
    1920×1080, 2 at 3840×2160, in quarters, 3 at most.
    """
    fitting = min(desktop[0] / 1920, desktop[1] / 1080)
    return min(max(int(fitting * 4) / 4, 1.0), 3.0)


def first_window(
    picture: tuple[int, int],
    desktop: tuple[int, int],
    *,
    pad: bool,
    zoom: float | None = None,
    scale: float = 1.0,
) -> tuple[int, int]:
    """Return a window size for a picture shown at ``zoom`` window pixels for each of its own, or
    else at about ``PICTURE`` pixels, smaller where the desktop is.
    """
    margin = round(MARGIN * scale)
    extra = panel_height(pad, scale) + 2 * margin + margin // 2
    chrome = 72  # title bar and task bar
    width, height = picture
    most = min(
        PICTURE * scale / max(width, height) if zoom is None else zoom,
        (desktop[0] - 2 * margin) / width,
        (desktop[1] - extra - chrome) / height,
    )
    smallest = smallest_window(desktop, scale)
    beside_pad = min(round(WIDTH_WITH_PAD * scale), desktop[0]) if pad else 0
    return (
        max(round(width * most) + 2 * margin, smallest[0], beside_pad),
        max(round(height * most) + extra, smallest[1]),
    )


def smallest_window(desktop: tuple[int, int], scale: float = 1.0) -> tuple[int, int]:
    """Return the smallest size that the window may have."""
    width, height = (round(side * scale) for side in SMALLEST)
    return min(width, desktop[0]), min(height, desktop[1])


def fraction(box: Rect, x: int) -> float:
    """Return how far across a box x lies, 0 to 1, clamped."""
    return min(max((x - box.left) / max(box.width - 1, 1), 0.0), 1.0)


def share_x(box: Rect, share: float) -> int:
    """Return the x that is ``share`` of the way across a box."""
    return box.left + round(share * max(box.width - 1, 1))


def share_y(box: Rect, share: float) -> int:
    """Return the y that is ``share`` of the way up a box."""
    return box.bottom - 1 - round(share * max(box.height - 1, 1))
