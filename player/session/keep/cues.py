"""Cues: moments kept to come back to, at once or by a glide, and the file that holds a set."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from player.session.motion.moment import (
    FORMAT,
    KeptFileError,
    Moment,
    check_fields,
    load,
    moment_of,
    moment_to_json,
)
from player.session.reproduce import free_path
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
        self.version = 0
        """changes with the cues"""
        self._unsaved = False

    def open(self, path: Path) -> None:
        """Take the cues of a file, if it is there, and write it from now on.

        Those that are there stay in their file; without one they get one beside the films.

        Raises:
            KeptFileError: it cannot be read, and will not be written either; or those that are
                there cannot be written. Nothing has changed.
        """
        taken = read_cues(path) if os.path.exists(path) else None
        if self.kept and self.path is None:
            self.path, self._unsaved = free_path(self._state.folder, "cues", ".json"), True
            self._state.printed.append(f"the cues before are kept in {self.path}")
        if not self.save():
            raise KeptFileError(f"{path} is not opened: the cues before would be lost")
        if taken is not None:
            self.set(*taken)
        self.path = path

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

    def look(self) -> None:
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
        """Return what the cues of a model ask for."""
        return tuple(cue.moment.request for cue in self.kept if cue.moment.model == model)

    def save(self) -> bool:
        """Write what has changed into the file, where there is one; say so if that fails, and
        return whether all is well.
        """
        if self.path is None or not self._unsaved:
            return True
        try:
            write_cues(self.path, [cue.moment for cue in self.kept], self.glide_seconds)
        except OSError as error:
            self._state.complain(f"{self.path} cannot be written: {error.strerror or error}")
            return False
        self._unsaved = False
        return True

    def _find(self, number: int) -> Cue | None:
        if not 1 <= number <= len(self.kept):
            self._state.say(f"there is no cue {number}: M keeps one")
            return None
        return self.kept[number - 1]

    def _changed(self) -> None:
        self.version += 1
        self._unsaved = True
        self.save()


def cues_to_json(moments: Sequence[Moment], glide_seconds: float) -> dict[str, Any]:
    """Return the fields of a cue list."""
    return {"glide_seconds": glide_seconds, "cues": [moment_to_json(one) for one in moments]}


def cues_of(given: object, where: str) -> tuple[list[Moment], float]:
    """Return the moments and the seconds of a glide as ``cues_to_json`` made them.

    Raises:
        KeptFileError: the fields are not those of a cue list.
    """
    fields = check_fields(given, {"glide_seconds": (int, float), "cues": (list,)}, where)
    listed, seconds = fields.get("cues", []), float(fields.get("glide_seconds", 2.0))
    if len(listed) > MOST:
        raise KeptFileError(f"{where} has {len(listed)} cues: {MOST} are the most")
    if not 0.0 <= seconds <= 3600.0:
        raise KeptFileError(f"{where}: glide_seconds is not between 0 and 3600")
    moments = [moment_of(one, f"{where}, cue {i}") for i, one in enumerate(listed, 1)]
    return moments, seconds


def read_cues(path: Path) -> tuple[list[Moment], float]:
    """Return the moments of a cue file and the seconds of its glides.

    Raises:
        KeptFileError: the file cannot be read, is damaged or newer; one line.
    """
    return cues_of(load(path, KIND, {"glide_seconds": (int, float), "cues": (list,)}), str(path))


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
