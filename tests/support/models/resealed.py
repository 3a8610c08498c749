"""Manifests that a stranger has edited and sealed again: no digest gives them away."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from runtime.bundles.files import sha256_file
from runtime.bundles.manifest import MANIFEST, content_digest


def edit_manifest(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Let ``change`` alter the manifest's JSON values in place, and seal them."""
    path = folder / MANIFEST
    raw = json.loads(path.read_text(encoding="utf-8"))
    change(raw)
    raw["digest"] = content_digest(raw)
    path.write_text(json.dumps(raw, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def replace_file(folder: Path, name: str, content: bytes) -> None:
    """Write other content into a file of the bundle, with its length and hash."""
    (folder / name).write_bytes(content)
    record = sha256_file(folder / name)
    edit_manifest(
        folder,
        lambda raw: raw["files"].update({name: {"sha256": record.sha256, "bytes": record.bytes}}),
    )
