"""``wordmorph models``: what is here, and what can be built."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from runtime.bundles.library import known_models
from runtime.bundles.manifest import read_manifest
from runtime.errors import BundleError


def models() -> None:
    """List the models that are here, and the presets that 'wordmorph build' knows."""
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
    Console().print(table)
