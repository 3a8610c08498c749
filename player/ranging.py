"""``?`` in an expression: the range is found once, kept, and said."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import Progress

from player.session.reproduce import Invocation
from runtime.bundles.bundle import Bundle
from runtime.engines.choose import foreseen
from runtime.errors import RequestError
from runtime.language.openaxis import OpenAxis
from runtime.perception.charting.range import REACH, common
from runtime.perception.charting.rangecache import keep_range, load_range
from runtime.perception.charting.rangesearch import LEAST, RangeSearch, answer, closed, kept_with
from runtime.pipeline import Pipeline
from runtime.planner import Planner
from runtime.request import Request

if TYPE_CHECKING:
    from runtime.farm.farm import Farm


def close_range(
    axis: OpenAxis,
    planner: Planner,
    make: Callable[[str], Request],
    open_frames: Callable[[], Pipeline | Farm],
    here: Invocation | None,
) -> str:
    """Return the expression with its open axis closed by the range, which is said on stderr.

    ``make`` turns an expression into a request as the user's options say. ``here`` tells which
    engine ``open_frames`` opens on this machine; None where another machine draws, whose engine is
    known once it is open.

    Raises:
        RequestError: there is no range, or a word that the model does not know.
    """
    search = RangeSearch(axis, make(axis.close(-REACH, REACH)))
    untaught = planner.untaught(search.request)
    if untaught is not None:
        raise RequestError(untaught)
    kept = None
    if here is not None:
        bundle = Bundle(Path(), planner.manifest)
        engine, precision = foreseen(bundle, here.backend, here.precision)
        model = {"digest": bundle.digest(), "engine": engine, "precision": precision}
        kept = load_range(search.key(model))
    if kept is None:
        with open_frames() as pipeline:
            kept = _found(search, pipeline)
    low, high = kept
    if high - low < LEAST:
        raise RequestError(
            f"{no_range(axis.name)}; write weights of your own, as in -1/4*tabby .. +1/4*tabby"
        )
    text = closed(search, low, high)
    print(f"range found: {text}", file=sys.stderr)
    return text


def _found(search: RangeSearch, pipeline: Pipeline | Farm) -> tuple[float, float]:
    """Return what is kept for the engine that is open, or find it and keep that."""
    settings = pipeline.settings()
    kept = load_range(search.key(settings))
    if kept is None:
        with Progress(console=Console(stderr=True), transient=True) as bars:
            bar = bars.add_task(f"finding the range of {search.axis.name}", total=100)
            ranges = answer(
                search, pipeline.frames, lambda share: bars.update(bar, completed=100 * share)
            )
        kept = common(ranges)
        keep_range(search.key(settings), *kept, kept_with(search, ranges, settings))
    return kept


def no_range(name: str) -> str:
    """Return the words for an axis that is calm nowhere."""
    return f"{name} has no calm range here: the picture changes too fast from the start"
