"""``wordmorph doctor``: what this machine can run, and why not the rest."""

from __future__ import annotations

import json
from dataclasses import asdict

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from player.options import AsJson
from runtime.doctor import Finding, examine

MARKS = {"ok": ("✓", "green"), "absent": ("–", "yellow"), "problem": ("✗", "bold red")}


def doctor(
    as_json: AsJson = False,
) -> None:
    """Say what this machine can run, and what would add or repair the rest."""
    findings = examine()
    if as_json:
        print(json.dumps([asdict(finding) for finding in findings], indent=1))
    else:
        Console().print(_table(findings))
    if any(finding.state == "problem" for finding in findings):
        raise typer.Exit(1)


def _table(findings: list[Finding]) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column()
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for finding in findings:
        mark, style = MARKS[finding.state]
        table.add_row(Text(mark, style), Text(finding.subject, "bold"), Text(finding.text))
    return table
