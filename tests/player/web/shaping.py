"""A link with a delay and a width, between a browser and a server on this machine."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager

CHUNK = 1448
"""Bytes of a segment."""
QUEUE = 64
"""Segments that wait at the narrow end before the sender is held up."""


@contextmanager
def shaped(port: int, *, round_trip: float, bits: float) -> Iterator[int]:
    """Yield a port that leads to ``port`` over ``round_trip`` seconds and ``bits`` a second each
    way.
    """
    loop = asyncio.new_event_loop()
    tasks: set[asyncio.Task[None]] = set()

    async def carry(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(QUEUE)

        async def deliver() -> None:
            while True:
                due, data = await waiting.get()
                await asyncio.sleep(due - loop.time())
                if not data:
                    with contextlib.suppress(OSError):
                        target.write_eof()
                    return
                target.write(data)
                await target.drain()

        task = loop.create_task(deliver())
        tasks.add(task)
        free = 0.0
        while True:
            try:
                data = await source.read(CHUNK)
            except OSError:
                data = b""
            free = max(free, loop.time()) + len(data) * 8 / bits
            await asyncio.sleep(free - loop.time() - 0.002)
            await waiting.put((free + round_trip / 2, data))
            if not data:
                break
        with contextlib.suppress(OSError):
            await task
        tasks.discard(task)

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", port)
        try:
            await asyncio.gather(carry(reader, back), carry(there, writer))
        except asyncio.CancelledError:
            return  # the link is taken down
        finally:
            for one in (writer, back):
                one.close()

    async def end() -> None:
        server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    server = loop.run_until_complete(asyncio.start_server(meet, "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever, name="link", daemon=True)
    thread.start()
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        asyncio.run_coroutine_threadsafe(end(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()
