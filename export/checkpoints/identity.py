"""What a bundle was built from, as digests: to name it, and to tell whether it is still that."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from export.checkpoints.presets import MODELS, ModelSpec
from runtime.bundles.manifest import read_manifest
from runtime.errors import BundleError

ELSEWHERE = ("mirrors", "sha256")
"""fields of a hub's repository that say where else its files are, or what they are anyway"""
UNNAMED = ("name", "about", "licence")
"""fields that say nothing about the pictures"""
KEY = "spec"
"""where ``Manifest.sources`` keeps the digest"""


def digest(spec: ModelSpec) -> str:
    """Return a sha256 over everything a spec asks for; local files by path, size and time."""
    return _digest(spec, contents=True)


def tag(spec: ModelSpec) -> str:
    """Return eight characters that tell specs apart, whatever their files hold by now.

    The precision does not count: one model in f16 takes the place of the same in f32.
    """
    return _digest(replace(spec, precision="f32"), contents=False)[:8]


def is_plain(spec: ModelSpec) -> bool:
    """Whether a spec is a preset as it stands in the table, in either precision."""
    preset = MODELS.get(spec.name)
    return preset is not None and tag(spec) == tag(preset)


def is_built(folder: Path, *specs: ModelSpec) -> bool:
    """Whether ``folder`` holds a bundle that was built from one of ``specs`` as they are now."""
    try:
        sources = read_manifest(folder).sources
    except BundleError:
        return False
    return sources.get(KEY) in [digest(spec) for spec in specs]


def _digest(spec: ModelSpec, *, contents: bool) -> str:
    asked = {
        field.name: _plain(getattr(spec, field.name), contents)
        for field in fields(spec)
        if field.name not in UNNAMED
    }
    if spec.vae not in ("full", "taesd"):
        asked["vae"] = _place(Path(spec.vae), contents)
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


def _plain(value: Any, contents: bool) -> Any:
    if isinstance(value, Path):
        return _place(value, contents)
    if isinstance(value, Mapping):
        return {str(name): _plain(one, contents) for name, one in value.items()}
    if isinstance(value, tuple):
        return [_plain(one, contents) for one in value]
    if hasattr(value, "__dataclass_fields__"):
        return {
            one.name: _plain(getattr(value, one.name), contents)
            for one in fields(value)
            if one.name not in ELSEWHERE
        }
    return value


def _place(path: Path, contents: bool) -> list[Any]:
    """Return a file or folder as its absolute path and, if asked, what the system says it holds."""
    place = path.expanduser().resolve()
    if not contents:
        return [str(place)]
    inside = sorted(p for p in place.rglob("*") if p.is_file()) if place.is_dir() else [place]
    return [str(place), *(_stamp(one) for one in inside)]


def _stamp(path: Path) -> list[Any]:
    try:
        status = path.stat()
    except OSError:
        return [str(path)]
    return [str(path), status.st_size, status.st_mtime_ns]
