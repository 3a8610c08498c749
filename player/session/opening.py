"""Where a picture, film or take was made, read from the file itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from player.session.motion.moment import Moment
from player.session.saving.cues import read_cues
from player.session.saving.keptfile import FIELDS, KeptFileError, check_fields, kind_in, request_of
from player.session.saving.takefile import read_take
from runtime.output.film import read_settings

SUFFIXES = (".png", ".mp4", ".gif", ".json")
"""of the files that can be opened"""


def is_file_to_open(text: str) -> bool:
    """Tell whether a person named a file rather than an expression: one that is there, or a name
    such as a file's, without anything that moves.
    """
    path = Path(text)
    try:
        named = path.suffix.lower() in SUFFIXES
        return named and (path.exists() or not any(sign in text for sign in ("->", "→", "|")))
    except (OSError, ValueError):  # too long for a name
        return False


def moment_in(path: Path, say: Callable[[str], None]) -> Moment:
    """Return the moment that a picture or film shows first, or that a take or cue list begins with.

    ``say`` is told in one line what cannot be read of a file whose beginning can.

    Raises:
        MorphError: no such file, none of this program, or a damaged one; one line.
    """
    if path.exists() and not (path.is_file() or path.is_dir()):  # opening a pipe would wait
        raise KeptFileError(f"{path} is no file")
    if path.suffix.lower() == ".json" and path.exists():
        kind = kind_in(path)
        if kind == "take":
            return read_take(path, say).events[0][1]
        if kind:
            moments, _ = read_cues(path, say)
            if moments:
                return moments[0]
            raise KeptFileError(f"{path} holds no cues")
        raise KeptFileError(f"{path} is no take and no cue list of this program")
    settings = read_settings(path)
    named = {"model": settings.get("model"), "digest": settings.get("digest", "")}
    if not isinstance(named["model"], str):
        raise KeptFileError(f"{path} does not say which model drew it")
    check_fields(named, {"model": (str,), "digest": (str,)}, str(path))
    fields = {name: settings[name] for name in FIELDS if name in settings}
    return Moment(request_of(fields, str(path)), named["model"], named["digest"])
