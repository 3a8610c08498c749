"""A view of the session as the plain values that a page is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from typing import Any, get_args

import numpy as np

from player.session.actions import ACTIONS, HELP, label_of
from player.session.filling.scan import Speeds, division, spans
from player.session.motion.playhead import HELD_SPEED, SPEEDS, Loop, Playhead
from player.session.state import PlayerState
from player.session.text.strip import prompts, rows_words
from player.session.text.words import PRESETS
from player.session.view import View
from runtime.errors import ExpressionError
from runtime.language.line import TICKS, Line
from runtime.mixing.mix import Plan
from runtime.planner import Planner
from runtime.request import Request

PAGE_ACTIONS = frozenset(
    {
        "back",
        "clean",
        "fullscreen",
        "hand_over",
        "help",
        "learn",
        "stats",
        "storms",
        "tokens",
        "type_seed",
        "write",
        "zoom",
    }
)
"""Actions that change what one page shows and not what is played: each page does them itself.
``back`` would end the session, and ``learn`` is for a knob at the server."""
MOVING = (
    "axis", "playing", "speed", "loop", "between", "perceptual", "pad", "moves", "difference",
    "engine", "recording", "notice", "error",
)  # fmt: skip
"""what of a view goes over the wire under its own name"""
WORDS_TOLD = 5000
"""of a vocabulary, for completion"""


@cache
def actions_to_json() -> list[dict[str, Any]]:
    """Return the table of actions, with keys and parameters."""
    return [
        {
            "name": action.name,
            "meaning": action.meaning,
            "label": label_of(action),
            "keys": [asdict(key) for key in action.keys],
            "parameter": None if action.parameter is None else asdict(action.parameter),
            "held": action.held,
            "page": action.name in PAGE_ACTIONS,
        }
        for action in ACTIONS
    ]


def welcome(planner: Planner, *, instance: str, touched: bool) -> dict[str, Any]:
    """Return what everybody is told on coming in, and when another model plays.

    ``planner`` is the model's; ``instance`` names the server's start, and ``touched`` tells whether
    anybody has played since.
    """
    manifest, vocabulary = planner.manifest, planner.vocabulary
    words = [] if vocabulary is None else sorted(vocabulary.words)[:WORDS_TOLD]
    return {
        "say": "welcome",
        "instance": instance,
        "touched": touched,
        "model": manifest.model,
        "picture": [manifest.width, manifest.height],
        "steps": sorted(manifest.steps),
        "words": words,
        "presets": list(PRESETS),
        "actions": actions_to_json(),
        "help": HELP,
        "ticks": TICKS,
        "held_speed": HELD_SPEED,
        "speeds_offered": list(SPEEDS),
        "loops": list(get_args(Loop)),
    }


def moving(view: View, head: Playhead) -> dict[str, Any]:
    """Return what changes as one plays, by the names of docs/protocol.md."""
    request = asdict(view.request)
    shown = None if view.shown is None else asdict(view.shown)
    x, y = head.point
    return {
        "x": x,
        "y": y,
        **{name: getattr(view, name) for name in MOVING},
        "request": request,
        "shown": None if shown is None else {k: v for k, v in shown.items() if v != request[k]},
        "direction": head.direction,
        "extrapolates": view.plan is not None
        and view.plan.extrapolates(view.request.t, view.request.u),
    }


def resting(view: View, head: Playhead, model: str) -> dict[str, Any]:
    """Return what may come a little later; ``model`` plays, by the name that cues have of it."""
    line = view.line
    places = [index for place in view.cached if (index := division(place)) is not None]
    speeds = view.speeds if view.speeds is not None and view.speeds.line == line else None
    return {
        "milliseconds": view.milliseconds,
        "cached": [list(span) for span in spans(places, 1)],
        "hits": view.hits,
        "speeds": None if speeds is None else _curve(speeds),
        "scanned": speeds is not None and speeds.complete,
        "warp": None if head.warp is None else np.round(head.warp.cumulative, 6).tolist(),
        "stations": [[place, words] for place, words in line.stations],
        "ends": _ends(view),
        "rows": "" if view.plan is None else rows_words(view.plan),
        "cues": [
            [_words_of(moment.request), asdict(moment.request) if moment.model == model else None]
            for moment in (cue.moment for cue in view.cues)
        ],
        "tokens": [] if view.plan is None else tokens_to_json(view.plan, view),
    }


def tokens_to_json(plan: Plan, view: View) -> list[dict[str, Any]]:
    """Return the prompts of a plan with their weights and tokens."""
    return [
        {
            "coefficients": [round(coefficient, 3) for coefficient in line.coefficients],
            "cells": [[cell.row, cell.text, cell.used] for cell in line.cells],
        }
        for line in prompts(plan, view.request.t, view.request.u)
    ]


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that are new or other than before."""
    return {name: v for name, v in after.items() if name not in before or before[name] != v}


def _words_of(request: Request) -> str:
    line = Line(request, "t")
    return f"{request.expression} {line.place:.3f}, seed {request.seed}"


def _ends(view: View) -> dict[str, list[str]]:
    if not view.moves:
        return {}
    axes = ("t", "u") if view.pad else (view.axis,)
    found = {}
    for axis in axes:
        line = Line(view.request, "t" if axis == "t" else "u")
        found[axis] = [line.label(0.0), line.label(1.0)]
    return found


def _curve(speeds: Speeds) -> list[list[int] | None]:
    """Return [height, storm], both 0 to 100, for each division; null where it is not known."""
    if np.isnan(speeds.values).all():
        return []
    return [
        None if np.isnan(tall) else [round(100 * float(tall)), round(100 * float(storm))]
        for tall, storm in zip(*speeds.curve(), strict=True)
    ]


def marks(state: PlayerState) -> list[list[str | float]]:
    """Return [name, place along, place across, seed] of each mark, places 0 to 1."""
    return [
        [name, mark[0][0] / TICKS, mark[0][1] / TICKS, mark[1]]
        for name, mark in zip("AB", state.marks, strict=True)
        if mark is not None
    ]


def refusal(n: int, error: Exception) -> dict[str, Any]:
    """Return the answer to message ``n`` that could not be carried out, in one line."""
    data: dict[str, Any] = {"say": "refused", "n": n, "message": " ".join(str(error).split())}
    if isinstance(error, ExpressionError):
        data |= {"text": error.text, "column": error.column}
    return data
