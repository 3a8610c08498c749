"""Readouts that can be trusted: what was asked, when it was on screen, and what that took."""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Sequence
from typing import Any

import numpy as np
import psutil

from player.session.rendering.worker import Worker
from runtime.cache import FrameCache
from runtime.request import Frame, Request

KEPT = 4000
WAITING = 256
"""requests whose picture may still come"""
STAGES = ("text", "mix", "denoise", "decode", "total")


class Stats:
    """Times of one session since its model was open, in seconds of ``time.perf_counter``.

    Scrub-to-screen runs from the turn that saw the key or the mouse to the end of the drawing call
    that put exactly that picture into the window. A request whose picture did not come on screen as
    it arrived, because a newer or a nearer one did, is no sample; ``requests`` has those.
    """

    def __init__(self) -> None:
        """Start without a sample."""
        self.turns: deque[float] = deque(maxlen=KEPT)
        """seconds between turns of the front end's loop"""
        self.known: deque[float] = deque(maxlen=KEPT)
        """scrub-to-screen where the picture was at hand"""
        self.unknown: deque[float] = deque(maxlen=KEPT)
        """and where it had to be rendered"""
        self.pictures: deque[float] = deque(maxlen=KEPT)
        """when another picture came on screen"""
        self.scaled_by = ""
        """who makes pictures as large as they are shown, where the front end knows"""
        self._asked: OrderedDict[Request, tuple[float, bool]] = OrderedDict()
        self._shown: Frame | None = None
        self._turned: float | None = None
        self._page: tuple[tuple[str, str], ...] = ()
        self._paged_at = float("-inf")
        self.memory_mb: deque[float] = deque(maxlen=KEPT)
        """of this process, every five seconds"""
        self._weighed_at = float("-inf")
        self.start: dict[str, float] = {}
        """seconds from the start of the process to the session, its window, model and first
        picture"""

    def reach(self, stage: str) -> None:
        """Note that the start has come so far; once for each stage."""
        if stage not in self.start:
            self.start[stage] = round(time.time() - psutil.Process().create_time(), 2)

    def turn(self, now: float) -> None:
        """Note that the front end begins a turn at ``now`` seconds."""
        if self._turned is not None:
            self.turns.append(now - self._turned)
        self._turned = now
        if now - self._weighed_at >= 5.0:
            self._weighed_at = now
            self.memory_mb.append(round(psutil.Process().memory_info().rss / 1e6, 1))

    def page(self, worker: Worker, cache: FrameCache) -> tuple[tuple[str, str], ...]:
        """Return the statistics, made anew twice a second."""
        now = time.perf_counter()
        if now - self._paged_at > 0.5:
            self._page, self._paged_at = lines(self.values(worker, cache)), now
        return self._page

    def ask(self, request: Request, *, known: bool) -> None:
        """Note that a picture is asked for now."""
        self._asked[request] = time.perf_counter(), known
        self._asked.move_to_end(request)
        if len(self._asked) > WAITING:
            self._asked.popitem(last=False)

    def overtake(self, request: Request) -> None:
        """Note that a picture has come too late to be shown: whoever asked is elsewhere, where
        another is nearer. Shown later, as the nearest to something else, it answers nothing.
        """
        self._asked.pop(request, None)

    def show(self, frame: Frame | None) -> None:
        """Note that a picture is on screen now."""
        if frame is None or frame is self._shown:
            return
        self.reach("picture")
        if self._shown is None or frame.request != self._shown.request:
            self.pictures.append(time.perf_counter())
        self._shown = frame
        asked = self._asked.get(frame.request)
        if asked is None:
            return
        took = time.perf_counter() - asked[0]
        (self.known if asked[1] else self.unknown).append(took)
        while self._asked:  # those asked before it have been overtaken
            if self._asked.popitem(last=False)[0] == frame.request:
                break

    def conceal(self) -> None:
        """Note that something else than pictures is on screen: what is asked for is no sample."""
        self._asked.clear()

    def reset(self) -> None:
        """Forget the samples so far: what follows is to be measured alone."""
        for samples in (self.turns, self.known, self.unknown, self.pictures):
            samples.clear()
        self._asked.clear()

    def values(self, worker: Worker, cache: FrameCache) -> dict[str, Any]:
        """Return everything as plain numbers, milliseconds where not said otherwise."""
        looked = cache.hits + cache.misses
        rendered = worker.milliseconds
        turns = quantiles(self.turns)
        return {
            "start_s": dict(self.start),
            "window_hz": None if turns is None else round(1e3 / max(turns["p50"], 0.01), 1),
            "turn_ms": turns,
            "pictures_hz": most_in_a_second(self.pictures),
            "render_ms": None if not rendered else round(sum(rendered) / len(rendered), 2),
            "scrub_known_ms": quantiles(self.known),
            "scrub_unknown_ms": quantiles(self.unknown),
            "stages_ms": {
                name: round(float(np.mean(times)), 2)
                for name in STAGES
                if (times := [t[name] for t in worker.stages if name in t])
            },
            "cache_share": None if not looked else round(cache.hits / looked, 4),
            "cache_frames": len(cache),
            "cache_mb": round(cache.bytes / 1e6, 1),
            "requests": _requests(worker),
            "filled": worker.filled,
            "memory_mb": list(self.memory_mb),
            "scaled_by": self.scaled_by or None,
        }


