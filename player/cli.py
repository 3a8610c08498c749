"""The command line: ``wordmorph`` and its commands."""

from __future__ import annotations

import sys

import typer

from runtime.errors import ExpressionError, MorphError

app = typer.Typer(
    name="wordmorph",
    help="Morph between words, live.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


def main() -> None:
    """Run the command line; every expected error is one line on stderr and exit status 1."""
    try:
        app()
    except ExpressionError as error:
        print(f"wordmorph: {error}\n{error.caret()}", file=sys.stderr)
        sys.exit(1)
    except MorphError as error:
        print(f"wordmorph: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("wordmorph: interrupted", file=sys.stderr)
        sys.exit(130)
