"""The commands of ``wordmorph``, put together."""

from __future__ import annotations

import io
import sys
from typing import Annotated

import typer

from player.commands.bench import bench
from player.commands.build import build
from player.commands.doctor import doctor
from player.commands.engines import engines
from player.commands.grid import grid
from player.commands.models import models
from player.commands.play import play
from player.commands.render import render
from player.commands.serve import serve
from player.commands.storms import storms
from player.commands.tokens import tokens
from player.ending import ending, is_stuck, leave
from runtime.errors import ExpressionError, MorphError
from runtime.version import program_version

app = typer.Typer(
    name="wordmorph",
    help="Type two words, hold an arrow key, and watch the picture turn from one into the other.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
for command in (play, serve, render, grid, storms, bench):
    app.command(context_settings={"allow_extra_args": True})(command)  # ``shared`` explains them
for command in (tokens, build, models, doctor):
    app.command()(command)
app.add_typer(engines, name="engines")


def _print_version(asked: bool) -> None:
    if asked:
        print(f"wordmorph {program_version()}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and end."
        ),
    ] = False,
) -> None:
    pass


def run() -> int:
    """Run the command that ``sys.argv`` names; return the exit status."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a pipe in Windows' cp1252 has no arrows
    status = _status()
    if is_stuck():
        leave(status)
    return status


def _status() -> int:
    try:
        with ending():
            app()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    except ExpressionError as error:
        print(f"wordmorph: {error}\n{error.caret()}", file=sys.stderr)
        return 1
    except MorphError as error:
        print(f"wordmorph: {error}", file=sys.stderr)
        return 1
    return 0
