"""What commands share: progress and interruption, and what they need of this machine."""

from __future__ import annotations

import ipaddress
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

import typer

from runtime.errors import RequestError
from runtime.pipeline import Pipeline
from runtime.planner import Planner
from runtime.request import Frame, Request

if TYPE_CHECKING:
    from rich.progress import Progress

    from runtime.farm.farm import Farm

INSTALL = "pip install '.[export]' in wordmorph's folder"
"""what brings torch and diffusers"""


def progress() -> Progress:
    """Return bars that show frames done, speed and time left on stderr while a block runs."""
    from player.commands.bars import bars  # slow to import, and ``play`` shows none

    return bars()


def frames_of(
    pipeline: Pipeline | Farm, requests: Sequence[Request], bars: Progress, description: str
) -> Iterator[Frame]:
    """Render in order with a bar, one engine batch in memory at a time."""
    task = bars.add_task(description, total=len(requests))
    for frame in pipeline.frames(requests):
        yield frame
        bars.advance(task)


def name_untaught(planner: Planner, request: Request) -> None:
    """Say on stderr which words the model was never taught, if there are any."""
    line = planner.untaught(request)
    if line is not None:
        print(line, file=sys.stderr)


def refuse_untaught(planner: Planner, request: Request) -> None:
    """Refuse words the model was never taught: what is measured of them would tell nothing.

    Raises:
        RequestError: naming them, and where the model's own words are listed.
    """
    line = planner.untaught(request)
    if line is not None:
        raise RequestError(line)


@contextmanager
def interruptible(target: str | None) -> Iterator[None]:
    """Turn Ctrl-C and its like into one line that says what became of ``target``.

    The exit status is 128 and the signal's number, 130 for Ctrl-C.
    """
    try:
        yield
    except KeyboardInterrupt as error:
        fate = "" if target is None else f", the partial {target} was removed"
        print(f"wordmorph: interrupted{fate}", file=sys.stderr)
        raise typer.Exit(getattr(error, "status", 130)) from None


def can_export() -> bool:
    """Tell whether torch and diffusers are installed, without importing them."""
    return find_spec("torch") is not None and find_spec("diffusers") is not None


def is_loopback(host: str) -> bool:
    """Tell whether only this machine can reach ``host``."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
