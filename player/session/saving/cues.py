"""Cues: moments kept to come back to, at once or by a glide, and the file that holds a set."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from player.session.motion.moment import Moment
from player.session.reproduce import free_path
from player.session.saving.keptfile import (
    FORMAT,
    KeptFileError,
    check_fields,
    load,
    moment_of,
    moment_to_json,
)
from player.session.state import PlayerState
from runtime.durable import write_aside
from runtime.errors import MorphError
from runtime.output.grid import shrink
from runtime.request import Request

MOST = 99
SIDE = 96
"""pixels of a thumbnail's longer side"""
GLIDES = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
"""seconds that a glide may take"""
KIND = "cue list"


@dataclass(frozen=True, slots=True, eq=False)
class Cue:
    """A kept moment, and its picture uint8 [h, w, 3] once that is known."""

    moment: Moment
    thumbnail: NDArray[np.uint8] | None = None


class Cues:
    """The cues of a session, numbered from 1 in the order they were kept."""

    def __init__(self, state: PlayerState, go: Callable[[Moment, float], None]) -> None:
        """Recall by ``go``, which takes a moment and the seconds of a glide, 0 for none, and
        raises MorphError where that cannot be played.
        """
        self._state = state
        self._go = go
        self.kept: tuple[Cue, ...] = ()
        self.glide_seconds = 2.0
        self.path: Path | None = None
        """the file that is written when the cues change"""
        self._unfiled: tuple[list[Moment], float] = [], self.glide_seconds
        self.version = 0
        """changes with the cues"""

    def open(self, path: Path) -> None:
        """Take the cues of a file for those that are there, and write it from now on.

        Where some of it cannot be read that is said, and a new file beside it is written instead.

        Raises:
            KeptFileError: nothing of it can be read, or those that are there cannot be kept;
                nothing has changed.
        """
        lost: list[str] = []
        found = read_cues(path, lost.append) if path.exists() else ([], self.glide_seconds)
        if self.path is None:
            self._unfiled = self.unfiled
        else:
            try:
                self._write(self.path)
            except OSError as error:
                why = f"{self.path} cannot be written: {error.strerror or error}"
                raise KeptFileError(f"{path} is not opened: {why}") from None
        self.set(*found)
        self.path = free_path(path.parent, path.stem, path.suffix) if lost else path
        if lost:
            self._state.complain(f"{lost[0]}; cues are kept in {self.path.name}")
        elif self.kept:
            self._state.say(f"{len(self.kept)} cues of {path.name}")

    @property
    def unfiled(self) -> tuple[list[Moment], float]:
        """The cues that have no file and the seconds of their glides: those before ``open``."""
        if self.path is None:
            return [cue.moment for cue in self.kept], self.glide_seconds
        return self._unfiled

    def set(self, moments: Sequence[Moment], glide_seconds: float) -> None:
        """Take other cues for those that are there."""
        self.kept = tuple(Cue(moment) for moment in moments)
        self.glide_seconds = glide_seconds
        self.version += 1

    def keep(self, moment: Moment) -> None:
        """Add a cue."""
        if len(self.kept) >= MOST:
            self._state.say(f"{MOST} cues are the most: Ctrl with a cue's key drops it")
            return
        self.kept = (*self.kept, Cue(moment))
        number = len(self.kept)
        key = f": F{number + 1} recalls it, with Shift by a glide" if number <= 11 else ""
        self._state.say(f"cue {number} kept{key}")
        self._changed()

    def drop(self, number: int) -> None:
        """Forget a cue; those after it move up."""
        if self._find(number) is None:
            return
        self.kept = (*self.kept[: number - 1], *self.kept[number:])
        self._state.say(f"cue {number} dropped")
        self._changed()

    def recall(self, number: int, *, gliding: bool = False) -> None:
        """Go to a cue, at once or in ``glide_seconds``."""
        cue = self._find(number)
        if cue is None:
            return
        try:
            self._go(cue.moment, self.glide_seconds if gliding else 0.0)
        except MorphError as error:
            self._state.say(f"cue {number}: {error}")

    def change_glide(self, change: int) -> None:
        """Make glides longer or shorter by so many places in ``GLIDES``."""
        nearest = min(range(len(GLIDES)), key=lambda i: abs(GLIDES[i] - self.glide_seconds))
        self.glide_seconds = GLIDES[min(max(nearest + change, 0), len(GLIDES) - 1)]
        self._state.say(f"glides take {self.glide_seconds:g} s")
        self._changed()

    def make_thumbnails(self) -> None:
        """Make the thumbnails of cues whose pictures are at hand."""
        state = self._state
        model = state.invocation.shareable().model
        for index, cue in enumerate(self.kept):
            if cue.thumbnail is None and cue.moment.model == model:
                frame = state.cache.peek(cue.moment.request)
                if frame is not None:
                    made = replace(cue, thumbnail=shrink(frame.pixels, SIDE))
                    self.kept = (*self.kept[:index], made, *self.kept[index + 1 :])
                    return  # one a turn

    def requests(self, model: str) -> tuple[Request, ...]:
        """Return what the cues of a model ask for that lack a thumbnail."""
        lacking = (cue.moment for cue in self.kept if cue.thumbnail is None)
        return tuple(moment.request for moment in lacking if moment.model == model)

    def save(self) -> None:
        """Write the file, where there is one; say so if that fails."""
        if self.path is None:
            return
        try:
            self._write(self.path)
        except OSError as error:
            self._state.complain(f"{self.path} cannot be written: {error.strerror or error}")

    def _write(self, path: Path) -> None:
        if self.kept or path.exists():
            write_cues(path, [cue.moment for cue in self.kept], self.glide_seconds)

    def _find(self, number: int) -> Cue | None:
        if not 1 <= number <= len(self.kept):
            self._state.say(f"there is no cue {number}: M keeps one")
            return None
        return self.kept[number - 1]

    def _changed(self) -> None:
        self.version += 1
        self.save()


