"""A long play without a model: what the process holds over many seeds, and what it was allowed.

    python -m tests.soak.play --minutes 30 --seeds 40 --side 512

A renderer that draws pictures of noise, which compress as badly as real ones, fills line after line
as idle time does; the session is turned 60 times a second, records for a while at every other seed
and goes to the next seed when its share of the time is over. Every ten seconds a line is printed:
seconds, seed, frames cached, MB kept as the budget counts, MB the process holds. The status is 1
if the count ever exceeds the budget, or the process holds more than the budget and ``MARGIN`` over
what it held before the first frame. ``--frame-ms 0`` is play accelerated: as many frames as the
machine can make.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil

from player.session.filling.memory import default_budget, parse_budget
from player.session.session import Session
from runtime.request import Frame, Request
from tests.player.fakes import FakeRenderer

MB = 1 << 20
MARGIN = 400 * MB
"""pictures that wait to be recorded (64 MB), the encoder's, one frame's description, fragments"""


@dataclass
class NoiseRenderer(FakeRenderer):
    """Pictures of ``size``² that differ everywhere between two positions."""

    noise: np.ndarray = field(default_factory=lambda: np.zeros(0, np.uint8))

    def __post_init__(self) -> None:
        random = np.random.default_rng(7)
        self.noise = random.integers(0, 64, (2 * self.size, self.size, 3), dtype=np.uint8)

    def render(self, request: Request) -> Frame:
        start = time.perf_counter()
        at = round(request.t * (self.size - 1))
        level = np.uint8(request.seed * 37 % 120 + round(60 * request.t))
        pixels = self.noise[at : at + self.size] + level
        pixels.flags.writeable = False
        time.sleep(max(0.0, self.seconds - (time.perf_counter() - start)))
        return Frame(pixels, request, {"total": (time.perf_counter() - start) * 1e3})


def main() -> int:
    """Play; return 1 if more was held than allowed."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--seeds", type=int, default=40)
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--frame-ms", type=float, default=0.0)
    parser.add_argument("--cache")
    options = parser.parse_args()
    picture = (options.side, options.side)
    budget = parse_budget(options.cache, picture) or default_budget(picture)
    process = psutil.Process()
    with tempfile.TemporaryDirectory() as folder:
        session = Session(
            lambda: NoiseRenderer(seconds=options.frame_ms / 1e3, size=options.side),
            Request("cat -> kitten"),
            picture=picture,
            folder=Path(folder),
            budget=budget,
        )
        session.start()
        before = process.memory_info().rss
        most = kept = 0
        each = options.minutes * 60 / options.seeds
        started = last = printed = time.perf_counter()
        seed = 0
        rendered: set[int] = set()
        while seed < options.seeds:
            now = time.perf_counter()
            into = now - started - seed * each
            if into >= each:
                seed += 1
                session.state.change_seed(1)
            recording = seed % 2 == 1 and 0.2 * each < into < 0.8 * each
            busy = session.keeping.recorder is not None
            if recording != busy and session.keeping.finishing is None:
                session.keeping.record()
            session.turn(min(now - last, 0.1), now, (200.0 * (-1) ** int(into), 0.0))
            last = now
            kept = max(kept, session.state.cache.kept)
            most = max(most, process.memory_info().rss)
            rendered.add(seed)
            if now - printed >= 10:
                printed = now
                print(
                    f"{now - started:6.0f} s  seed {seed:3}  {len(session.state.cache):5} frames  "
                    f"{session.state.cache.kept / MB:6.0f} MB kept  "
                    f"{process.memory_info().rss / MB:6.0f} MB held",
                    flush=True,
                )
            time.sleep(max(0.0, 1 / 60 - (time.perf_counter() - now)))
        session.finish()
        session.close()
    print(
        f"budget {budget / MB:.0f} MB; most kept {kept / MB:.0f} MB; process {before / MB:.0f} MB "
        f"before, {most / MB:.0f} MB at most; {len(rendered)} seeds"
    )
    return int(kept > budget or most > before + budget + MARGIN)


if __name__ == "__main__":
    sys.exit(main())
