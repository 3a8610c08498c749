"""Pictures of every state of the window: ``python -m tests.support.playerstates FOLDER [WxH ...]``.

The real window on X servers of three sizes, driven by xdotool. For each size there is a picture of
each state, and ``SIZE.png`` with all of them side by side. They are for eyes: no test compares
them. Where openbox is installed it manages the windows: without such a program full screen stays
where the window was.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from player.window.layout import arrange, display_scale
from tests.support.screen import Pixels, Screen, screen

SIZES = ((1024, 600), (1366, 768), (3840, 2160))
EXPRESSION = "a photo of a [cat -> kitten | -3/7*tabby .. +3/7*tabby] on a sofa"
THUMBNAIL = 480
"""Width of a state in the picture of all, in pixels."""


def states(shown: Screen, folder: Path) -> Iterator[tuple[str, Pixels]]:
    """Play, and yield each state's name and what is on the screen, uint8 [H, W, 3]."""
    if shutil.which("openbox"):
        subprocess.Popen(["openbox"], env=shown.environment, stderr=subprocess.DEVNULL)
    shown.folder = folder
    process = shown.play("play", EXPRESSION, XDG_DATA_HOME=str(folder), XDG_CONFIG_HOME=str(folder))
    _, window = shown.window(process)
    x, y, width, height = window

    def keys(*names: str) -> None:
        for name in names:
            shown.do("key", name)

    def seen(still: float = 0.6) -> Pixels:
        return shown.when_still(window, still, most=20.0)

    yield "opening", shown.look(window)
    yield "filled", shown.when_still(window, 5.0, most=180.0)
    keys("4")
    scale = display_scale(shown.size)
    bar = arrange((width, height), (256, 256), pad=True, strip=True, scale=scale).bar
    shown.do("mousemove", x + bar.centerx, y + bar.centery)
    yield "hover", seen()
    shown.do("mousemove", x + 2, y + 2)
    keys("Up", "Up", "Up", "Right", "a", "7", "b")
    yield "marks", seen()
    keys("d")
    yield "difference", seen(1.5)
    keys("d", "m", "2", "m", "n", "m")
    yield "cues", seen(1.5)
    keys("t")
    yield "token strip", seen()
    keys("t", "h")
    yield "without storm strip", seen()
    keys("h", "slash")
    shown.do("type", " and a f")
    yield "typing, with completion", seen()
    shown.do("type", "( x")
    yield "words that do not parse", seen()
    keys("Escape", "numbersign")
    yield "typing a seed", seen()
    keys("Escape", "x")
    yield "statistics", shown.when_still(window, 0.3, most=1.0)
    keys("x", "z")
    yield "closer", seen()
    keys("z", "z", "z", "F1")
    yield "help", seen()
    keys("Escape", "r", "Right", "Right")
    yield "recording", shown.look(window)
    keys("r")
    yield "recorded", seen(1.0)
    keys("w")
    yield "finding a range", shown.when_still(window, 0.2, most=1.0)
    keys("space")
    yield "playing", shown.look(window)
    keys("space", "v")
    yield "picture only", seen()
    keys("v", "f")
    yield "full screen", shown.when_still((0, 0, *shown.size), 0.6, most=20.0)
    keys("f")
    shown.do("key", "Escape")
    process.wait(60)


def together(pictures: list[tuple[str, Pixels]], columns: int = 4) -> Pixels:
    """Return all states side by side, named."""
    tiles = []
    for name, pixels in pictures:
        tall = round(THUMBNAIL * pixels.shape[0] / pixels.shape[1])
        tile = Image.new("RGB", (THUMBNAIL, tall + 16), "white")
        tile.paste(Image.fromarray(pixels).resize((THUMBNAIL, tall)), (0, 16))
        ImageDraw.Draw(tile).text((4, 2), name, fill="black")
        tiles.append(tile)
    tall = max(tile.height for tile in tiles)
    rows = -(-len(tiles) // columns)
    sheet = Image.new("RGB", (columns * THUMBNAIL, rows * tall), "white")
    for number, tile in enumerate(tiles):
        sheet.paste(tile, (number % columns * THUMBNAIL, number // columns * tall))
    return np.asarray(sheet)


def main(target: Path, sizes: Sequence[str]) -> None:
    """Write the pictures of every state at ``sizes``, or at all, below ``target``."""
    for size in SIZES:
        if sizes and f"{size[0]}x{size[1]}" not in sizes:
            continue
        name = f"{size[0]}x{size[1]}"
        (target / name).mkdir(parents=True, exist_ok=True)
        made: list[tuple[str, Pixels]] = []
        with tempfile.TemporaryDirectory() as folder, screen(size) as shown:
            for state, pixels in states(shown, Path(folder)):
                Image.fromarray(pixels).save(target / name / f"{len(made):02d} {state}.png")
                made.append((state, pixels))
        Image.fromarray(together(made)).save(target / f"{name}.png")
        print(target / f"{name}.png", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
