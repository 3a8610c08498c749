"""The exact settings of a picture or film, as its metadata keeps them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from runtime.request import Request

KEY = "wordmorph"
"""The name of the settings in a PNG's text chunks."""


def settings_of(
    model: Mapping[str, Any], request: Request, command: str, **more: Any
) -> dict[str, Any]:
    """Return all that decides the pixels, the reproducing ``command``, and ``more``.

    ``model`` is what ``Pipeline.settings`` returns.
    """
    return {**model, **asdict(request), **more, "command": command}


def to_text(settings: Mapping[str, Any]) -> str:
    """Return settings as one line of ASCII JSON, which every container carries unchanged."""
    return json.dumps(settings, ensure_ascii=True, separators=(",", ":"))
