"""Stills, films and takes to take home: whole files of the session's folder, under numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from player.session.saving import takefile
from runtime.output.target import being_written

MOST = 32
SUFFIXES = (".png", ".mp4", ".gif", takefile.SUFFIX)


class Kept:
    """The newest files of a folder that belongs to the session alone."""

    def __init__(self, folder: Path) -> None:
        """Offer what appears in ``folder``; what is too much is deleted there, oldest first."""
        self._folder = folder
        self._files: dict[int, Path] = {}
        self._next = 1

    def look(self) -> None:
        """Notice what is new."""
        known = set(self._files.values())
        found = [
            path
            for path in self._folder.iterdir()
            if path.name.endswith(SUFFIXES)
            and path.is_file()
            and path not in known
            and not being_written(path)
        ]
        for path in sorted(found, key=lambda one: one.stat().st_mtime):
            self._files[self._next] = path
            self._next += 1
        for number in sorted(self._files)[:-MOST]:
            self._files.pop(number).unlink(missing_ok=True)

    def path(self, number: int) -> Path | None:
        """Return the file of a number, None where there is none."""
        return self._files.get(number)

    def to_json(self) -> list[list[Any]]:
        """Return [number, name] of each."""
        return [[number, path.name] for number, path in self._files.items()]
