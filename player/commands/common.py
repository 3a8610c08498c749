"""What the commands that write files share: progress and interruption."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from runtime.pipeline import Pipeline
from runtime.request import Frame, Request

if TYPE_CHECKING:
    from rich.progress import Progress


@contextmanager
def progress() -> Iterator[Progress]:
    """Show bars with frames done, speed and time left on stderr while the block runs."""
    from player.commands.bars import bars  # slow to import, and ``play`` shows none

    with bars() as shown:
        yield shown


def frames_of(
    pipeline: Pipeline, requests: Sequence[Request], bars: Progress, description: str
) -> Iterator[Frame]:
    """Render in order with a bar, one engine batch in memory at a time."""
    largest = max(pipeline.engine.batches)
    task = bars.add_task(description, total=len(requests))
    for start in range(0, len(requests), largest):
        for frame in pipeline.render_many(requests[start : start + largest]):
            yield frame
            bars.advance(task)


@contextmanager
def interruptible(target: str | None) -> Iterator[None]:
    """Turn Ctrl-C into one line that says what became of ``target``, and exit status 130."""
    try:
        yield
    except KeyboardInterrupt:
        fate = "" if target is None else f", the partial {target} was removed"
        print(f"wordmorph: interrupted{fate}", file=sys.stderr)
        raise typer.Exit(130) from None
