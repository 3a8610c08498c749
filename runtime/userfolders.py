"""The user's own folders, of each kind one, wherever in the program it is asked for."""

from __future__ import annotations

from pathlib import Path

import platformdirs

_NAME = "wordmorph"


def cache_folder() -> Path:
    """Return the folder of what can be made again; it may not be there yet, as the others."""
    return platformdirs.user_cache_path(_NAME, appauthor=False)


def config_folder() -> Path:
    """Return the folder of what the user has set up."""
    return platformdirs.user_config_path(_NAME, appauthor=False)


def data_folder() -> Path:
    """Return the folder of what the user has made and wants to keep."""
    return platformdirs.user_data_path(_NAME, appauthor=False)


def state_folder() -> Path:
    """Return the folder of what the program keeps from one start to the next."""
    return platformdirs.user_state_path(_NAME, appauthor=False)
