"""What may be written over: nothing that somebody may still want."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from runtime.errors import MorphError, TargetError
from runtime.output.film import read_settings
from runtime.output.settings import to_text


def check_overwrite(target: str, settings: Mapping[str, Any], *, force: bool) -> None:
    """Look whether ``target`` may be written: it is not there, or it is what would be made now.

    ``settings`` are those that decide the pictures (``command`` does not count); a file of this
    program that records the same ones loses nothing by being made again. Folders have a rule of
    their own in ``target``.

    Raises:
        TargetError: something else is there, and ``force`` is not given.
    """
    path = Path(target)
    if force or not path.exists() or path.is_dir():
        return
    try:
        recorded = read_settings(target)
    except MorphError:
        recorded = {}
    wanted = json.loads(to_text(settings))
    wanted.pop("command", None)
    if recorded and all(recorded.get(name) == value for name, value in wanted.items()):
        return
    raise TargetError(f"{target} exists already: choose another name, or replace it with --force")
