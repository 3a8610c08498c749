"""The checkpoint that a bundle was built from, found again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from export.checkpoints.checkpoint import Checkpoint
from export.checkpoints.presets import MODELS, Hub, ModelSpec
from export.checkpoints.resolve import open_checkpoint, spec_for
from runtime.bundles.bundle import Bundle
from runtime.errors import BuildError


def origin(bundle: Bundle, folder: Path | None = None) -> tuple[Checkpoint, ModelSpec]:
    """Return the checkpoint of a bundle and how it was built, checked weight file by weight file.

    ``folder`` is where it lies, for checkpoints that are neither built in nor of a hub.

    Raises:
        BuildError: it is gone, cannot be fetched, or is not what the bundle was built from.
    """
    spec = _spec(bundle, folder)
    try:
        checkpoint = open_checkpoint(spec)
    except BuildError as error:
        raise BuildError(f"{bundle.manifest.model}'s checkpoint is gone: {error}") from None
    wanted, found = bundle.manifest.sources.get("weights", {}), checkpoint.sources()["weights"]
    for name, digest in wanted.items():
        if found.get(name) != digest:
            state = "is missing from" if name not in found else "differs in"
            raise BuildError(
                f"{name}, which {bundle.manifest.model} was built from, {state} "
                f"{folder or spec.name}"
            )
    if bundle.manifest.sources.get("loras"):
        raise BuildError(
            f"{bundle.manifest.model} was built with LoRAs, whose files a bundle does not keep: "
            "it cannot be compared with its checkpoint"
        )
    return checkpoint, spec


def _spec(bundle: Bundle, folder: Path | None) -> ModelSpec:
    manifest = bundle.manifest
    if folder is not None:
        return spec_for(str(folder), size=f"{manifest.width}x{manifest.height}")
    preset = MODELS.get(manifest.model)
    hub = manifest.sources.get("hub")
    if preset is not None and (hub is None or _repo(preset) == hub):
        return preset
    if hub is not None:
        revision = manifest.sources["revision"]
        return replace(spec_for(f"{hub}@{revision}"), source=Hub(hub, revision))
    raise BuildError(
        f"{manifest.model} was built from the folder {manifest.sources.get('folder', '?')!r}, and "
        "a bundle does not say where that lies: add --checkpoint FOLDER"
    )


def _repo(spec: ModelSpec) -> str | None:
    return spec.source.repo if isinstance(spec.source, Hub) else None
