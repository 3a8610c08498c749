"""The commands of ``wordmorph``, put together."""

from __future__ import annotations

import gc
import io
import sys
from importlib import import_module
from typing import Annotated

import typer

from player.ending import ending, is_stuck, leave
from runtime.errors import ExpressionError, MorphError, say_warnings_plainly
from runtime.version import program_version

ROOMS = {
    "play": "playing.", "serve": "playing.", "render": "", "grid": "",
    "storms": "charting.", "range": "charting.", "map": "charting.", "atlas": "charting.",
    "bench": "", "tokens": "", "build": "", "models": "", "doctor": "", "verify": "", "engines": "",
}  # fmt: skip
"""every command, in the order of the help, and its room in ``player.commands``"""
SHARED = ("play", "serve", "render", "grid", "storms", "range", "map", "bench", "tokens")
"""commands with the options of ``player.options``; ``shared`` explains words that are left over"""
GROUPS = ("engines",)
"""commands that have commands of their own"""


def _print_version(asked: bool) -> None:
    if asked:
        print(f"wordmorph {program_version()}")
        raise typer.Exit


def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and end."
        ),
    ] = False,
) -> None:
    pass


def make_app(named: str | None = None) -> typer.Typer:
    """Put the command line together: every command, or only the one ``named``, if there is such.

    Each lies in the module of its name, and importing all of them takes longer than opening a
    window: one word of the command line says which is wanted.
    """
    app = typer.Typer(
        name="wordmorph",
        help="Type two words, hold an arrow key, and watch the picture turn from one into the "
        "other.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        add_completion=False,
    )
    app.callback()(_options)
    for name in (named,) if named in ROOMS else ROOMS:
        found = getattr(import_module(f"player.commands.{ROOMS[name]}{name}"), name)
        if name in GROUPS:
            app.add_typer(found, name=name)
        else:
            settings = {"allow_extra_args": True} if name in SHARED else None
            app.command(context_settings=settings)(found)
    return app


def run() -> int:
    """Run the command that ``sys.argv`` names; return the exit status."""
    say_warnings_plainly()
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
            words = sys.argv[1:] or ["play"]
            app = make_app(words[0])
            gc.freeze()  # nor is it looked through later
            gc.enable()
            app(words)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    except ExpressionError as error:
        print(f"wordmorph: {error}\n{error.caret()}", file=sys.stderr)
        return 1
    except MorphError as error:
        print(f"wordmorph: {error}", file=sys.stderr)
        return 1
    return 0
