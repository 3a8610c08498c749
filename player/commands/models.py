"""``wordmorph models``: what is here, and what can be built."""

from __future__ import annotations

import sys
from itertools import groupby
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from runtime.bundles.library import known_models, locate, unreadable
from runtime.bundles.manifest import read_manifest
from runtime.bundles.vocabulary import read_vocabulary
from runtime.errors import BundleError


def models(
    model: Annotated[
        str | None, typer.Argument(help="A model, to list the words it was taught.")
    ] = None,
) -> None:
    """List the models that are here and the presets to build, or the words that one was taught."""
    if model is not None:
        print(_words(model))
        return
    from export.checkpoints.presets import MODELS  # data only: no torch

    here = known_models()
    table = Table(box=None, pad_edge=False)
    for heading in ("model", "size", "steps", "what it is"):
        table.add_column(heading, no_wrap=heading != "what it is")
    for name, folder in here.items():
        about = MODELS[name].about if name in MODELS else str(folder)
        try:
            manifest = read_manifest(folder)
        except BundleError as error:
            table.add_row(name, "-", "-", str(error))
            continue
        steps = ", ".join(str(count) for count in sorted(manifest.steps))
        table.add_row(name, f"{manifest.width}x{manifest.height}", steps, about)
    for name, spec in MODELS.items():
        if name not in here:
            size = f"{spec.size[0]}x{spec.size[1]}" if spec.size else "-"
            steps = ", ".join(str(count) for count in spec.steps)
            table.add_row(name, size, steps, f"{spec.about} [dim](wordmorph build {name})[/dim]")
    hidden = unreadable()
    if hidden is not None:
        print(f"wordmorph: {hidden}", file=sys.stderr)
    Console().print(table)


def _words(model: str) -> str:
    """Return every word a model was taught, a line of them for each first letter."""
    folder = locate(model)
    manifest = read_manifest(folder)
    vocabulary = read_vocabulary(folder, manifest.files)
    if vocabulary is None:
        return f"{manifest.model} does not say which words it was taught: try any"
    words = sorted(vocabulary.words)
    lines = (" ".join(group) for _, group in groupby(words, key=lambda word: word[0]))
    return "\n".join(lines)
