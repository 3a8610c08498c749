"""Where the player opens: at what was typed, where a file was made, or where it was left."""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from player.commands.playing.library import Library
from player.options import RequestOptions
from player.session.motion.moment import Moment
from player.session.opening import is_file_to_open, moment_in
from player.session.rendering.models import Model
from player.session.reproduce import Invocation, free_path
from player.session.saving.keptfile import kind_in
from player.session.saving.remembered import Remembered, read_remembered, remembered_path
from player.session.text.words import STARTER, TRY
from runtime.durable import rename
from runtime.errors import BundleError, MorphError
from runtime.request import Request


@dataclass(frozen=True, slots=True)
class Start:
    """What to open the player with."""

    invocation: Invocation
    model: Model
    library: Library
    request: Request
    remembered: Remembered
    hint: str
    """what to say where there is nothing else to say; empty for the usual"""
    cues: Path | None = None
    """the cue list that was named"""


def starting(
    expression: str | None,
    t: float,
    u: float,
    invocation: Invocation,
    request_options: RequestOptions,
    typed: frozenset[str] = frozenset(),
) -> Start:
    """Return where the player opens.

    ``expression`` may name a picture, film, take or cue list; without one it is where the last
    session ended, or a line to start from. ``typed`` names the options that were typed: a model or
    settings among them come before those of the file or the last session.

    Raises:
        ExpressionError, RequestError, BundleError, KeptFileError: what was typed cannot be played.
    """
    remembered = _remembered()
    moment: Moment | None = None
    cues, hint, words = None, "", STARTER
    file = Path(expression) if expression is not None and is_file_to_open(expression) else None
    if file is not None:
        moment = moment_in(file, _say)
        cues = file if kind_in(file) == "cue list" else None
        hint = f"opened {file.name}"
    elif expression is not None:
        words = expression
    else:
        moment = remembered.last
        if moment is None:
            hint = f"/ types other words: {', '.join(TRY)} …   F1 for the keys"
    if moment is not None and "model" not in typed:
        invocation = replace(invocation, model=moment.model)
    library = Library(invocation)
    try:
        model = library.find(invocation.model)
        if moment is None:
            request = _typed(model, words, t, u, request_options)
        else:
            options = {"t": t, "u": u, **asdict(request_options)}
            chosen = {name: value for name, value in options.items() if name in typed}
            request = replace(model.fitted(moment.request), **chosen)
            doubt = "" if "model" in typed else moment.doubt(model.digest)
            if doubt:
                _say(doubt)
                hint = doubt
            model.check(request)
    except MorphError as error:
        if file is not None:
            why = f"{expression}: {error}; or play it with another: --model NAME"
            raise (BundleError(why) if isinstance(error, BundleError) else error) from None
        if moment is None or "model" in typed:
            raise
        print(f"the last session cannot be played: {error}", file=sys.stderr)
        invocation = replace(invocation, model=Invocation().model)
        library = Library(invocation)
        model = library.find(invocation.model)
        request = _typed(model, STARTER, t, u, request_options)
    return Start(invocation, model, library, request, remembered, hint, cues)


def _typed(
    model: Model, expression: str, t: float, u: float, request_options: RequestOptions
) -> Request:
    request = request_options.of(expression, model.default_steps, t=t, u=u)
    model.check(request)
    return request


def _say(line: str) -> None:
    print(line, file=sys.stderr)


def _remembered() -> Remembered:
    """Return what the last session left; one that cannot be read counts as none and is kept aside,
    as this session will leave its own.
    """
    path = remembered_path()
    try:
        return read_remembered(path)
    except MorphError as error:
        aside = free_path(path.parent, f"{path.stem}-unread", path.suffix)
        try:
            rename(path, aside)
        except OSError:
            _say(f"the last session is forgotten: {error}")
        else:
            _say(f"the last session is forgotten: {error}; it is kept as {aside}")
        return Remembered()
