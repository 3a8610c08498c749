"""Run the command line in a process that may not open an internet socket."""

import socket
import sys
from typing import Any

from player.cli import main

INTERNET = (-1, socket.AF_INET, socket.AF_INET6)


class Blocked(socket.socket):
    """A socket class that refuses the internet families."""

    def __init__(self, family: int = -1, *args: Any, **kwargs: Any) -> None:
        """Open a local socket; raise for any other."""
        if family in INTERNET:
            raise RuntimeError("an internet socket was opened")
        super().__init__(family, *args, **kwargs)


def refuse(*args: object, **kwargs: object) -> None:
    """Raise instead of looking a name up."""
    raise RuntimeError("a host name was looked up")


socket.socket = Blocked  # type: ignore[misc]
socket.getaddrinfo = refuse  # type: ignore[assignment]
sys.argv[0] = "wordmorph"
main()
