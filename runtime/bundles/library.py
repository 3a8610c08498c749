"""Which models this machine has: the built-in bundle and those that were built here."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from runtime.bundles.bundle import Bundle, open_bundle
from runtime.bundles.manifest import MANIFEST
from runtime.errors import BundleError
from runtime.userfolders import data_folder

BUILT_IN = "critters"
HOME_VARIABLE = "WORDMORPH_HOME"


def home() -> Path:
    """Return the folder of built bundles: ``$WORDMORPH_HOME`` or the user's data directory."""
    chosen = os.environ.get(HOME_VARIABLE)
    return Path(chosen) if chosen else data_folder() / "bundles"


def built_in() -> Path:
    """Return the folder of the bundle that ships with the program."""
    return Path(__file__).parents[1] / BUILT_IN


def known_models() -> dict[str, Path]:
    """Return every model by name: the built-in one first, then those under ``home()``.

    A folder of bundles that may not be read hides those in it; ``unreadable`` says so.
    """
    models = {BUILT_IN: built_in()}
    for folder in _folders():
        if folder.name not in models and _may_be_bundle(folder):
            models[folder.name] = folder
    return models


def unreadable() -> str | None:
    """Return why the folder of built bundles cannot be listed, in one line, or None."""
    root = home()
    try:
        os.listdir(root)
    except FileNotFoundError:
        return None
    except OSError as error:
        return f"{root} cannot be read ({error.strerror}): the models built there are not known"
    return None


def locate(model: str) -> Path:
    """Return the bundle folder of a model's name, or of a path to one; nothing is read.

    Raises:
        BundleError: an unknown name (the known ones are listed).
    """
    models = known_models()
    if model in models:
        return models[model]
    if os.path.isdir(model):  # Path.is_dir raises where it may not look
        return Path(model)
    names, hidden = ", ".join(models), unreadable()
    raise BundleError(
        f"unknown model {model!r}: known here are {names}; "
        + (hidden or "'wordmorph models' lists those that can be built")
    )


def find_bundle(model: str) -> Bundle:
    """Open a model by name or by the folder of its bundle, every file checked.

    Raises:
        BundleError: an unknown name (the known ones are listed), or a bundle that is damaged or
            may not be read.
    """
    folder = locate(model)
    try:
        return open_bundle(folder)
    except OSError as error:
        where = error.filename or folder
        raise BundleError(
            f"{where} cannot be read ({error.strerror}): change its permissions"
        ) from None


def _folders() -> list[Path]:
    root = home()
    try:
        return sorted(root / name for name in os.listdir(root))
    except OSError:
        return []


def _may_be_bundle(folder: Path) -> bool:
    """Whether a folder holds a manifest, or may: one that cannot be looked into is named too."""
    try:
        return stat.S_ISREG(os.stat(folder / MANIFEST).st_mode)
    except PermissionError:
        return True
    except OSError:
        return False
