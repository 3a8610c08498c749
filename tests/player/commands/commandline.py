"""Runs one command as the command line would, on a pipeline that draws."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import typer
from typer.testing import CliRunner

from player.commands import grid as grid_module
from player.commands import render as render_module
from player.commands.charting import map as map_module
from player.commands.charting import range as range_module
from player.commands.charting import storms as storms_module
from runtime.errors import MorphError
from tests.support.drawn import DrawnPipeline

Run = Callable[..., str]


def runner(pipeline: DrawnPipeline, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return ``run("render", "cat -> kitten", …)``, which gives stdout and lets errors through."""
    for module in (grid_module, map_module, range_module, render_module, storms_module):
        monkeypatch.setattr(module, "open_frames", lambda *_: pipeline)
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(render_module.render)
    app.command()(grid_module.grid)
    app.command()(storms_module.storms)
    app.command()(range_module.range)
    app.command()(map_module.map)

    def run(*words: str) -> str:
        result = CliRunner().invoke(app, list(words))
        if isinstance(result.exception, MorphError):
            assert "\n" not in str(result.exception)
            raise result.exception
        if result.exit_code:
            raise SystemExit(result.exit_code, result.output) from result.exception
        return result.stdout

    return run
