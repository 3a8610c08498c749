"""Bytes that must be on the disk before something that names them is."""

from __future__ import annotations

import os
from pathlib import Path


def fsync(path: Path) -> None:
    """Flush a file or folder to the disk; Windows flushes no folders."""
    folder = path.is_dir()
    if folder and os.name == "nt":
        return
    # Windows refuses to flush a file that was opened for reading only
    descriptor = os.open(path, os.O_RDONLY if folder else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
