"""Runs one command as the command line would, but for what is made of errors."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from player import options
from player.commands import grid as grid_module
from player.commands import render as render_module
from player.commands.charting import map as map_module
from player.commands.charting import range as range_module
from player.commands.charting import storms as storms_module
from player.program import make_app
from runtime.errors import MorphError
from runtime.output.film import read_settings
from tests.support.drawn import DrawnPipeline

Run = Callable[..., str]


def invoke(*words: str) -> str:
    """Run ``wordmorph`` with these words; return its stdout and let errors of one line through."""
    result = CliRunner().invoke(make_app(words[0]), words)
    if isinstance(result.exception, MorphError):
        assert "\n" not in str(result.exception)
        raise result.exception
    if result.exit_code:
        raise SystemExit(result.exit_code, result.output) from result.exception
    return result.stdout


def runner(pipeline: DrawnPipeline, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return ``invoke`` for commands that draw on ``pipeline``."""
    monkeypatch.setattr(options, "open_pipeline", lambda *_: pipeline)
    for module in (grid_module, map_module, range_module, render_module, storms_module):
        monkeypatch.setattr(module, "open_frames", lambda *_: pipeline)
    return invoke


def draws_again(run: Run, picture: str) -> str:
    """Check that the command in a picture's settings makes it again to the pixel; return it."""
    first = np.asarray(Image.open(picture))
    command: str = read_settings(picture)["command"]
    os.remove(picture)
    run(*shlex.split(command)[1:])
    assert (np.asarray(Image.open(picture)) == first).all()
    return command
