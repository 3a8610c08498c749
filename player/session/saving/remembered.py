"""What the player remembers from one session to the next, in the user's data folder."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from player.session.motion.moment import Moment
from player.session.saving.cues import cues_of, cues_to_json
from player.session.saving.keptfile import FORMAT, KeptFileError, load, moment_of, moment_to_json
from player.session.text.words import MOST
from runtime.durable import tidy, write_aside
from runtime.userfolders import data_folder

KIND = "session"


@dataclass(frozen=True, slots=True)
class Remembered:
    """Where the last session ended, the words typed so far, and cues that have no file."""

    last: Moment | None = None
    words: tuple[str, ...] = ()
    cues: tuple[Moment, ...] = ()
    glide_seconds: float = 2.0


def remembered_path() -> Path:
    """Return the file that holds it."""
    return data_folder() / "session.json"


def read_remembered(path: Path) -> Remembered:
    """Read what was remembered; nothing where there is no file.

    Raises:
        KeptFileError: the file is damaged or newer; one line.
    """
    if not path.exists():
        return Remembered()
    where = str(path)
    fields = load(path, KIND, {"last": (dict,), "words": (list,), "cues": (dict,)})
    words = fields.get("words", [])
    if not all(isinstance(word, str) for word in words):
        raise KeptFileError(f"{where} is damaged: its words are no text")
    last = moment_of(fields["last"], where) if "last" in fields else None
    cues, seconds = cues_of(fields.get("cues", {}), where)
    return Remembered(last, tuple(words[-MOST:]), tuple(cues), seconds)


def remember(
    path: Path,
    last: Moment | None,
    words: Sequence[str],
    cues: Sequence[Moment],
    glide_seconds: float,
) -> None:
    """Write the file, without ``last`` where there is nothing to go on with; it appears whole.

    Raises:
        OSError: it cannot be written; what was there stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    tidy(path)
    fields = {
        "kind": f"wordmorph {KIND}",
        "format": FORMAT,
        **({} if last is None else {"last": moment_to_json(last)}),
        "words": list(words),
        "cues": cues_to_json(cues, glide_seconds),
    }
    with write_aside(path) as partial:
        partial.write_text(json.dumps(fields, ensure_ascii=False, indent=1), encoding="utf-8")
