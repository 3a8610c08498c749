"""A walk over protobuf messages: varints and lengths, nothing that allocates or recurses.

The wire format is that of https://protobuf.dev/programming-guides/encoding/.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from runtime.errors import BundleError

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
"""wire types; groups (3 and 4) are not read"""

Value = int | memoryview
"""a varint or fixed number as an unsigned int; strings, packed numbers and messages as bytes"""


class Walker:
    """Reads messages until a number of fields is reached that no honest file has."""

    def __init__(self, fields: int) -> None:
        """Read at most ``fields`` fields altogether."""
        self._left = fields

    def fields(self, message: memoryview) -> Iterator[tuple[int, Value]]:
        """Yield (field number, value) in the order of the bytes.

        Raises:
            BundleError: bytes that are no message, or too many fields.
        """
        place, end = 0, len(message)
        while place < end:
            self._left -= 1
            if self._left < 0:
                raise BundleError("has too many parts")
            key, place = _varint(message, place)
            number, kind = key >> 3, key & 7
            if kind == VARINT:
                value, place = _varint(message, place)
                yield number, value
                continue
            if kind == BYTES:
                size, place = _varint(message, place)
            elif kind in (FIXED32, FIXED64):
                size = 4 if kind == FIXED32 else 8
            else:
                raise BundleError("is no ONNX graph")
            if size > end - place:
                raise BundleError("is cut short")
            part = message[place : place + size]
            place += size
            yield number, part if kind == BYTES else int.from_bytes(part, "little")


def signed(value: int) -> int:
    """Return a varint read as an int64."""
    return value - (1 << 64) if value >= 1 << 63 else value


def as_float(value: int) -> float:
    """Return a fixed32 read as a float."""
    number: float = struct.unpack("<f", value.to_bytes(4, "little"))[0]
    return number


def packed(value: Value) -> Iterator[int]:
    """Yield the int64 numbers of a repeated field, packed or one by one."""
    if isinstance(value, int):
        yield signed(value)
        return
    place = 0
    while place < len(value):
        number, place = _varint(value, place)
        yield signed(number)


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    """Return an unsigned number of at most 64 bits, and where it ends."""
    value = shift = 0
    while place < len(message) and shift < 70:
        byte = message[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            if value >> 64:
                break
            return value, place
        shift += 7
    raise BundleError("is no ONNX graph")
