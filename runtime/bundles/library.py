"""Which models this machine has: the built-in bundle and those that were built here."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

from runtime.bundles.bundle import Bundle, open_bundle
from runtime.bundles.manifest import MANIFEST
from runtime.errors import BundleError

BUILT_IN = "critters"
HOME_VARIABLE = "WORDMORPH_HOME"


def home() -> Path:
    """Return the folder of built bundles: ``$WORDMORPH_HOME`` or the user's data directory."""
    chosen = os.environ.get(HOME_VARIABLE)
    return Path(chosen) if chosen else Path(platformdirs.user_data_dir("wordmorph")) / "bundles"


def built_in() -> Path:
    """Return the folder of the bundle that ships with the program."""
    return Path(__file__).parents[1] / BUILT_IN


def known_models() -> dict[str, Path]:
    """Return every model by name: the built-in one first, then those under ``home()``."""
    models = {BUILT_IN: built_in()}
    root = home()
    if root.is_dir():
        for folder in sorted(root.iterdir()):
            if (folder / MANIFEST).is_file() and folder.name not in models:
                models[folder.name] = folder
    return models


def locate(model: str) -> Path:
    """Return the bundle folder of a model's name, or of a path to one; nothing is read.

    Raises:
        BundleError: an unknown name (the known ones are listed).
    """
    models = known_models()
    if model in models:
        return models[model]
    folder = Path(model)
    if folder.is_dir():
        return folder
    names = ", ".join(models)
    raise BundleError(
        f"unknown model {model!r}: known here are {names}; "
        "'wordmorph models' lists those that can be built"
    )


def find_bundle(model: str) -> Bundle:
    """Open a model by name or by the folder of its bundle, every file checked.

    Raises:
        BundleError: an unknown name (the known ones are listed) or a damaged bundle.
    """
    return open_bundle(locate(model))
