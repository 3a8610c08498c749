"""Large files of a hub, fetched piece by piece: a download that broke off goes on where it was.

The hub's client resumes only within one call and throws the rest away. Here the part that has come
stays beside the client's own cache and takes its place there when it is whole.
"""

from __future__ import annotations

import re
from fnmatch import fnmatch
from pathlib import Path
from urllib.parse import urlparse

import filelock

from export.checkpoints.presets import Hub
from runtime.bundles.files import sha256_file
from runtime.durable import rename

PART = ".wordmorph-part"
SHA256 = re.compile(r"[0-9a-f]{64}")
"""what the hub names a large file in its cache"""


def fetch_large(hub: Hub, patterns: list[str]) -> None:
    """Bring the large files of ``hub`` that match into the hub client's cache.

    Raises:
        OSError, huggingface_hub.errors.HfHubHTTPError: as the client; what has come is kept.
    """
    from huggingface_hub import HfApi

    for name in HfApi().list_repo_files(hub.repo, revision=hub.revision):
        if name.endswith(".safetensors") and any(fnmatch(name, one) for one in patterns):
            _fetch_one(hub, name)


def _fetch_one(hub: Hub, name: str) -> None:
    from huggingface_hub import constants, get_hf_file_metadata, get_token, hf_hub_url
    from huggingface_hub.file_download import http_get, repo_folder_name

    url = hf_hub_url(hub.repo, name, revision=hub.revision)
    found = get_hf_file_metadata(url)
    if found.etag is None or not SHA256.fullmatch(found.etag):
        return  # a small file: the client fetches it
    folder = repo_folder_name(repo_id=hub.repo, repo_type="model")
    blob = Path(constants.HF_HUB_CACHE) / folder / "blobs" / found.etag
    if blob.exists():
        return
    token = get_token()
    own = urlparse(found.location).netloc == urlparse(url).netloc
    headers = {"authorization": f"Bearer {token}"} if token and own else {}  # for the hub alone
    blob.parent.mkdir(parents=True, exist_ok=True)
    part = blob.with_name(blob.name + PART)
    with filelock.FileLock(part.with_name(part.name + ".lock")):
        if blob.exists():
            return
        with part.open("ab") as file:
            http_get(
                found.location,
                file,
                resume_size=file.tell(),
                headers=headers,
                expected_size=found.size,
                displayed_filename=name,
            )
        if sha256_file(part).sha256 == found.etag:
            rename(part, blob)
        else:  # the client fetches it anew
            part.unlink()
