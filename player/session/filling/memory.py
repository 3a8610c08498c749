"""How much the player may keep in memory, frames and all that is learned of them together."""

from __future__ import annotations

import ctypes
import re
import sys
from collections import OrderedDict

from runtime.cache import BUDGET, FrameCache
from runtime.errors import RequestError
from runtime.language.line import DIVISIONS
from runtime.perception.distance import Descriptor, describe_frame
from runtime.request import Request

SHARE = 0.25
"""the part of the budget that descriptors may take: each is five times its frame"""
LEAST = 112
"""bytes for each pixel of the picture: 16 frames, and the descriptors of 4"""
UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


_M_MMAP_THRESHOLD = -3
_OWN_PAGES = 128 << 10
"""bytes from which on a block is given back to the system when it is freed"""


def give_back_freed() -> None:
    """Let glibc return every freed picture to the system, instead of keeping it for the next one.

    It raises its threshold to the largest block it saw freed (``mallopt(3)``), up to 32 MB: then
    pictures lie in a heap whose holes are the system's no more, 55 MB of them after six seeds at
    512x512. Elsewhere nothing happens.
    """
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
        if mallopt is not None:
            mallopt(_M_MMAP_THRESHOLD, _OWN_PAGES)


def default_budget(picture: tuple[int, int]) -> int:
    """Return bytes for a whole line of ``picture`` (width, height), ``BUDGET`` at least."""
    line = (DIVISIONS + 2) * 3 * picture[0] * picture[1]
    return max(BUDGET, round(line / (1 - SHARE)))


def parse_budget(text: str | None, picture: tuple[int, int]) -> int | None:
    """Read ``512M`` or ``2G`` as bytes; None stays None.

    Raises:
        RequestError: something else, or too little for ``picture`` (width, height).
    """
    if text is None:
        return None
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?", text.strip(), re.IGNORECASE)
    if match is None:
        raise RequestError(f"--cache {text!r} cannot be read: write a size such as 512M or 2G")
    size = float(match[1]) * UNITS[match[2].upper()]
    least = LEAST * picture[0] * picture[1]
    if size < least:
        raise RequestError(
            f"--cache {text} holds too little of {picture[0]}x{picture[1]}: use "
            f"{-(-least // UNITS['M'])}M or more"
        )
    return round(size)


class Descriptors:
    """The descriptors of frames lately compared, on all lines; they count in the cache's budget."""

    def __init__(self, cache: FrameCache) -> None:
        """Describe frames of ``cache``."""
        self._cache = cache
        self._known: OrderedDict[Request, Descriptor] = OrderedDict()
        self._bytes = 0

    def at_hand(self, request: Request) -> bool:
        """Tell whether ``of`` would answer."""
        return request in self._known or request in self._cache

    def of(self, request: Request) -> Descriptor | None:
        """Return a frame's descriptor; None if neither it nor the frame is kept."""
        known = self._known.get(request)
        if known is not None:
            self._known.move_to_end(request)
            return known
        frame = self._cache.peek(request)
        if frame is None:
            return None
        made = self._known[request] = describe_frame(frame.pixels)
        self._bytes += made.point.nbytes
        while self._bytes > SHARE * self._cache.budget:
            self._bytes -= self._known.popitem(last=False)[1].point.nbytes
        self._cache.charge("descriptors", self._bytes)
        return made
