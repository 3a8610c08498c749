"""What the commands that write files share: progress and interruption."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from runtime.errors import RequestError
from runtime.pipeline import Pipeline
from runtime.planner import Planner
from runtime.request import Frame, Request

if TYPE_CHECKING:
    from rich.progress import Progress

    from runtime.farm.farm import Farm


@contextmanager
def progress() -> Iterator[Progress]:
    """Show bars with frames done, speed and time left on stderr while the block runs."""
    from player.commands.bars import bars  # slow to import, and ``play`` shows none

    with bars() as shown:
        yield shown


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
