"""Frames as bytes on the wire: a header that says which request they answer, then the picture."""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

QUALITY = 92
"""of JPEG, whose colours are kept at full size (4:4:4)"""
LENGTH = struct.Struct(">I")
MAX_HEADER = 16_384


def encode(pixels: NDArray[np.uint8], *, lossless: bool) -> bytes:
    """Return uint8 [H, W, 3] RGB as JPEG, or as PNG where every pixel counts."""
    out = io.BytesIO()
    image = Image.fromarray(pixels)
    if lossless:
        image.save(out, "PNG", compress_level=1)
    else:
        image.save(out, "JPEG", quality=QUALITY, subsampling=0)
    return out.getvalue()


def decode(picture: bytes) -> NDArray[np.uint8]:
    """Return a JPEG or PNG as read-only uint8 [H, W, 3] RGB.

    Raises:
        OSError: it is neither.
    """
    with Image.open(io.BytesIO(picture), formats=("JPEG", "PNG")) as image:
        pixels = np.array(image.convert("RGB"))
    pixels.flags.writeable = False
    return pixels


def pack(header: Mapping[str, Any], picture: bytes) -> bytes:
    """Return a picture behind its header: 4 bytes of length, big end first, then JSON."""
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    return b"".join((LENGTH.pack(len(text)), text, picture))


def unpack(message: bytes) -> tuple[dict[str, Any], bytes]:
    """Return the header and the picture.

    Raises:
        ValueError: it is no such message.
    """
    if len(message) < LENGTH.size:
        raise ValueError("too short")
    (length,) = LENGTH.unpack_from(message)
    if length > min(MAX_HEADER, len(message) - LENGTH.size):
        raise ValueError("the header is longer than the message")
    header = json.loads(message[LENGTH.size : LENGTH.size + length])
    if not isinstance(header, dict):
        raise ValueError("the header is no object")
    return header, message[LENGTH.size + length :]
