"""What cue files, takes and the last session have in common: moments as JSON, read strictly."""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from player.session.motion.moment import Moment
from runtime.errors import MorphError
from runtime.language.expression import parse
from runtime.request import Request

FORMAT = 1
"""The version of cue files and takes; a file of a later one is refused."""
MOST_BYTES = 64_000_000
"""A take of an hour at 60 changes a second has about 10 MB."""
_LARGEST = 1 << 64
"""No number of ours is near it, and a float cannot hold one of hundreds of digits."""
_KIND = re.compile(rb'"kind"\s*:\s*"wordmorph (take|cue list)"')
FIELDS = tuple(field.name for field in fields(Request))
_TYPES: dict[str, tuple[type, ...]] = {
    "expression": (str,),
    "t": (int, float),
    "u": (int, float),
    "seed": (int,),
    "steps": (int,),
    "edit": (str,),
    "edit_row": (int, type(None)),
    "interp": (str,),
}


class KeptFileError(MorphError):
    """A cue file or take that is damaged, or of a newer format."""


def request_to_json(request: Request) -> dict[str, Any]:
    """Return a request's fields by their names."""
    return {name: getattr(request, name) for name in FIELDS}


def moment_to_json(moment: Moment) -> dict[str, Any]:
    """Return what ``moment_of`` reads."""
    return {
        "model": moment.model,
        "digest": moment.digest,
        **request_to_json(moment.request),
    }


def check_fields(
    given: object, known: Mapping[str, tuple[type, ...]], where: str
) -> dict[str, Any]:
    """Return ``given`` if it is an object of nothing but ``known`` fields of their types.

    Raises:
        KeptFileError: it is not; the line begins with ``where``.
    """
    if not isinstance(given, dict):
        raise KeptFileError(f"{where} is no object")
    for name, value in given.items():
        kinds = known.get(name)
        if kinds is None:
            raise KeptFileError(f"{where} has an unknown field {str(name)[:40]!r}")
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            raise KeptFileError(f"{where}: {name} cannot be {json.dumps(value)[:40]}")
        if isinstance(value, int) and abs(value) >= _LARGEST:
            raise KeptFileError(f"{where}: {name} cannot be {str(value)[:20]}…")
        if isinstance(value, str) and any("\ud800" <= letter <= "\udfff" for letter in value):
            raise KeptFileError(f"{where}: {name} is no text: it has half a character")
    return given


def request_of(given: object, where: str, before: Request | None = None) -> Request:
    """Return the request of an object of its fields; those left out are as ``before``.

    Raises:
        KeptFileError: a field is missing, unknown, of another type, out of range or unreadable.
    """
    checked = check_fields(given, _TYPES, where)
    base = {} if before is None else request_to_json(before)
    wanted = {**base, **checked}
    missing = [name for name in FIELDS if name not in wanted]
    if missing:
        raise KeptFileError(f"{where} has no {missing[0]}")
    for name in ("t", "u"):
        wanted[name] = float(wanted[name])
    try:
        request = Request(**wanted)
        if before is None or request.expression != before.expression:
            parse(request.expression)
    except MorphError as error:
        raise KeptFileError(f"{where}: {error}") from None
    return request


def moment_of(given: object, where: str) -> Moment:
    """Return the moment of an object as ``moment_to_json`` makes it.

    Raises:
        KeptFileError: as ``request_of``.
    """
    checked = dict(check_fields(given, {**_TYPES, "model": (str,), "digest": (str,)}, where))
    model, digest = checked.pop("model", None), checked.pop("digest", "")
    if not model:
        raise KeptFileError(f"{where} has no model")
    return Moment(request_of(checked, where), model, digest)


def load(path: Path, kind: str, known: Mapping[str, tuple[type, ...]]) -> dict[str, Any]:
    """Return the fields besides ``kind`` and ``format`` of a JSON file of this program.

    Raises:
        KeptFileError: no such file, too large, no JSON, another kind, a newer format, or fields
            that are not ``known``. One line that names the file.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise KeptFileError(f"{path} is no file")
        if status.st_size > MOST_BYTES:
            raise KeptFileError(f"{path} is too large for a {kind}")
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise KeptFileError(f"{path} does not exist") from None
    except OSError as error:
        raise KeptFileError(f"{path} cannot be read: {error.strerror or error}") from None
    except ValueError:
        raise KeptFileError(f"{path} is damaged: it is no text") from None
    try:
        given = json.loads(text)
    except (ValueError, RecursionError):
        raise KeptFileError(f"{path} is damaged: it is no JSON") from None
    if not isinstance(given, dict) or given.get("kind") != f"wordmorph {kind}":
        raise KeptFileError(f"{path} is no {kind} of this program")
    version = given.get("format")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise KeptFileError(f"{path} is damaged: it has no format")
    if version > FORMAT:
        raise KeptFileError(
            f"{path} has format {version}, which is newer than this program's {FORMAT}: "
            "a newer wordmorph reads it"
        )
    rest = {name: value for name, value in given.items() if name not in ("kind", "format")}
    return check_fields(rest, known, str(path))


def kind_in(path: Path) -> str:
    """Return ``take`` or ``cue list`` for a JSON file of this program, else an empty string."""
    try:
        if not path.is_file() or path.stat().st_size > MOST_BYTES:  # opening a pipe would wait
            return ""
        with path.open("rb") as file:
            start = file.read(200)
            found = _KIND.search(start + file.read()) if start.lstrip()[:1] == b"{" else None
    except (OSError, ValueError):
        return ""
    return "" if found is None else found[1].decode()
