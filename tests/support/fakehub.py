"""A hub of our own on this machine, which answers the hub's client as the real one does."""

from __future__ import annotations

import hashlib
import http.server
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

COMMITS = ("1" * 40, "2" * 40)


@dataclass
class Repo:
    """A repository, and how it answers."""

    files: dict[str, bytes] = field(default_factory=dict)
    commit: str = COMMITS[0]
    """where its branch ``main`` is"""
    status: int = 200
    code: str = ""
    """the hub's own name for what is wrong, in ``X-Error-Code``"""
    message: str = ""
    moved_to: str = ""
    token: str = ""
    """only who sends it gets in; others are answered as if nothing were there"""


class FakeHub(http.server.ThreadingHTTPServer):
    """Repositories by name; ``sent`` lists the files that went out, with the first byte of each."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.repos: dict[str, Repo] = {"owner/model": Repo()}
        self.sent: list[tuple[str, int]] = []
        self.stalls = False
        """whether a download breaks off in the middle"""
        self.expires = False
        """whether the address of the next download runs out in the middle of it"""
        self.expired = False

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def model(self) -> Repo:
        return self.repos["owner/model"]


@contextmanager
def running() -> Iterator[FakeHub]:
    with FakeHub() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


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
        match = re.match(r"(/api/models)?/([^/]+/[^/]+)(/.*)?$", path)
        name = match[2] if match else ""
        repo = self.server.repos.get(name)
        if match is None or repo is None:
            self._refuse(body, 401, "RepoNotFound")
        elif repo.moved_to:
            place = path.replace(name, repo.moved_to, 1)
            self._send(b"", {"Location": place}, body, status=307)
        elif repo.status != 200:
            self._refuse(body, repo.status, repo.code, repo.message)
        elif repo.token and self.headers.get("Authorization") != f"Bearer {repo.token}":
            self._refuse(body, 401, "RepoNotFound")
        elif _revision(match[3] or "") not in ("", "main", *COMMITS):
            self._refuse(body, 404, "RevisionNotFound")
        elif match[1] and (match[3] or "").startswith("/tree/"):
            rows = [_row(file, content) for file, content in repo.files.items()]
            self._send(json.dumps(rows).encode(), {}, body)
        elif match[1]:
            siblings = [{"rfilename": file} for file in repo.files]
            known = {"id": name, "sha": repo.commit, "siblings": siblings}
            self._send(json.dumps(known).encode(), {}, body)
        else:
            self._file(repo, (match[3] or "").split("/", 3)[3], body)

    def _file(self, repo: Repo, name: str, body: bool) -> None:
        if name not in repo.files:
            self._refuse(body, 404, "EntryNotFound")
            return
        content = repo.files[name]
        row = _row(name, content)
        headers = {"ETag": f'"{row["oid"]}"', "X-Repo-Commit": repo.commit}
        if "lfs" in row:
            headers |= {"X-Linked-Etag": headers["ETag"], "X-Linked-Size": str(len(content))}
        start, status = 0, 200
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if asked:
            start, status = int(asked[1]), 206
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        if body and self.server.expired:
            self._refuse(body, 403, "")
            return
        self.server.expired = False  # asked for its metadata, the hub signs anew
        if body:
            self.server.sent.append((name, start))
        if body and (self.server.stalls or self.server.expires):
            self.server.expired, self.server.expires = self.server.expires, False
            self.send_response(status)
            self.send_header("Content-Length", str(len(content) - start))
            self.end_headers()
            self.wfile.write(content[start : len(content) // 2])
            self.close_connection = True  # and no more: the connection drops
            return
        self._send(content[start:], headers, body, status)

    def _refuse(self, body: bool, status: int, code: str, message: str = "") -> None:
        self._send(b"", {"X-Error-Code": code, "X-Error-Message": message}, body, status)

    def _send(self, content: bytes, headers: dict[str, str], body: bool, status: int = 200) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if body:
            self.wfile.write(content)


def _revision(rest: str) -> str:
    """Return which one ``/revision/…``, ``/tree/…`` or ``/resolve/…`` asks for."""
    parts = rest.split("/")
    return parts[2] if len(parts) > 2 else ""


def _row(name: str, content: bytes) -> dict[str, Any]:
    row = {"type": "file", "path": name, "size": len(content)}
    if name.endswith(".safetensors"):
        digest = hashlib.sha256(content).hexdigest()
        large = {"oid": digest, "size": len(content), "pointerSize": 130}
        return {**row, "oid": digest, "lfs": large}
    return {**row, "oid": hashlib.sha1(content).hexdigest()}
