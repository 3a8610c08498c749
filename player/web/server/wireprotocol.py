"""uvicorn's WebSocket protocol, for clients that mean harm: none of them is read further than what
is answered.
"""

from __future__ import annotations

from asyncio.transports import BaseTransport
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame, Opcode
from websockets.http11 import Request

CHUNK = 4096
"""Bytes read at once, then whatever they held is answered. asyncio reads 256 KiB, thousands of the
smallest messages, and nobody else is served while they are told apart."""
MOST_PIECES = 100
"""Frames a second that are no whole message: pings, pongs and pieces. An honest client sends a few
a minute."""
LINGER_SECONDS = 0.5
"""for the other side to read why it is closed; what it still sends is not read"""
CLOSING_SECONDS = 5.0
"""for a slow link to carry away what was sent before; then the connection is cut"""


class WireProtocol(WebSocketsSansIOProtocol):
    """Reads nothing before the connection is accepted and after it is closed."""

    _pieces = 0
    _counted_since = 0.0

    def connection_made(self, transport: BaseTransport) -> None:
        """Read less at once."""
        super().connection_made(transport)
        if hasattr(transport, "max_size"):  # not on Windows' proactor
            transport.max_size = CHUNK

    def handle_connect(self, event: Request) -> None:
        """Wait for the application's answer."""
        super().handle_connect(event)
        if not self.transport.is_closing():
            self.transport.pause_reading()

    def handle_events(self) -> None:
        """Read no more from who sends too many frames that the application never sees, and let it
        close the connection as for any other message that is no text.
        """
        now = self.loop.time()
        if now - self._counted_since >= 1:
            self._counted_since, self._pieces = now, 0
        self._pieces += sum(
            isinstance(event, Frame)
            and not (event.fin and event.opcode in (Opcode.TEXT, Opcode.BINARY))
            for event in self.conn.events
        )
        if self._pieces <= MOST_PIECES:
            super().handle_events()
        elif not self.close_sent:
            self.transport.pause_reading()  # and not ``read_paused``: nothing resumes it
            self.queue.put_nowait({"type": "websocket.receive", "bytes": b""})

    async def send(self, message: Any) -> None:
        """Send what the application says; read after it accepted, and no more after it closed.

        A connection that takes nothing any more is cut, so that nobody waits for it.
        """
        if message["type"] == "websocket.close" and self.handshake_complete:
            self.loop.call_later(CLOSING_SECONDS, self.transport.abort)
        await super().send(message)
        if self.transport.is_closing():
            return
        if message["type"] == "websocket.accept":
            self.transport.resume_reading()
        elif message["type"] == "websocket.close":
            self.transport.pause_reading()
            self.loop.call_later(LINGER_SECONDS, self.transport.close)
