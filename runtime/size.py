"""A picture's size, as people type it."""

from __future__ import annotations

import re

from runtime.errors import RequestError


def parse_size(text: str | None) -> tuple[int, int] | None:
    """Read ``512x512`` as (width, height) in pixels; None stays None.

    Raises:
        RequestError: anything else.
    """
    if text is None:
        return None
    match = re.fullmatch(r"(\d{1,5})[x×](\d{1,5})", text.strip().lower())
    width, height = map(int, match.groups()) if match else (0, 0)
    if not (width and height):
        raise RequestError(f"size {text!r} is not WIDTHxHEIGHT, e.g. 512x512")
    return width, height
