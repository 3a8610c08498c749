"""Makes the bytes of a picture once for all viewers, without holding up the event loop."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor

from player.web.wire.pictures import encode
from runtime.request import Frame, Request

QUICK = 3 * 512 * 512
"""Values of a picture that is encoded as JPEG at once, in 0.4 to 1.5 ms: to another thread and back
it took 1 to 4 ms."""
ENCODED = 64
"""pictures whose bytes are kept for the next viewer"""


class Encoder:
    """Used by the event loop's thread alone."""

    def __init__(self) -> None:
        """Keep nothing yet."""
        self._pool = ThreadPoolExecutor(2, "encode")
        self._encoded: OrderedDict[tuple[Request, bool], bytes] = OrderedDict()

    async def encode(self, frame: Frame, lossless: bool, keep: bool) -> bytes:
        """Return a picture as PNG, or as JPEG unless ``lossless``; ``keep`` it for the next viewer
        where its request alone says what it shows.
        """
        key, encoded = (frame.request, lossless), self._encoded
        picture = encoded.get(key) if keep else None
        if picture is None:
            if lossless or frame.pixels.size > QUICK:
                loop = asyncio.get_running_loop()
                picture = await loop.run_in_executor(
                    self._pool, lambda: encode(frame.pixels, lossless=lossless)
                )
            else:
                picture = encode(frame.pixels, lossless=lossless)
            if keep:  # with those that were here as it began, should another model play by now
                encoded[key] = picture
            if len(encoded) > ENCODED:
                encoded.popitem(last=False)
        return picture

    def clear(self) -> None:
        """Forget every picture: another model makes others of the same requests."""
        self._encoded = OrderedDict()

    def close(self) -> None:
        """Let go of the threads."""
        self._pool.shutdown(cancel_futures=True)
