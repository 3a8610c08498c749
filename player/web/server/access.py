"""Who may come in: the token, and the names and pages that may ask."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import re
import secrets
import socket
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from player.web.wire.offer import CARRIER, SUBPROTOCOL

_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class Access:
    """The token of a server, and the host names besides addresses that lead to it."""

    token: str
    names: frozenset[str] = frozenset({"localhost"})

    def knows(self, given: str) -> bool:
        """Tell whether a token is the right one, in the same time whatever is wrong with it."""
        return secrets.compare_digest(given.encode(), self.token.encode())

    def knows_offer(self, subprotocols: list[str]) -> bool:
        """Tell whether what a client offers on the wire holds the right token."""
        given = [one.removeprefix(CARRIER) for one in subprotocols if one.startswith(CARRIER)]
        return SUBPROTOCOL in subprotocols and len(given) == 1 and self.knows(given[0])

    def is_host(self, header: str) -> bool:
        """Tell whether a Host header names this server.

        A page elsewhere can let its own name point here (DNS rebinding), but not an address: so
        addresses pass, and of names only ours. Any port passes, since ``ssh -L`` may take another.
        """
        try:
            name = urlsplit(f"//{header}").hostname or ""
        except ValueError:
            return False
        with contextlib.suppress(ValueError):
            ipaddress.ip_address(name)
            return True
        return name in self.names

    def is_origin(self, origin: str | None, host: str) -> bool:
        """Tell whether the page that asks is ours; programs that are no browser send no Origin."""
        if origin is None:
            return True
        try:
            parts = urlsplit(origin)
        except ValueError:
            return False
        return parts.scheme in ("http", "https") and parts.netloc.lower() == host.lower()


def names_of(host: str, full_name: str = "localhost") -> frozenset[str]:
    """Return the names by which a server bound to ``host`` may be called; ``full_name`` is the
    machine's with its domain, where that was looked up.
    """
    mine = socket.gethostname().lower()
    return frozenset({"localhost", host.lower(), full_name.lower(), mine, f"{mine}.local"})


def kept_token(path: Path) -> str:
    """Return the token kept in ``path``, made and kept there for its owner alone if there is none.

    It outlives the server, so that an open page finds back to one that was started again. Where it
    cannot be kept it is a new one each time.
    """
    with contextlib.suppress(OSError, UnicodeDecodeError):
        info = path.lstat()
        private = sys.platform == "win32" or (
            info.st_uid == os.getuid() and not info.st_mode & 0o077
        )
        text = path.read_text("ascii").strip()
        if private and not path.is_symlink() and _TOKEN.fullmatch(text):
            return text
    token = secrets.token_urlsafe(32)
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as stream:
            stream.write(token + "\n")
    return token
