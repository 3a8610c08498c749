"""``wordmorph engines``: the compiled engines on this machine."""

from __future__ import annotations

import time
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from runtime.enginecache.cache import EngineCache
from runtime.enginecache.entry import Entry
from runtime.errors import RequestError

engines = typer.Typer(help="List or delete the compiled engines on this machine.")

DAY_S = 86400.0


@engines.command("list")
def list_engines() -> None:
    """List every compiled engine: what it is, for what, its size and last use."""
    cache = EngineCache()
    entries = cache.entries()
    console = Console()
    if entries:
        console.print(_table(entries))
    total = sum(entry.bytes for entry in entries)
    text = f"{len(entries)} entries, {total / 1e6:.1f} MB in {cache.root}"
    console.print(Text(text), soft_wrap=True)


@engines.command()
def prune(
    days: Annotated[
        float, typer.Option(help="Delete what was not used for so many days; 0 deletes all.")
    ] = 30.0,
) -> None:
    """Delete engines that are not used any more, quarantine, and leftovers of killed builds."""
    if not days >= 0:
        raise RequestError(f"{days} days make no sense: use 0 or more")
    cache = EngineCache()
    count, freed = cache.prune(days * DAY_S)
    print(f"deleted {count} entries, {freed / 1e6:.1f} MB, from {cache.root}")


def _table(entries: list[Entry]) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("model", "engine", "for"):
        table.add_column(name)
    table.add_column("MB", justify="right")
    table.add_column("used", justify="right")
    for entry in entries:
        fields = entry.fields
        engine = fields.get("engine", fields.get("kind", ""))
        gpu = " ".join(filter(None, (fields.get("gpu"), fields.get("capability"))))
        table.add_row(
            Text(entry.model),
            Text(f"{engine} {fields.get('version', '')} {fields.get('precision', '')}".strip()),
            Text(fields.get("processor") or gpu),
            f"{entry.bytes / 1e6:.1f}",
            _ago(time.time() - entry.used),
        )
    return table


def _ago(seconds: float) -> str:
    for size, unit in ((DAY_S, "d"), (3600.0, "h"), (60.0, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit} ago"
    return "now"
