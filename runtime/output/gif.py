"""Animated GIFs written frame by frame, so that a long film needs the memory of one frame."""

from __future__ import annotations

import io
import struct
from fractions import Fraction
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

MAX_FPS = 50
"""Delays count 1/100 s, and browsers slow delays below 2 down to 10."""


def write_header(stream: BinaryIO, size: tuple[int, int], comment: str) -> None:
    """Write what stands before the first frame: ``size`` (W, H), endless loop, ``comment``."""
    stream.write(b"GIF89a" + struct.pack("<HHBBB", *size, 0, 0, 0))
    stream.write(b"\x21\xff\x0bNETSCAPE2.0\x03\x01\x00\x00\x00")
    text = comment.encode("ascii")
    stream.write(b"\x21\xfe")
    for start in range(0, len(text), 255):
        block = text[start : start + 255]
        stream.write(bytes([len(block)]) + block)
    stream.write(b"\x00")


def write_frame(stream: BinaryIO, pixels: NDArray[np.uint8], delay: int) -> None:
    """Write uint8 [H, W, 3] with its own 256 colours, shown for ``delay`` hundredths of a second.

    No dithering: its pattern would crawl over still areas and pass for change.
    """
    image = Image.fromarray(pixels).quantize(
        256, method=Image.Quantize.MEDIANCUT, kmeans=1, dither=Image.Dither.NONE
    )
    palette, descriptor, data = _parts(image)
    bits = max(1, (len(palette) // 3 - 1).bit_length())
    stream.write(b"\x21\xf9\x04" + struct.pack("<BHBB", 1 << 2, delay, 0, 0))
    stream.write(descriptor + bytes([0x80 | (bits - 1)]) + palette + data)


def write_end(stream: BinaryIO) -> None:
    """Write what stands after the last frame."""
    stream.write(b"\x3b")


def delay(index: int, fps: Fraction) -> int:
    """Return the hundredths of a second of frame ``index``; rounding never adds up."""
    return round((index + 1) * 100 / fps) - round(index * 100 / fps)


def _parts(image: Image.Image) -> tuple[bytes, bytes, bytes]:
    """Let Pillow compress one image; return its palette, image descriptor and coded data."""
    buffer = io.BytesIO()
    image.save(buffer, "GIF", optimize=False, interlace=False)
    raw = buffer.getvalue()
    place = 13
    palette = b""
    if raw[10] & 0x80:
        place += 3 << ((raw[10] & 7) + 1)
        palette = raw[13:place]
    while raw[place] == 0x21:  # extensions: introducer, label, sub-blocks, an empty sub-block
        place += 2
        while raw[place]:
            place += raw[place] + 1
        place += 1
    return palette, raw[place : place + 9], raw[place + 10 : -1]
