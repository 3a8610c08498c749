"""What a client offers when it connects: the protocol by its name, and the token behind a word."""

from __future__ import annotations

SUBPROTOCOL = "wordmorph.1"
"""What a client offers on the wire, beside ``token.<token>``."""
CARRIER = "token."
