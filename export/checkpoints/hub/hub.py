"""Checkpoints of the Hugging Face hub: only the files that are needed, at one commit.

A repository may move, ask for consent or be withdrawn, so a source may name mirrors; each place
that fails is said with its own reason. ``HF_ENDPOINT``, ``HF_TOKEN`` and ``HF_HUB_OFFLINE`` are the
hub client's own settings and work here too.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from pathlib import Path
from typing import TypeVar

from export.checkpoints.checkpoint import CLASSES, INDEX, NETWORKS, STEMS
from export.checkpoints.hub.errors import OTHERWISE, Unfetched, altered, explained, unreachable
from export.checkpoints.hub.resume import Progress, fetch_large, large_files
from export.checkpoints.presets import Hub
from export.checkpoints.tensorfile import CONVERT, PICKLES
from runtime.bundles.files import sha256_file
from runtime.errors import BuildError

COMMIT = re.compile(r"[0-9a-f]{40}")
"""a full git hash; anything else (a branch, a tag) can move"""
LARGE = re.compile(r"[0-9a-f]{64}")
"""the name of a large file in the hub's cache: its sha256"""

T = TypeVar("T")


def in_silence(text: str) -> None:
    """Tell nobody how far a download is."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """Local files, and the place they came from."""

    folder: Path
    hub: Hub
    """with its commit as ``revision``"""


def checkpoint_patterns(variant: str | None, *, unet: bool = True) -> list[str]:
    """Return what to fetch of a pipeline: configurations, tokenizers and safetensors, no code.

    Without ``unet`` only its configuration is fetched: its weights come from elsewhere.
    """
    suffix = f".{variant}" if variant else ""
    weights = [
        f"{folder}/{stem}{suffix}{shard}.safetensors"
        for folder in NETWORKS
        for stem in sorted({STEMS[library] for library in CLASSES[folder].values()})
        for shard in ("", "-0????-of-0????")
        if unet or folder != "unet"
    ]
    configurations = [
        INDEX,
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
    with explained(hub):
        try:
            return str(HfApi().model_info(hub.repo, revision=hub.revision).sha)
        except unreachable():
            name = hub.file or INDEX
            known = try_to_load_from_cache(hub.repo, name, revision=hub.revision)
            if not isinstance(known, str):
                raise
            return Path(known).parents[name.count("/")].name


def fetch(hub: Hub, patterns: Sequence[str], progress: Progress = in_silence) -> Fetched:
    """Return a local folder with the files of ``hub`` that match, from the cache if it has them.

    Its mirrors are tried in order where they cannot be had. What is named without a ``*`` must be
    there.

    Raises:
        BuildError: no place has them: no network, no such repository, commit or file, no right to
            read it, or damaged files; with the reason of each.
    """
    return anywhere(hub, lambda place: _all_of(place, patterns, progress))


def fetch_file(hub: Hub, progress: Progress = in_silence) -> Path:
    """Return the local copy of the one file that ``hub`` names.

    Raises:
        BuildError: it cannot be fetched or is not there.
    """
    assert hub.file is not None
    if hub.file.endswith(PICKLES):
        raise BuildError(f"{hub.repo} has {hub.file}: {CONVERT}")

    def one(place: Hub) -> Path:
        assert place.file is not None
        return _all_of(place, [place.file], progress).folder / place.file

    return anywhere(hub, one)


def _all_of(place: Hub, patterns: Sequence[str], progress: Progress) -> Fetched:
    fetched = fetch_here(place, patterns, progress)
    for name in patterns:
        if "*" not in name and not (fetched.folder / name).is_file():
            raise Unfetched(place, f"has no file {name}")
    return fetched


def refuse_pickles(hub: Hub) -> None:
    """Raise Unfetched if a repository holds its weights in a format that can run code."""
    from huggingface_hub import HfApi

    with contextlib.suppress(*unreachable()):
        names = HfApi().list_repo_files(hub.repo, revision=hub.revision)
        pickles = [name for name in names if name.endswith(PICKLES)]
        if pickles:
            raise Unfetched(hub, f"has its weights in {pickles[0]}: {CONVERT}")


def anywhere(hub: Hub, get: Callable[[Hub], T]) -> T:
    """Return what ``get`` makes of the first place of ``hub`` that has it.

    ``get`` raises Unfetched for a place that has not what is wanted.

    Raises:
        BuildError: no place has it, with the reason of each.
    """
    failed: list[Unfetched] = []
    for place in _places(hub):
        try:
            return get(place)
        except Unfetched as error:
            failed.append(error)
            if error.is_final:
                break
    if len(failed) == 1:
        raise failed[0]
    reasons = "; ".join(f"{error.hub.repo} {error.reason}" for error in failed)
    raise BuildError(f"no place has {hub.repo}: {reasons}; {OTHERWISE}")


def _places(hub: Hub) -> Iterator[Hub]:
    yield hub
    for mirror in hub.mirrors:
        yield replace(
            mirror,
            file=mirror.file or hub.file,
            variant=mirror.variant or hub.variant,
            sha256={**hub.sha256, **mirror.sha256},
        )


def fetch_here(hub: Hub, patterns: Sequence[str], progress: Progress = in_silence) -> Fetched:
    """Return a local folder with the files of one place that match, from the cache if it has them.

    A file that is not what it must be, or not what its name in the cache says, is fetched once
    more.

    Raises:
        Unfetched: the place cannot be read, or sends damaged files.
    """
    from huggingface_hub import hf_hub_download, snapshot_download

    def is_wanted(name: str) -> bool:
        return any(fnmatch(name, pattern) for pattern in patterns)

    with explained(hub):
        try:
            known = {name: one for name, one in large_files(hub).items() if is_wanted(name)}
        except unreachable():  # the client looks into its cache, and says what is missing
            known = {}
        for name, sha256 in known.items():
            if hub.sha256.get(name, sha256) != sha256:
                raise altered(hub, name)
        fetch_large(hub, known, progress)
        folder = Path(
            snapshot_download(hub.repo, revision=hub.revision, allow_patterns=list(patterns))
        )
        known |= hub.sha256
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder).as_posix()
            if path.is_file() and is_wanted(name) and _is_wrong(path, known.get(name)):
                if not path.is_symlink():
                    path.unlink()  # the client leaves alone what is no link
                hf_hub_download(hub.repo, name, revision=folder.name, force_download=True)
                if _is_wrong(path, known.get(name)):
                    raise altered(hub, name)
    return Fetched(folder, replace(hub, revision=folder.name))


def _is_wrong(path: Path, wanted: str | None) -> bool:
    """Whether a file is not ``wanted``, or else not what the blob it links to is named after.

    That blob may be a link itself, into a store that the client's repositories share.
    """
    blob = os.path.basename(os.readlink(path)) if path.is_symlink() else ""
    known = wanted or (blob if LARGE.fullmatch(blob) else None)
    return known is not None and sha256_file(path.resolve()).sha256 != known
