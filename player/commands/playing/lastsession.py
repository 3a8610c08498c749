"""What a session of the player takes up from the one before, and what it leaves behind."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import psutil

from player.session.keep import firstpicture
from player.session.keep.remembered import Memory, memory_path, remember
from player.session.motion.moment import Moment
from player.session.reproduce import free_path
from player.session.session import Session
from runtime.bundles.library import known_models
from runtime.durable import write_aside
from runtime.errors import MorphError
from runtime.request import Request


def take_up(session: Session, memory: Memory, cues: Path | None) -> None:
    """Give a session the words typed before, and its cues: those of a file where there is one.

    A cue file that cannot be read is said and left as it is: new cues go to a file beside it.
    """
    for words in memory.words:
        session.history.add(words)
    session.history.add(session.state.base.expression)
    if cues is None:
        session.cues.set(memory.cues, memory.glide_seconds)
        return
    try:
        session.cues.open(cues)
    except MorphError as error:
        session.cues.path = free_path(cues.parent, cues.stem, cues.suffix)
        said = f"{error}; new cues go to {session.cues.path.name}"
        print(f"wordmorph: {said}", file=sys.stderr)
        session.state.say(said)


def leave_behind(
    session: Session, memory: Memory, began: Request, *, cues_elsewhere: bool, stats: Path | None
) -> None:
    """Remember where a session ended, keep the pictures that the next may open with, where this one
    ``began`` and ended, and write its figures where that was asked for.

    Where its cues have a file of their own, those of ``memory`` stay as they were. A model that
    failed to open is not gone on with, or the next session would fail too.
    """
    model = session.state.invocation.model
    if model not in known_models():  # a folder, to be found from wherever the next session starts
        model = os.path.abspath(model)
    last: Moment | None = Moment(session.state.request, model)
    if session.worker.failure is not None:
        same = memory.last is None or memory.last.model == model
        last = None if same else memory.last
    kept = memory.cues if cues_elsewhere else [cue.moment for cue in session.cues.kept]
    seconds = memory.glide_seconds if cues_elsewhere else session.cues.glide_seconds
    try:
        remember(memory_path(), last, session.history.words, kept, seconds)
    except OSError as error:
        print(f"this session will not be remembered: {error.strerror or error}", file=sys.stderr)
    info, cache = session.state.info, session.state.cache
    for request in dict.fromkeys((began, session.state.request)):
        frame = cache.peek(request)
        if frame is not None and info is not None:
            firstpicture.keep(frame, info.settings)
    if stats is None:
        return
    figures = session.measures.figures(session.worker, session.state.cache)
    load = psutil.getloadavg()[0]
    figures |= {"cores": os.cpu_count(), "load": load}
    try:
        with write_aside(stats.resolve()) as partial:
            partial.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        print(f"{stats} cannot be written: {error.strerror or error}", file=sys.stderr)
