"""Large files of a hub, fetched piece by piece: a download that broke off goes on where it was.

The hub's client resumes only within one call and throws the rest away. Here the part that has come
stays beside the client's own cache and takes its place there when it is whole.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import filelock

from export.checkpoints.hub.errors import altered, unreachable
from export.checkpoints.presets import Hub
from runtime.bundles.files import sha256_file
from runtime.durable import rename

PART = ".wordmorph-part"
Progress = Callable[[str], None]
"""called with a file's name and how much of it is here, a few hundred times at most"""
TRIES = 2
"""how often a file's address is asked for: a hub signs it for an hour or so"""


def large_files(hub: Hub) -> dict[str, str]:
    """Return the sha256 of every large file of ``hub``, by name.

    Raises:
        OSError, huggingface_hub.errors.HfHubHTTPError: as the client.
    """
    from huggingface_hub import HfApi

    listed = HfApi().list_repo_tree(hub.repo, recursive=True, revision=hub.revision)
    found = {one.path: getattr(one, "lfs", None) for one in listed}
    return {name: large.sha256 for name, large in found.items() if large is not None}


def fetch_large(hub: Hub, known: Mapping[str, str], progress: Progress) -> None:
    """Bring those large files of ``hub`` into the hub client's cache that it lacks.

    ``known`` are their names and sha256.

    Raises:
        OSError, huggingface_hub.errors.HfHubHTTPError: as the client; what has come is kept.
        Unfetched: the hub sends something else.
    """
    for name, sha256 in known.items():
        if name.endswith(".safetensors"):
            _fetch_one(hub, name, sha256, progress)


def _is_cached(hub: Hub, name: str) -> bool:
    """Whether the client has a file; where it cannot make links it keeps none among its blobs."""
    from huggingface_hub import try_to_load_from_cache

    return isinstance(try_to_load_from_cache(hub.repo, name, revision=hub.revision), str)


def _fetch_one(hub: Hub, name: str, sha256: str, progress: Progress) -> None:
    from huggingface_hub import constants
    from huggingface_hub.file_download import are_symlinks_supported, repo_folder_name

    folder = Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=hub.repo, repo_type="model")
    blob = folder / "blobs" / sha256
    part = blob.with_name(blob.name + PART)
    if _is_cached(hub, name) and not part.exists():  # the cache may be one that is only read
        return
    blob.parent.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(part.with_name(part.name + ".lock")):
        if _is_cached(hub, name) or blob.exists():  # another program was faster
            part.unlink(missing_ok=True)
            return
        commit = _download(hub, name, part, progress)
        if sha256_file(part).sha256 != sha256:
            part.unlink()
            commit = _download(hub, name, part, progress)
            if sha256_file(part).sha256 != sha256:
                part.unlink()
                raise altered(hub, name)
        target = blob
        if not are_symlinks_supported(constants.HF_HUB_CACHE):  # the client would copy a blob
            target = folder / "snapshots" / commit / name
            target.parent.mkdir(parents=True, exist_ok=True)
        rename(part, target)


def _download(hub: Hub, name: str, part: Path, progress: Progress) -> str:
    """Fetch what ``part`` lacks of a file; return the commit it is of."""
    from huggingface_hub import get_hf_file_metadata, get_token, hf_hub_url
    from huggingface_hub.file_download import http_get

    url = hf_hub_url(hub.repo, name, revision=hub.revision)
    for tried in range(1, TRIES + 1):
        found = get_hf_file_metadata(url)
        if part.exists() and found.size and part.stat().st_size > found.size:
            part.unlink()  # something else: a hub has nothing to add to it
        token = get_token()
        own = urlparse(found.location).netloc == urlparse(url).netloc
        headers = {"authorization": f"Bearer {token}"} if token and own else {}  # for the hub alone
        try:
            with part.open("ab") as file:
                counted: Any = _Counted(file, name, found.size or 0, progress)
                http_get(
                    found.location,
                    counted,
                    resume_size=file.tell(),
                    headers=headers,
                    expected_size=found.size,
                    displayed_filename=name,
                )
            break
        except unreachable():
            if tried == TRIES:
                raise
    return str(found.commit_hash)


class _Counted:
    """A file that tells how much of it is here as it is written."""

    def __init__(self, file: Any, name: str, size: int, progress: Progress) -> None:
        self._file, self._name, self._size, self._progress = file, name, size, progress
        self._said = ""

    def write(self, data: bytes) -> int:
        count: int = self._file.write(data)
        text = f"{self._name}, {self._file.tell() / 1e9:.1f} of {self._size / 1e9:.1f} GB"
        if text != self._said:
            self._said = text
            self._progress(text)
        return count

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)
