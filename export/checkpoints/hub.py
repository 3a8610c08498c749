"""Checkpoints of the Hugging Face hub: only the files that are needed, at one commit."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

from export.checkpoints.presets import Hub
from export.checkpoints.tensorfile import CONVERT, PICKLES
from runtime.bundles.files import sha256_file
from runtime.durable import NO_SPACE
from runtime.errors import BuildError

COMMIT = re.compile(r"[0-9a-f]{40}")
"""a full git hash; anything else (a branch, a tag) can move"""
LARGE = re.compile(r"[0-9a-f]{64}")
"""the name of a large file in the hub's cache: its sha256"""


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


def commit_of(hub: Hub) -> str:
    """Return the commit that ``hub.revision`` is now, or was when it was last fetched.

    Raises:
        BuildError: as ``fetch``.
    """
    from huggingface_hub import HfApi, try_to_load_from_cache

    if COMMIT.fullmatch(hub.revision):
        return hub.revision
    with _explained(hub):
        try:
            return str(HfApi().model_info(hub.repo, revision=hub.revision).sha)
        except _unreachable():
            name = hub.file or "model_index.json"
            known = try_to_load_from_cache(hub.repo, name, revision=hub.revision)
            if not isinstance(known, str):
                raise
            return Path(known).parents[name.count("/")].name


def fetch(hub: Hub, patterns: list[str]) -> Path:
    """Return a local folder with the files of ``hub`` that match, from the cache if it has them.

    A large file that is not what its name in the cache says is fetched once more.

    Raises:
        BuildError: no network, no such repository or commit, or no right to read it.
    """
    from huggingface_hub import hf_hub_download, snapshot_download

    with _explained(hub):
        folder = Path(snapshot_download(hub.repo, revision=hub.revision, allow_patterns=patterns))
        for path in sorted(folder.rglob("*.safetensors")):
            name = path.relative_to(folder).as_posix()
            if any(fnmatch(name, pattern) for pattern in patterns) and _is_damaged(path):
                hf_hub_download(hub.repo, name, revision=folder.name, force_download=True)
                if _is_damaged(path):
                    raise BuildError(f"{hub.repo} sends a damaged {name}: try again later")
    return folder


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


def refuse_pickles(hub: Hub) -> None:
    """Raise BuildError if a repository holds its weights in a format that can run code."""
    from huggingface_hub import HfApi

    with contextlib.suppress(*_unreachable()):
        names = HfApi().list_repo_files(hub.repo, revision=hub.revision)
        pickles = [name for name in names if name.endswith(PICKLES)]
        if pickles:
            raise BuildError(f"{hub.repo} has its weights in {pickles[0]}: {CONVERT}")


def _is_damaged(path: Path) -> bool:
    blob = path.resolve()
    return bool(LARGE.fullmatch(blob.name)) and sha256_file(blob).sha256 != blob.name


def _unreachable() -> tuple[type[BaseException], ...]:
    """Return what is raised when the hub cannot be asked: the HTTP client's errors and OSError.

    The client has changed over the hub library's versions; its errors' base has not.
    """
    from huggingface_hub.errors import HfHubHTTPError

    return (OSError, *HfHubHTTPError.__bases__)


@contextlib.contextmanager
def _explained(hub: Hub) -> Iterator[None]:
    """Turn what the hub's client raises into one line."""
    from huggingface_hub.errors import (
        GatedRepoError,
        HFValidationError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    try:
        yield
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
    except _unreachable() as error:
        full = isinstance(error, OSError) and error.errno in NO_SPACE
        why = "the disk is full" if full else "is there a network?"
        raise BuildError(
            f"{hub.repo}@{hub.revision[:12]} could not be fetched ({why}): build again when it "
            "can, or give a folder that holds the checkpoint"
        ) from None
