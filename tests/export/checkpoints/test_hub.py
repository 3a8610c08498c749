"""Fetching from a hub: a server of our own on this machine that answers as the real one does."""

from __future__ import annotations

import hashlib
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from safetensors.numpy import load_file, save

from export.checkpoints.hub import commit_of, fetch, fetch_file, refuse_pickles
from export.checkpoints.presets import Hub, ModelSpec
from export.checkpoints.resolve import open_checkpoint, pinned
from runtime.errors import BuildError

COMMITS = ("1" * 40, "2" * 40)
WEIGHTS = "unet/diffusion_pytorch_model.safetensors"
LORA = Hub("owner/model", COMMITS[0], "fur.safetensors")


class FakeHub(http.server.ThreadingHTTPServer):
    """One repository, ``owner/model``, whose branch ``main`` is at ``commit``."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.commit = COMMITS[0]
        self.files: dict[str, bytes] = {}
        self.sent: list[str] = []
        self.stalls = False


class Answer(http.server.BaseHTTPRequestHandler):
    """The few questions that the hub's client asks."""

    server: FakeHub

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def log_message(self, *args: object) -> None:
        pass

    def _answer(self, *, body: bool) -> None:
        path = urlsplit(self.path).path
        if path.startswith("/api/models/owner/model/tree/"):
            rows = [self._row(name) for name in self.server.files]
            self._send(json.dumps(rows).encode(), {}, body)
        elif path.startswith("/api/models/owner/model"):
            siblings = [{"rfilename": name} for name in self.server.files]
            known = {"id": "owner/model", "sha": self.server.commit, "siblings": siblings}
            self._send(json.dumps(known).encode(), {}, body)
        elif path.startswith("/owner/model/resolve/"):
            name = path.split("/", 5)[5]
            if name not in self.server.files:
                self._send(b"", {"X-Error-Code": "EntryNotFound"}, body, status=404)
                return
            content = self.server.files[name]
            if body:
                self.server.sent.append(name)
            headers = {"ETag": f'"{self._row(name)["oid"]}"', "X-Repo-Commit": self.server.commit}
            if "lfs" in self._row(name):
                headers["X-Linked-Etag"] = headers["ETag"]
                headers["X-Linked-Size"] = str(len(content))
            if body and self.server.stalls:
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content[: len(content) // 2])
                self.close_connection = True  # and no more: the connection drops
                return
            self._send(content, headers, body)
        else:
            self._send(b"", {"X-Error-Code": "RepoNotFound"}, body, status=404)

    def _row(self, name: str) -> dict[str, Any]:
        content = self.server.files[name]
        row = {"type": "file", "path": name, "size": len(content)}
        if name.endswith(".safetensors"):
            digest = hashlib.sha256(content).hexdigest()
            return {
                **row,
                "oid": digest,
                "lfs": {"oid": digest, "size": len(content), "pointerSize": 130},
            }
        return {**row, "oid": hashlib.sha1(content).hexdigest()}

    def _send(self, content: bytes, headers: dict[str, str], body: bool, status: int = 200) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if body:
            self.wfile.write(content)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeHub]:
    import huggingface_hub.constants as settings

    with FakeHub() as server:
        address = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setattr(settings, "ENDPOINT", address)
        monkeypatch.setattr(
            settings,
            "HUGGINGFACE_CO_URL_TEMPLATE",
            address + "/{repo_id}/resolve/{revision}/{filename}",
        )
        monkeypatch.setattr("huggingface_hub.hf_api.api.endpoint", address)
        monkeypatch.setattr(settings, "HF_HUB_CACHE", str(tmp_path / "cache"))
        server.files["fur.safetensors"] = save({"x": np.arange(64.0)})
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.mark.parametrize("harm", ["flipped", "truncated"])
def test_a_damaged_file_is_fetched_once_more(hub: FakeHub, harm: str) -> None:
    blob = fetch_file(LORA).resolve()
    whole = blob.read_bytes()
    blob.write_bytes(whole[:-9] if harm == "truncated" else whole[:-1] + b"\xff")
    assert load_file(fetch_file(LORA))["x"].tolist() == np.arange(64.0).tolist()
    assert hub.sent == ["fur.safetensors"] * 2
    fetch_file(LORA)
    assert len(hub.sent) == 2


def test_a_branch_is_the_commit_that_it_is_now(hub: FakeHub) -> None:
    spec = ModelSpec("m", Hub("owner/model", "main", "fur.safetensors"), "")
    fetched = fetch(Hub("owner/model", "main"), ["fur.safetensors"])
    assert fetched.name == COMMITS[0]
    hub.commit = COMMITS[1]
    assert isinstance(now := pinned(spec).source, Hub)
    assert now.revision == COMMITS[1]
    fixed = ModelSpec("m", LORA, "")
    assert pinned(fixed) == fixed


def test_without_a_network_a_branch_is_what_it_was(
    hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub.constants as settings

    branch = Hub("owner/model", "main", "fur.safetensors")
    fetch_file(branch)
    monkeypatch.setattr(settings, "HF_HUB_OFFLINE", True)
    assert commit_of(branch) == COMMITS[0]
    with pytest.raises(BuildError, match="could not be fetched"):
        commit_of(Hub("owner/other", "main"))


def test_a_connection_that_drops_is_one_line(hub: FakeHub) -> None:
    hub.stalls = True
    with pytest.raises(BuildError, match="could not be fetched") as caught:
        fetch_file(LORA)
    assert "\n" not in str(caught.value)


@pytest.mark.fault(20)
def test_a_repository_of_pickles_is_told_to_convert(hub: FakeHub) -> None:
    hub.files = {WEIGHTS.replace(".safetensors", ".bin"): b"\x80\x04"}
    with pytest.raises(BuildError, match=r"weights in unet/.*\.bin: .*convert it"):
        refuse_pickles(LORA)
    hub.files = {WEIGHTS: b""}
    refuse_pickles(LORA)


@pytest.mark.fault(28)
def test_no_network_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(BuildError, match="could not be fetched") as caught:
        open_checkpoint(ModelSpec("m", Hub("nobody/nothing", "0" * 40), ""))
    assert "\n" not in str(caught.value)
