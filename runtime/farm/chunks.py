"""Pieces of a film on disk: whole or not there, known by what they show."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from runtime.durable import write_aside
from runtime.farm.worker import Identity
from runtime.request import Pixels, Request

LENGTH = 8
"""Frames in a chunk: little is lost with a worker, and little is sent to one."""
_DIGEST = 32


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a film: ``requests`` in order, the ``index``-th piece."""

    index: int
    requests: tuple[Request, ...]

    def name(self, identity: Identity) -> str:
        """Return a file name that is different for every other content."""
        content = [asdict(identity), [asdict(request) for request in self.requests]]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:40]


def cut(requests: Sequence[Request], length: int = LENGTH) -> tuple[Chunk, ...]:
    """Cut a film into chunks of ``length`` frames; the last may be shorter."""
    return tuple(
        Chunk(number, tuple(requests[start : start + length]))
        for number, start in enumerate(range(0, len(requests), length))
    )


def write(path: Path, pixels: Pixels) -> None:
    """Write a chunk aside and rename it.

    Raises:
        OSError: the disk is full or fails; nothing is left.
    """
    packed = io.BytesIO()
    np.save(packed, pixels, allow_pickle=False)
    content = packed.getvalue()
    with write_aside(path) as partial:
        partial.write_bytes(hashlib.sha256(content).digest() + content)


def read(path: Path, count: int) -> Pixels | None:
    """Return a chunk of ``count`` frames, or None where it is absent, damaged or another one."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    if hashlib.sha256(content[_DIGEST:]).digest() != content[:_DIGEST]:
        return None
    pixels: Pixels = np.load(io.BytesIO(content[_DIGEST:]), allow_pickle=False)
    if pixels.dtype != np.uint8 or pixels.ndim != 4 or len(pixels) != count:
        return None
    return pixels
