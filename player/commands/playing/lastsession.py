"""What a session of the player takes up from the one before, and what it leaves behind."""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from pathlib import Path

import psutil

from player.session.motion.moment import Moment
from player.session.saving import firstpicture
from player.session.saving.remembered import Remembered, read_remembered, remember, remembered_path
from player.session.session import Session
from runtime.bundles.library import BUILT_IN, known_models
from runtime.durable import write_aside
from runtime.errors import MorphError
from runtime.request import Request


def take_up(session: Session, remembered: Remembered, cues: Path | None) -> None:
    """Give a session the words typed before, and its cues: those of a file where there is one.

    A cue file that cannot be read is said and left as it is, and the cues are those of before.
    """
    for words in remembered.words:
        session.history.add(words)
    session.history.add(session.state.base.expression)
    session.cues.set(remembered.cues, remembered.glide_seconds)
    if cues is None:
        return
    try:
        session.cues.open(cues)
    except MorphError as error:
        problem = f"{error}; cues are kept with the session"
        print(f"wordmorph: {problem}", file=sys.stderr)
        session.state.say(problem)


def leave_behind(session: Session, began: Request, *, stats: Path | None) -> None:
    """Remember where a session ended, keep the pictures that the next may open with, where this one
    ``began`` and ended, and write its statistics where that was asked for.
    """
    try:
        remember(
            remembered_path(), _to_go_on_with(session), session.history.words, *session.cues.unfiled
        )
    except OSError as error:
        print(f"this session will not be remembered: {error.strerror or error}", file=sys.stderr)
    info, cache = session.state.info, session.state.cache
    for request in dict.fromkeys((began, session.state.request)):
        frame = cache.peek(request)
        if frame is not None and info is not None:
            firstpicture.keep(frame, info.settings)
    if stats is not None:
        write_stats(session, stats)


def write_stats(session: Session, path: Path) -> None:
    """Write a session's statistics as JSON, with the machine's cores and load; say so if that
    cannot be.
    """
    values = session.stats.values(session.worker, session.state.cache)
    values |= {"cores": os.cpu_count(), "load": psutil.getloadavg()[0]}
    try:
        with write_aside(path.resolve()) as partial:
            partial.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        print(f"{path} cannot be written: {error.strerror or error}", file=sys.stderr)


def _to_go_on_with(session: Session) -> Moment | None:
    """Return where the next session opens: where this one ended, or where the one before did if the
    model failed to open, or nowhere if that would fail likewise.
    """
    model = session.state.invocation.model
    if model not in known_models():  # a folder, to be found from wherever the next session starts
        model = os.path.abspath(model)
    if session.state.info is not None or session.worker.failure is None:
        return Moment(session.state.request, model)
    with suppress(MorphError):
        before = read_remembered(remembered_path()).last
        if before is None or before.model != model or model == BUILT_IN:
            return before
    return None
