"""A window in the hands of somebody who tries to break it: random keys, mouse, sizes and words.

    python -m tests.soak.window --minutes 30

The real window under SDL's dummy driver (or a real display, if SDL_VIDEODRIVER says so), and a
renderer that at random is slow, fails, or draws another size. Every ten seconds a line is printed:
seconds, events, MB held, threads, open files. The status is 1 if an exception came out, or if
memory, threads or open files grow after the first fifth of the time. The seed is printed.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
os.environ["PYGAME_HIDE_SUPPORT_PROMPT"] = "1"

import numpy as np
import psutil
import pygame

from player.session.actions import ACTIONS
from player.window.window import Window
from runtime.errors import EngineError
from runtime.request import Frame, Request
from tests.player.fakes import SIZE, FakeRenderer

MB = 1 << 20
BUDGET = 64 * MB
"""of the frame cache: small, so that it is full, and memory flat, after the first minutes"""
GROWTH = 80 * MB
"""bytes that may be held more at the end than after the first fifth"""
WORDS = ("cat -> kitten", "cat -> dog -> fox | -tabby .. tabby", "cat", "cat -> ", "a [cat -> fox]")
KEYS = tuple(
    getattr(pygame, f"K_{name}")
    for name in (
        *"abcdefghijklmnopqrstuvwxyz0123456789",
        *("LEFT", "RIGHT", "UP", "DOWN", "HOME", "END", "SPACE", "TAB", "RETURN", "SLASH"),
        *("COMMA", "PERIOD", *(f"F{number}" for number in range(1, 12))),
    )
)


@dataclass
class BadRenderer(FakeRenderer):
    """Slow, failing, or of another size, each now and then."""

    draws: random.Random = field(default_factory=random.Random)

    def render(self, request: Request) -> Frame:
        chance = self.draws.random()
        if chance < 0.02:
            time.sleep(self.draws.uniform(0.0, 1.0))
        elif chance < 0.05:
            raise EngineError("the latent is not finite: NaN")
        elif chance < 0.06:
            raise ValueError("what no engine should raise")
        frame = super().render(request)
        self.rendered.clear()
        if chance > 0.995:
            return Frame(np.zeros((16, 24, 3), np.uint8), request, frame.timings)
        return frame


def post(draws: random.Random, window: Window) -> None:
    """Post one random event, or give the window other words."""
    chance = draws.random()
    size = pygame.display.get_window_size()
    spot = draws.randrange(max(size[0], 1)), draws.randrange(max(size[1], 1))
    if chance < 0.6:
        key, mod = draws.choice(KEYS), draws.choice((0, 0, 0, pygame.KMOD_SHIFT, pygame.KMOD_CTRL))
        text = chr(key) if 32 < key < 127 else ""
        for kind in (pygame.KEYDOWN, pygame.KEYUP):
            pygame.event.post(pygame.event.Event(kind, key=key, mod=mod, unicode=text, scancode=0))
    elif chance < 0.85:
        kind = draws.choice((pygame.MOUSEBUTTONDOWN, pygame.MOUSEBUTTONUP, pygame.MOUSEMOTION))
        event = {"pos": spot, "button": 1, "buttons": (1, 0, 0), "rel": (0, 0), "touch": False}
        pygame.event.post(pygame.event.Event(kind, event))
    elif chance < 0.9:
        wheel = {"x": 0, "y": draws.choice((-3, -1, 1, 3)), "flipped": False}
        pygame.event.post(pygame.event.Event(pygame.MOUSEWHEEL, wheel))
    elif chance < 0.95:
        pygame.display.set_mode(
            (draws.randrange(1, 1600), draws.randrange(1, 1200)), pygame.RESIZABLE
        )
        window.canvas.forget()
    elif chance < 0.97:
        pygame.event.post(pygame.event.Event(pygame.TEXTINPUT, text=draws.choice("aż→ -[]|'\n")))
    else:
        try:
            window.session.write(draws.choice(WORDS))
        except Exception as error:  # the edit line shows it; anything but ours ends the soak
            if not type(error).__module__.startswith("runtime"):
                raise


def main() -> int:
    """Play; return 1 if something came out or grew."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    options = parser.parse_args()
    print(f"seed {options.seed}; {len(ACTIONS)} actions", flush=True)
    draws = random.Random(options.seed)
    process = psutil.Process()
    held: list[tuple[float, int, int, int]] = []
    events = [0]
    started = time.perf_counter()
    end = started + options.minutes * 60
    with tempfile.TemporaryDirectory() as folder:
        renderer = BadRenderer(draws=random.Random(options.seed + 1))
        window = Window(
            lambda: renderer,
            Request(WORDS[0]),
            picture=(SIZE, SIZE),
            folder=Path(folder),
            budget=BUDGET,
        )
        printed = [started]

        def now() -> float:
            at = time.perf_counter()
            if window.canvas.layout is not None:
                for _ in range(draws.randrange(1, 4)):
                    post(draws, window)
                    events[0] += 1
            window.state.closing = at > end
            if window.state.panels.fullscreen and draws.random() < 0.05:
                window.state.panels.fullscreen = False
            if at - printed[0] >= 10:
                printed[0] = at
                for kept in sorted(Path(folder).iterdir())[:-20]:
                    if kept.is_file():
                        kept.unlink(missing_ok=True)
                files = 0
                if sys.platform != "win32":
                    files = process.num_fds()
                held_now = process.memory_info().rss
                figures = (at - started, held_now, process.num_threads(), files)
                held.append(figures)
                print(
                    f"{figures[0]:6.0f} s  {events[0]:8} events  {figures[1] / MB:6.0f} MB  "
                    f"{figures[2]} threads  {figures[3]} files",
                    flush=True,
                )
            return at

        window._now = now
        window.run(options.minutes * 60 + 30)
    warm = [one for one in held if one[0] > options.minutes * 12]
    if len(warm) < 4:
        return 0
    early, late = warm[: len(warm) // 4], warm[-(len(warm) // 4) :]
    grown = max(one[1] for one in late) - max(one[1] for one in early)
    threads = max(one[2] for one in late) - max(one[2] for one in early)
    files = max(one[3] for one in late) - max(one[3] for one in early)
    print(f"{events[0]} events; grown by {grown / MB:.0f} MB, {threads} threads, {files} files")
    return int(grown > GROWTH or threads > 2 or files > 4)


if __name__ == "__main__":
    sys.exit(main())
