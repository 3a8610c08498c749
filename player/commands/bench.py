"""``wordmorph bench``: frames per second on this machine."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from player.commands.common import interruptible
from player.options import Sampling, open_pipeline, open_planner, shared
from player.session.reproduce import Invocation
from runtime.bench.measure import Benchmark, measure
from runtime.errors import RequestError


@shared
def bench(
    expression: Annotated[str, typer.Argument(help="What to morph.")] = "cat -> kitten",
    frames: Annotated[int, typer.Option(help="Distinct positions to time.")] = 100,
    invocation: Invocation = Invocation(),
    sampling: Sampling = Sampling(),
    as_json: Annotated[
        bool, typer.Option("--json", help="Print machine-readable figures.")
    ] = False,
) -> None:
    """Measure frames per second and milliseconds per stage on the engine that really runs."""
    if frames < 1:
        raise RequestError(f"{frames} frames cannot be timed: use 1 or more")
    request = sampling.request(open_planner(invocation), expression)
    with interruptible(None):
        result = measure(lambda: open_pipeline(invocation), request, frames=frames)
    if as_json:
        print(json.dumps(asdict(result), indent=1))
    else:
        Console().print(_table(result))


def _table(result: Benchmark) -> Table:
    table = Table(title=f"{result.model} {result.width}x{result.height}", show_header=False)
    table.add_row("engine", f"{result.engine} {result.precision}")
    table.add_row("device", result.device)
    table.add_row("steps", str(result.steps))
    table.add_row("open", f"{result.open_seconds:.2f} s")
    table.add_row("first frame", f"{result.first_frame_ms:.1f} ms")
    table.add_row("live", f"{result.fps:.1f} fps ({result.frames} frames)")
    table.add_row("frame p50 / p95", f"{result.frame_ms_p50:.1f} / {result.frame_ms_p95:.1f} ms")
    for stage, milliseconds in result.stages_ms.items():
        table.add_row(f"  {stage}", f"{milliseconds:.2f} ms")
    table.add_row("filling", f"{result.fill_fps:.1f} fps (batches of {result.fill_batch})")
    return table
