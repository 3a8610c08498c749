"""Checkpoints of the Hugging Face hub: only the files that are needed, at one commit."""

from __future__ import annotations

from pathlib import Path

from export.models import Hub
from runtime.errors import BuildError

COMMIT = 40
"""a full git hash; anything else (a branch, a tag) can move"""


def checkpoint_patterns(variant: str | None) -> list[str]:
    """Return what to fetch of a pipeline: configurations, tokenizers and safetensors, no code."""
    suffix = f".{variant}" if variant else ""
    weights = [
        f"{folder}/{stem}{suffix}{shard}.safetensors"
        for folder, stem in (
            ("text_encoder", "model"),
            ("text_encoder_2", "model"),
            ("unet", "diffusion_pytorch_model"),
            ("vae", "diffusion_pytorch_model"),
        )
        for shard in ("", "-0????-of-0????")
    ]
    configurations = [
        "model_index.json",
        "*/config.json",
        "scheduler/scheduler_config.json",
        "*/*.safetensors.index*.json",
        *(
            f"tokenizer{number}/{name}"
            for number in ("", "_2")
            for name in ("*.json", "merges.txt")
        ),
    ]
    return configurations + weights


def fetch(hub: Hub, patterns: list[str]) -> Path:
    """Return a local folder with the files of ``hub`` that match, from the cache if it has them.

    Raises:
        BuildError: no network, no such repository or commit, or no right to read it.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        HFValidationError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    name = f"{hub.repo}@{hub.revision[:12]}"
    try:
        return Path(snapshot_download(hub.repo, revision=hub.revision, allow_patterns=patterns))
    except GatedRepoError:
        raise BuildError(
            f"{hub.repo} asks for consent: accept its licence on huggingface.co, run "
            "'hf auth login', and build again"
        ) from None
    except RevisionNotFoundError:
        raise BuildError(f"{hub.repo} has no revision {hub.revision}") from None
    except RepositoryNotFoundError:
        raise BuildError(f"the hub has no repository {hub.repo}") from None
    except HFValidationError:
        raise BuildError(f"{hub.repo!r} is not the name of a hub repository") from None
    except (LocalEntryNotFoundError, OSError) as error:
        full = isinstance(error, OSError) and error.errno == 28
        why = "the disk is full" if full else "is there a network?"
        raise BuildError(
            f"{name} could not be fetched ({why}): build again when it can, or give a folder "
            "that holds the checkpoint"
        ) from None


def fetch_file(hub: Hub) -> Path:
    """Return the local copy of the one file that ``hub`` names.

    Raises:
        BuildError: it cannot be fetched or is not there.
    """
    assert hub.file is not None
    path = fetch(hub, [hub.file]) / hub.file
    if not path.is_file():
        raise BuildError(f"{hub.repo} has no file {hub.file}")
    return path