def most_in_a_second(times: Sequence[float] | deque[float]) -> int:
    """Return how many of ``times``, ascending seconds, lie within one second at most."""
    at = np.asarray(times)
    ends = np.searchsorted(at, at + 1.0)
    return int((ends - np.arange(len(at))).max(initial=0))


def quantiles(seconds: Sequence[float] | deque[float]) -> dict[str, float] | None:
    """Return count, p50, p99 and the most in milliseconds; None without samples."""
    if not seconds:
        return None
    values = np.asarray(seconds) * 1e3
    return {
        "count": len(values),
        "p50": round(float(np.quantile(values, 0.5)), 2),
        "p99": round(float(np.quantile(values, 0.99)), 2),
        "most": round(float(values.max()), 2),
    }


def lines(values: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    """Return ``Stats.values`` as (what, figure) for a page."""

    def spread(times: dict[str, float] | None) -> str:
        if times is None:
            return "–"
        return f"{times['p50']:.1f} / {times['p99']:.1f} ms  ({times['count']:.0f})"

    requests = values["requests"]
    stages = "  ".join(
        f"{name} {value:.1f}" for name, value in values["stages_ms"].items() if name != "total"
    )
    share = values["cache_share"]
    return (
        ("window, turn p50 / p99", spread(values["turn_ms"])),
        ("pictures in a second, at most", f"{values['pictures_hz']}"),
        ("render, mean", "–" if values["render_ms"] is None else f"{values['render_ms']:.1f} ms"),
        ("key to screen, known picture", spread(values["scrub_known_ms"])),
        ("key to screen, new picture", spread(values["scrub_unknown_ms"])),
        ("stages, ms", stages or "–"),
        ("cache hits", "–" if share is None else f"{100 * share:.0f} %"),
        ("cache", f"{values['cache_frames']} pictures, {values['cache_mb']:.0f} MB"),
        ("requests asked", f"{requests['asked']}"),
        ("= served + superseded + waiting + being drawn", _sum(requests)),
        ("filled while nothing was asked", f"{values['filled']}"),
        ("from the start to " + ", ".join(values["start_s"]), _seconds(values["start_s"])),
        ("picture scaled by", values["scaled_by"] or "–"),
    )


def _requests(worker: Worker) -> dict[str, int]:
    """Return what became of the requests; read in an order in which they add up."""
    counts = {
        "served": worker.served,
        "superseded": worker.requests.replaced,
        "waiting": int(worker.requests.waiting()),
    }
    asked = worker.requests.puts
    return {"asked": asked, **counts, "being_drawn": asked - sum(counts.values())}


def _sum(requests: dict[str, int]) -> str:
    return " + ".join(str(count) for what, count in requests.items() if what != "asked")


def _seconds(start: dict[str, float]) -> str:
    return "  ".join(f"{seconds:.2f}" for seconds in start.values()) + " s" if start else "–"