def cues_to_json(moments: Sequence[Moment], glide_seconds: float) -> dict[str, Any]:
    """Return the fields of a cue list."""
    return {"glide_seconds": glide_seconds, "cues": [moment_to_json(one) for one in moments]}


def cues_of(
    given: object, where: str, left_out: Callable[[str], None] | None = None
) -> tuple[list[Moment], float]:
    """Return the moments and the seconds of a glide as ``cues_to_json`` made them.

    ``left_out`` is told in one line of cues that cannot be read, where others can.

    Raises:
        KeptFileError: the fields are not those of a cue list, or no cue can be read; without
            ``left_out``, one that cannot.
    """
    fields = check_fields(given, {"glide_seconds": (int, float), "cues": (list,)}, where)
    listed, seconds = fields.get("cues", []), float(fields.get("glide_seconds", 2.0))
    if len(listed) > MOST:
        raise KeptFileError(f"{where} has {len(listed)} cues: {MOST} are the most")
    if not 0.0 <= seconds <= 3600.0:
        raise KeptFileError(f"{where}: glide_seconds is not between 0 and 3600")
    moments: list[Moment] = []
    problems: list[KeptFileError] = []
    for number, one in enumerate(listed, 1):
        try:
            moments.append(moment_of(one, f"{where}, cue {number}"))
        except KeptFileError as error:
            problems.append(error)
    if problems and (left_out is None or not moments):
        raise problems[0]
    if problems and left_out is not None:
        left_out(f"{problems[0]} ({len(problems)} of {len(listed)} cues are left out)")
    return moments, seconds


def read_cues(
    path: Path, left_out: Callable[[str], None] | None = None
) -> tuple[list[Moment], float]:
    """Return the moments of a cue file and the seconds of its glides.

    Raises:
        KeptFileError: the file cannot be read, is damaged or newer, as ``cues_of``; one line.
    """
    fields = load(path, KIND, {"glide_seconds": (int, float), "cues": (list,)})
    return cues_of(fields, str(path), left_out)


def write_cues(path: Path, moments: Sequence[Moment], glide_seconds: float) -> None:
    """Write a cue file, a cue a line; it appears whole.

    Raises:
        OSError: it cannot be written; what was there stays.
    """
    lines = ",\n  ".join(json.dumps(moment_to_json(one), ensure_ascii=False) for one in moments)
    inside = f"\n  {lines}\n " if lines else ""
    text = (
        f'{{"kind": "wordmorph {KIND}", "format": {FORMAT}, '
        f'"glide_seconds": {glide_seconds:g},\n "cues": [{inside}]}}\n'
    )
    with write_aside(path.resolve()) as partial:
        partial.write_text(text, encoding="utf-8")
