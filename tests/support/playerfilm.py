"""The README's first picture: ``python -m tests.support.playerfilm docs/player.gif``.

The real window on an X server of its own, scrubbed and typed into by xdotool. A picture is taken
when the window has settled after each step, so that a busy machine makes the same film.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from player.window.layout import arrange
from tests.support.screen import Pixels, Screen, screen

FIRST, THEN = "cat -> kitten", "fox -> owl"
STEPS = 22
COLOURS = 255
MILLISECONDS = 90
HOLD = 8
"""frames that a film rests on what was reached"""
MOST_BYTES = 1_500_000


def film(shown: Screen, folder: Path) -> list[Pixels]:
    """Play and return what was on the window, uint8 [h, w, 3] each."""
    process = shown.play("play", FIRST, "--zoom", "1.25", XDG_DATA_HOME=str(folder))
    _, window = shown.window(process)
    x, y, width, height = window
    bar = arrange((width, height), (256, 256), pad=False, strip=True).bar
    top = x + width // 2 - 60, y + 40, 120, 80
    while shown.look(top).std() < 5:
        time.sleep(0.2)
    frames: list[Pixels] = []

    def fill() -> None:
        """Wait until the line is whole: the strip above the bar no longer changes."""
        shown.when_still((x, y + bar.top - 40, width, 50), still=6.0, most=300.0)

    def scrub(start: float, end: float) -> None:
        places = start + (end - start) * (1 - np.cos(np.linspace(0, np.pi, STEPS))) / 2
        at = y + bar.centery
        for number, place in enumerate(places):
            across = x + bar.left + round(float(place) * (bar.width - 1))
            shown.do("mousemove", across, at, *(["mousedown", 1] if number == 0 else []))
            frames.append(shown.when_still(window))
        shown.do("mouseup", 1, "mousemove", 2, 2)

    fill()
    scrub(0.0, 1.0)
    frames += [shown.when_still(window, 0.5)] * HOLD
    shown.do("key", "slash")
    frames += [shown.when_still(window)] * 3
    for letter in THEN:
        shown.do("type", letter)
        frames.append(shown.when_still(window, 0.15))
    frames += [frames[-1]] * 3
    shown.do("key", "Return")
    time.sleep(1.0)
    frames += [shown.look(window)] * HOLD
    fill()
    scrub(1.0, 0.0)
    frames += [shown.when_still(window, 0.5)] * HOLD
    shown.do("key", "Escape")
    process.wait(30)
    return frames


def save(path: Path, frames: list[Pixels]) -> None:
    """Write an endless gif in one palette, so that what stands still costs nothing."""
    sample = np.concatenate(frames[:: max(len(frames) // 8, 1)])
    palette = Image.fromarray(sample).quantize(COLOURS, Image.Quantize.MEDIANCUT)
    images: list[Image.Image] = []
    durations: list[int] = []
    for frame in frames:
        image = Image.fromarray(frame).quantize(palette=palette, dither=Image.Dither.NONE)
        if images and image.tobytes() == images[-1].tobytes():
            durations[-1] += MILLISECONDS
        else:
            images.append(image)
            durations.append(MILLISECONDS)
    images[0].save(
        path, save_all=True, append_images=images[1:], duration=durations, loop=0, optimize=True
    )


def main(target: str) -> None:
    """Make the film."""
    with tempfile.TemporaryDirectory() as folder, screen((1024, 768)) as shown:
        frames = film(shown, Path(folder))
    path = Path(target)
    save(path, frames)
    size = path.stat().st_size
    print(f"{path}: {len(frames)} frames, {size / 1e6:.2f} MB")
    if size > MOST_BYTES:
        sys.exit(f"{path} is larger than {MOST_BYTES / 1e6:g} MB")


if __name__ == "__main__":
    main(sys.argv[1])
