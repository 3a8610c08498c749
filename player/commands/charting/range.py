"""``wordmorph range``: how far an axis can be pushed before the picture breaks."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from player.commands.common import interruptible, progress, refuse_untaught
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
from player.ranging import no_range
from player.session.reproduce import Invocation, command_line, own_name
from runtime.errors import ExpressionError, RequestError
from runtime.farm.farm import Farm
from runtime.language.openaxis import OpenAxis, open_axis, with_axis
from runtime.output.charts.range import THUMBNAIL, Strip, ask, draw_ranges
from runtime.output.film import save_still
from runtime.output.grid import shrink
from runtime.output.overwrite import check_overwrite
from runtime.output.settings import settings_of
from runtime.output.target import check_picture
from runtime.perception.charting.range import REACH, SEEDS, Range, SideName, common
from runtime.perception.charting.rangecache import keep_range
from runtime.perception.charting.rangesearch import LEAST, RangeSearch, answer, closed, kept_with
from runtime.pipeline import Pipeline
from runtime.planner import Planner

MAX_AXES = 32


@shared
def range(
    picture: Annotated[str, typer.Argument(help="Where to start, e.g. cat or 'cat -> kitten'.")],
    axis: Annotated[
        str | None,
        typer.Argument(help="What to add and subtract, e.g. tabby; or write -?*tabby .. +?*tabby."),
    ] = None,
    also: Annotated[
        list[str] | None,
        typer.Option(help="One more axis, as 'dog | -?*spotted .. +?*spotted'. Repeatable."),
    ] = None,
    output: ChartName = None,
    seeds: Annotated[int, typer.Option(help="Seeds to try, counted from --seed.")] = SEEDS,
    reach: Annotated[float, typer.Option(help="The largest weight to try.")] = REACH,
    t: Annotated[
        float | None, typer.Option(help="Place on t to look around; every station if left out.")
    ] = None,
    as_json: AsJson = False,
    force: Force = False,
    farm: FarmSpec = None,
    invocation: Invocation = Invocation(),
    request_options: RequestOptions = RequestOptions(),
) -> None:
    """Find how far ± an axis can be pushed while the picture changes calmly and stays itself."""
    if output is not None:
        check_picture(output, "range")
    texts = [_open_text(picture, axis), *(also or [])]
    if len(texts) > MAX_AXES:
        raise RequestError(f"{len(texts)} axes are too many for one picture: use up to {MAX_AXES}")
    planner = open_planner(invocation)
    searches = [_search(planner, text, request_options, seeds, reach, t) for text in texts]
    told = {"axes": texts, "seeds": seeds, "reach": reach, "place": t}
    if output is not None:
        model = {"model": planner.manifest.model}
        check_overwrite(output, settings_of(model, searches[0].request, "", **told), force=force)
    with interruptible(output), open_frames(invocation, planner, farm) as pipeline:
        with progress() as bars:
            found = []
            for search in searches:
                bar = bars.add_task(f"± {search.axis.name}", total=100, unit="")
                ranges = answer(
                    search,
                    pipeline.frames,
                    lambda share, bar=bar: bars.update(bar, completed=100 * share),  # type: ignore[misc]
                )
                found.append((search, ranges))
                model = pipeline.settings()
                keep_range(search.key(model), *common(ranges), kept_with(search, ranges, model))
        typed = replace(searches[0].request, expression=texts[0])
        options = {"also": texts[1:], "seeds": seeds, "reach": reach, "t": t}
        name = None if output is None else own_name(output)
        command = command_line("range", typed, name, invocation.shareable(), options)
        settings = settings_of(pipeline.settings(), searches[0].request, command, **told)
        if output is not None:
            strips = [strip for pair in found for strip in _strips(pipeline, *pair)]
            chart = draw_ranges(strips, _title(searches), speeds=len(searches) == 1)
            save_still(output, chart, settings)
    if as_json:
        made = [kept_with(search, ranges, {}) for search, ranges in found]
        print(json.dumps({**settings, "axes": made}, indent=1))
        return
    console = Console()
    for search, ranges in found:
        console.print(_table(search, ranges))
        for one in ranges:
            for begin, end in one.storms:
                print(f"{one.label} storms from {begin:.2f} to {end:.2f}")
        low, high = common(ranges)
        print(closed(search, low, high) if high - low >= LEAST else no_range(search.axis.name))
    if output is not None:
        print(output)


def _open_text(picture: str, axis: str | None) -> str:
    opened = open_axis(picture)
    if axis is not None:
        if opened is not None:
            raise RequestError("the axis is in the expression already: leave the second word out")
        return with_axis(picture, axis)
    if opened is None:
        raise RequestError(
            "say what to add and subtract, as in wordmorph range cat tabby, "
            "or wordmorph range 'cat | -?*tabby .. +?*tabby'"
        )
    return picture


def _search(
    planner: Planner,
    text: str,
    request_options: RequestOptions,
    seeds: int,
    reach: float,
    t: float | None,
) -> RangeSearch:
    axis: OpenAxis | None = open_axis(text)
    if axis is None:
        raise ExpressionError("--also takes an axis such as -?*tabby .. +?*tabby", text, 0)
    if not 0 < reach < 1e6:
        raise RequestError(f"a reach of {reach:g} makes no range: use a number like 2")
    request = request_options.request(planner, axis.close(-reach, reach), t=t or 0.0)
    search = RangeSearch(axis, request, seeds, reach, t)
    search.finder()  # refuses counts that make no range before an engine is opened
    refuse_untaught(planner, request)
    return search


def _strips(
    pipeline: Pipeline | Farm, search: RangeSearch, ranges: tuple[Range, ...]
) -> list[Strip]:
    return [
        ask(
            found,
            search.reach,
            lambda weight, place=place: shrink(  # type: ignore[misc]
                pipeline.render(search.at(place, weight)).pixels, THUMBNAIL
            ),
            search.axis.name,
        )
        for found, place in zip(ranges, search.places.values(), strict=True)
    ]


def _title(searches: list[RangeSearch]) -> str:
    if len(searches) > 1:
        seeds = searches[0].seeds
        count = "one seed" if seeds == 1 else f"each of {seeds} seeds"
        return f"How far each axis is calm for {count}; dashed: just beyond"
    return searches[0].axis.text


def _table(search: RangeSearch, ranges: tuple[Range, ...]) -> Table:
    table = Table(title=f"± {search.axis.name}", title_justify="left")
    table.add_column("around")
    table.add_column("calm", justify="right")
    table.add_column(f"ends by {len(ranges[0].by_seed)} seeds", justify="right")
    table.add_column("what ends it")
    for found in ranges:
        table.add_row(
            found.label,
            f"{found.low:.2f} to {found.high:.2f}",
            f"{_spread(found, 'low')}, {_spread(found, 'high')}",
            f"{_end(found, 'low')}, {_end(found, 'high')}",
        )
    return table


def _spread(found: Range, side: SideName) -> str:
    ends = found.ends(side)
    return f"{ends[0]:.2f}" if ends[0] == ends[-1] else f"{ends[0]:.2f}…{ends[-1]:.2f}"


def _end(found: Range, side: SideName) -> str:
    return {"reach": "none found"}.get(found.why(side), found.why(side))
