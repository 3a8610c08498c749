"""The command line: ``wordmorph`` and its commands."""

from __future__ import annotations

import io
import sys

import typer

from player.commands.bench import bench
from player.commands.build import build
from player.commands.doctor import doctor
from player.commands.engines import engines
from player.commands.grid import grid
from player.commands.map import map_
from player.commands.models import models
from player.commands.play import play
from player.commands.range import range_
from player.commands.render import render
from player.commands.storms import storms
from player.commands.tokens import tokens
from runtime.errors import ExpressionError, MorphError

app = typer.Typer(
    name="wordmorph",
    help="Type two words, hold an arrow key, and watch the picture turn from one into the other.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
for command in (play, render, grid, storms, tokens, bench, build, models, doctor):
    app.command()(command)
app.command("range")(range_)
app.command("map")(map_)
app.add_typer(engines, name="engines")


def main() -> None:
    """Run the command line; every expected error is one line on stderr and exit status 1."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a pipe in Windows' cp1252 has no arrows
    try:
        app()
    except ExpressionError as error:
        print(f"wordmorph: {error}\n{error.caret()}", file=sys.stderr)
        sys.exit(1)
    except MorphError as error:
        print(f"wordmorph: {error}", file=sys.stderr)
        sys.exit(1)
