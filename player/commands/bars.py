"""Progress bars on stderr."""

from __future__ import annotations

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        unit = task.fields.get("unit", "fps")
        shown = f"{task.speed:.1f} {unit}" if unit and task.speed is not None else ""
        return Text(shown, style="progress.data.speed")


def bars() -> Progress:
    """Return bars with frames done, speed and time left, which vanish at the end.

    A task whose ``unit`` is not the default, frames a second, shows that, or no speed if empty.
    """
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
