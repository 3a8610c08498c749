"""How long a key waits for its frame: the player's own worker, without a window."""

from __future__ import annotations

import random
import time

from player.session.rendering.renderer import PendingRequest, Renderer
from player.session.rendering.worker import LULL_SECONDS, Worker
from runtime.cache import FrameCache
from runtime.errors import EngineError
from runtime.language.line import TICKS
from runtime.request import Request

PATIENCE_SECONDS = 120.0
BETWEEN_TICKS = 0.00013
"""off the divisions of a line, so that no frame asked for was filled before"""


def scrub_latencies(renderer: Renderer, first: Request, count: int, seed: int = 0) -> list[float]:
    """Return the milliseconds from asking for each of ``count`` new positions to its frame.

    As in the player, idle time fills the cache in between: each request comes at a random moment
    of a frame that is being filled, drawn from ``seed``, and waits for it where the renderer is not
    ``Cancellable``, and then for its own. The renderer stays open.

    Raises:
        EngineError: a frame failed, or none came for two minutes.
    """
    rng = random.Random(seed)
    worker = Worker(lambda: renderer, FrameCache(), closes=False)
    worker.start()
    try:
        times = [_ask(worker, first)]
        for _ in range(count):
            time.sleep(LULL_SECONDS + rng.uniform(0.2, 1.2) * min(times) / 1e3)
            place = min(rng.randrange(TICKS) / TICKS + BETWEEN_TICKS * rng.random(), 1.0)
            times.append(_ask(worker, first.at(place)))
        return times[1:]
    finally:
        worker.stop()


def _ask(worker: Worker, request: Request) -> float:
    start = time.perf_counter()
    worker.ask(PendingRequest(request))
    while True:
        result = worker.results.take(PATIENCE_SECONDS)
        if worker.failure is not None:
            raise EngineError(f"the render thread ended: {worker.failure}")
        if result is None:
            raise EngineError(f"no frame came within {PATIENCE_SECONDS:.0f} s")
        if result.request == request:
            if result.error is not None:
                raise EngineError(result.error)
            return (time.perf_counter() - start) * 1e3
