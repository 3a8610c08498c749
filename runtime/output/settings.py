"""The exact settings of a picture or film, as its metadata keeps them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from runtime.request import Request

if TYPE_CHECKING:
    from runtime.pipeline import Pipeline

KEY = "wordmorph"
"""The name of the settings in a PNG's text chunks."""


def program_version() -> str:
    """Return the installed version of this program, or ``unknown`` when run uninstalled."""
    try:
        return version("wordmorph")
    except PackageNotFoundError:
        return "unknown"


def model_settings(pipeline: Pipeline) -> dict[str, Any]:
    """Return what the model and the engine decide: the same for every picture they make."""
    return {
        "model": pipeline.bundle.manifest.model,
        "digest": pipeline.bundle.digest(),
        "width": pipeline.size[0],
        "height": pipeline.size[1],
        "engine": pipeline.engine.name,
        "precision": pipeline.engine.precision,
        "version": program_version(),
    }


def settings_of(pipeline: Pipeline, request: Request, command: str, **more: Any) -> dict[str, Any]:
    """Return all that decides the pixels, the reproducing ``command``, and ``more``."""
    return {**model_settings(pipeline), **asdict(request), **more, "command": command}


def to_text(settings: Mapping[str, Any]) -> str:
    """Return settings as one line of ASCII JSON, which every container carries unchanged."""
    return json.dumps(settings, ensure_ascii=True, separators=(",", ":"))
