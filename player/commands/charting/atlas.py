"""``wordmorph atlas``: how far words lie apart, what storms between them, and a map of them."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from player.commands.charting.wordlist import names_of, tidy
from player.commands.common import progress
from player.options import (
    AsJson,
    ChartName,
    FarmSpec,
    Force,
    RequestOptions,
    open_frames,
    open_planner,
    shared,
)
from player.session.reproduce import Invocation, command_line, own_name
from runtime.errors import ExpressionError, RequestError
from runtime.farm.farm import Farm
from runtime.language.expression import parse
from runtime.language.line import Line
from runtime.output.charts.atlas import THUMBNAIL, draw_atlas
from runtime.output.film import save_still
from runtime.output.grid import shrink
from runtime.output.measurements import Measurements, default_place, subject_of
from runtime.output.overwrite import check_overwrite
from runtime.output.target import check_picture
from runtime.perception.charting.atlas import (
    LEAST_FRAMES,
    Atlas,
    LineJob,
    Measurement,
    WordPair,
    measure_line,
)
from runtime.perception.charting.likeness import check_scipy, draw_up
from runtime.pipeline import Pipeline
from runtime.planner import Planner
from runtime.request import MAX_SEED, Request

MAX_FRAMES = 10_000
MAX_SEEDS = 100
LIMIT = 200_000
"""Frames that are rendered without being asked for by ``--limit``: an hour on a fast GPU."""
_REMARKS = 8
_CTRL_C = 130


@shared
def atlas(
    words: Annotated[
        list[str] | None, typer.Argument(help="Words or phrases, e.g. cat kitten 'a red fox'.")
    ] = None,
    file: Annotated[
        Path | None, typer.Option("--file", help="More of them, one a line; # begins a remark.")
    ] = None,
    output: ChartName = None,
    near: Annotated[
        str | None, typer.Option(help="List this word's neighbours, by calm water first.")
    ] = None,
    frames: Annotated[int, typer.Option(help="Pictures to compare along each line.")] = 51,
    seeds: Annotated[int, typer.Option(help="Seeds to measure with, from --seed on.")] = 2,
    limit: Annotated[int, typer.Option(help="The most frames to render.")] = LIMIT,
    store: Annotated[
        Path | None,
        typer.Option(help="Where measurements are kept, .sqlite; in your data folder if absent."),
    ] = None,
    as_json: AsJson = False,
    force: Force = False,
    farm: FarmSpec = None,
    invocation: Invocation = Invocation(),
    request_options: RequestOptions = RequestOptions(),
) -> None:
    """Measure the way between every two of some words, as a matrix, as a map, and as a list."""
    names = names_of(words or [], file)
    if near is not None:
        near = _named(tidy(near), names)
    if not LEAST_FRAMES <= frames <= MAX_FRAMES:
        raise RequestError(f"{frames} frames measure no line: use {LEAST_FRAMES} to {MAX_FRAMES:,}")
    if not 1 <= seeds <= min(MAX_SEEDS, MAX_SEED - request_options.seed + 1):
        raise RequestError(f"{seeds} seeds from {request_options.seed} on: use 1 to {MAX_SEEDS}")
    _check_amount(len(names), frames, seeds, limit)
    check_scipy()
    if output is not None:
        check_picture(output, "atlas")
    planner = open_planner(invocation)
    stills = [_still(planner, request_options, name) for name in names]
    if output is not None:
        decisive = {"model": planner.manifest.model, **_more(names, frames, seeds, stills[0])}
        check_overwrite(output, decisive, force=force)
    _name_untaught(planner, stills)
    pairs = list(combinations(names, 2))
    jobs = [
        LineJob(Line(replace(request, seed=request.seed + number), "t"), frames)
        for request in (_way(planner, request_options, *pair) for pair in pairs)
        for number in range(seeds)
    ]
    kept = Measurements(store or default_place(), lambda line: print(line, file=sys.stderr))
    done = 0
    try:
        with kept, open_frames(invocation, planner, farm) as pipeline, progress() as bars:
            settings = pipeline.settings()
            drawn_by = pipeline.drawn_by()
            subjects = {job: subject_of({**settings, **drawn_by}, job) for job in jobs}
            found = {job: one for job in jobs if (one := kept.get(subjects[job])) is not None}
            todo = [job for job in jobs if job not in found]
            task = bars.add_task("measuring lines", total=len(todo), unit="lines/s")

            def keep(job: LineJob, one: Measurement) -> None:
                nonlocal done
                kept.keep(subjects[job], one)
                if job not in found:
                    found[job] = one
                    done += 1
                    bars.advance(task)

            _measure(pipeline, todo, keep)
            ways = [
                WordPair(pair, tuple(found[job] for job in jobs[seeds * i : seeds * (i + 1)]))
                for i, pair in enumerate(pairs)
            ]
            drawn = draw_up(names, ways)
            record = {
                **settings,
                **_more(names, frames, seeds, stills[0]),
                "command": command_line(
                    "atlas",
                    stills[0],
                    own_name(output or "atlas.png"),
                    invocation.shareable(),
                    {"frames": frames, "seeds": seeds, "limit": None if limit == LIMIT else limit},
                    names[1:],
                ),
            }
            if output is not None:
                pictures = [shrink(f.pixels, THUMBNAIL) for f in pipeline.frames(stills)]
                save_still(output, draw_atlas(drawn, pictures), record)
    except KeyboardInterrupt as error:
        print(
            f"wordmorph: interrupted: {done} of the lines measured now are kept, the same command "
            "goes on",
            file=sys.stderr,
        )
        raise typer.Exit(getattr(error, "status", 130)) from None
    if as_json:
        print(json.dumps({**record, **_figures(drawn, near)}, indent=1))
        return
    Console().print(_neighbours(drawn, near) if near else _table(drawn))
    print(
        f"{len(names)} words, {len(pairs)} lines, {seeds} seed{'s' * (seeds > 1)}: {done} measured "
        f"now, {len(jobs) - done} known; stress of the map {drawn.stress:.2f}"
    )
    if output is not None:
        print(output)


def _measure(
    pipeline: Pipeline | Farm,
    jobs: Sequence[LineJob],
    keep: Callable[[LineJob, Measurement], None],
) -> None:
    """Measure lines and ``keep`` each; Ctrl-C loses none that was measured or is in hand."""
    latest: tuple[LineJob, Measurement] | None = None
    try:
        if isinstance(pipeline, Farm):
            for number, one in pipeline.measure(jobs):
                latest = jobs[number], one
                keep(*latest)
                latest = None
        else:
            for job in jobs:
                latest = job, measure_line(pipeline.frames, job)
                keep(*latest)
                latest = None
    except KeyboardInterrupt as stop:
        if latest is not None:
            keep(*latest)
        if isinstance(pipeline, Farm) and getattr(stop, "status", _CTRL_C) == _CTRL_C:
            print("finishing the lines in hand; Ctrl-C once more leaves them", file=sys.stderr)
            for job, one in pipeline.in_hand():
                keep(job, one)
        raise


def _named(word: str, names: Sequence[str]) -> str:
    """Return the name in ``names`` that a word is, whatever its capitals.

    Raises:
        RequestError: it is none of them.
    """
    for name in names:
        if name.casefold() == word.casefold():
            return name
    raise RequestError(f"--near {word}: it is none of the {len(names)} words")


def _check_amount(count: int, frames: int, seeds: int, limit: int) -> None:
    lines = count * (count - 1) // 2
    whole = lines * seeds * frames
    if whole > limit:
        raise RequestError(
            f"{count:,} words make {lines:,} lines, with {seeds} seeds and {frames} frames each "
            f"{whole:,} frames: use fewer, or allow it with --limit {whole}"
        )


def _still(planner: Planner, request_options: RequestOptions, name: str) -> Request:
    """Return the request for a word's own picture.

    Raises:
        RequestError: it moves by itself, or the model cannot be asked.
    """
    try:
        parsed = parse(name)
    except ExpressionError as error:
        raise RequestError(f"{name!r} is no place in an atlas: {error}") from None
    if not parsed.is_still:
        raise RequestError(
            f"{name!r} is a way, and an atlas has places: name its ends as two words"
        )
    return request_options.request(planner, name)


def _way(planner: Planner, request_options: RequestOptions, first: str, last: str) -> Request:
    """Return the request at the start of a way, the same whichever word was named first."""
    first, last = sorted((first, last))
    return request_options.request(planner, f"{first} -> {last}")


def _name_untaught(planner: Planner, stills: Sequence[Request]) -> None:
    remarks = [line for still in stills if (line := planner.untaught(still)) is not None]
    for line in remarks[:_REMARKS]:
        print(line, file=sys.stderr)
    if len(remarks) > _REMARKS:
        print(f"and so for {len(remarks) - _REMARKS} more words", file=sys.stderr)


def _more(names: Sequence[str], frames: int, seeds: int, still: Request) -> dict[str, Any]:
    drawn = {**asdict(still), "expression": f"{names[0]} -> {names[1]}"}
    return {**drawn, "words": list(names), "frames": frames, "seeds": seeds}


def _figures(drawn: Atlas, near: str | None) -> dict[str, Any]:
    figures: dict[str, Any] = {
        "order": [drawn.words[i] for i in drawn.order],
        "places": dict(zip(drawn.words, drawn.places.tolist(), strict=True)),
        "stress": drawn.stress,
        "lines": [
            {
                "words": way.words,
                "path": way.path,
                "spread": way.spread,
                "smoothness": way.smoothness,
                "stormy": way.stormy,
                "calm": way.is_calm,
                "found": [asdict(one) for one in way.found],
            }
            for way in drawn.ways
        ],
    }
    if near is not None:
        figures["near"] = [
            {"word": word, "path": way.path, "calm": way.is_calm} for word, way in drawn.near(near)
        ]
    return figures


def _neighbours(drawn: Atlas, word: str) -> Table:
    table = Table()
    table.add_column(f"from {word} to", no_wrap=True)
    for name in ("path", "± seeds", "smoothness", "in storms", "storms", "jumps", "flickers"):
        table.add_column(name, justify="right")
    for other, way in drawn.near(word):
        table.add_row(other, *_row(way), style="" if way.is_calm else "bold")
    return table


def _row(way: WordPair) -> tuple[str, ...]:
    of = f"/{len(way.found)}"
    return (
        f"{way.path:.3f}",
        f"{way.spread:.3f}",
        f"{way.smoothness:.2f}",
        f"{100 * way.stormy:.0f} %",
        f"{way.storms}{of}" if way.storms else "",
        f"{way.jumps}{of}" if way.jumps else "",
        f"{way.flickers}{of}" if way.flickers else "",
    )


def _table(drawn: Atlas) -> Table:
    """Each word, in the order of likeness, with its nearest by calm water and its farthest."""
    table = Table()
    for name in ("word", "nearest by calm water", "farthest"):
        table.add_column(name)
    table.add_column("calm ways", justify="right")
    for word in (drawn.words[i] for i in drawn.order):
        near = drawn.near(word)
        calm = sum(way.is_calm for _, way in near)
        nearest = ", ".join(f"{other} {way.path:.2f}" for other, way in near[:3] if way.is_calm)
        other, way = max(near, key=lambda one: one[1].path)
        table.add_row(word, nearest or "none", f"{other} {way.path:.2f}", f"{calm} of {len(near)}")
    return table
