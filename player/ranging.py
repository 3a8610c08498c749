"""``?`` in an expression: the range is found once, kept, and said."""

from __future__ import annotations

import sys
from collections.abc import Callable

from rich.console import Console
from rich.progress import Progress

from player.session.reproduce import Invocation
from player.session.saving.quest import LEAST, Quest, answer, closed, kept_with
from runtime.errors import RequestError
from runtime.language.openaxis import OpenAxis
from runtime.perception.charting.range import REACH, common
from runtime.perception.charting.rangecache import keep_range, load_range
from runtime.pipeline import Pipeline
from runtime.planner import Planner
from runtime.request import Request


def close_range(
    axis: OpenAxis,
    invocation: Invocation,
    planner: Planner,
    make: Callable[[str], Request],
    open_pipeline: Callable[[Invocation], Pipeline],
) -> str:
    """Return the expression with its open axis closed by the range, which is said on stderr.

    ``make`` turns an expression into a request as the user's options say.

    Raises:
        RequestError: there is no range, or a word that the model does not know.
    """
    quest = Quest(axis, make(axis.close(-REACH, REACH)))
    untaught = planner.untaught(quest.request)
    if untaught is not None:
        raise RequestError(untaught)
    key = quest.key(planner.digest(), (invocation.backend, invocation.precision))
    kept = load_range(key)
    if kept is None:
        with open_pipeline(invocation) as pipeline, _bars() as bars:
            bar = bars.add_task(f"finding the range of {axis.name}", total=100)
            ranges = answer(
                quest, pipeline.frames, lambda share: bars.update(bar, completed=100 * share)
            )
            kept = common(ranges)
            keep_range(key, *kept, kept_with(quest, ranges, pipeline.settings()))
    low, high = kept
    if high - low < LEAST:
        raise RequestError(
            f"{no_range(axis.name)}; write weights of your own, as in -1/4*tabby .. +1/4*tabby"
        )
    text = closed(quest, low, high)
    print(f"range found: {text}", file=sys.stderr)
    return text


def no_range(name: str) -> str:
    """Return the words for an axis that is calm nowhere."""
    return f"{name} has no calm range here: the picture changes too fast from the start"


def _bars() -> Progress:
    return Progress(console=Console(stderr=True), transient=True)
