"""How fast and how soon the page shows pictures, measured in the page.

    python -m tests.player.web.figures [--minutes 30] [--stand-in 8]

Uses the built-in model, a headless Chromium, a window on Xvfb where that is here, and this machine
alone. ``--minutes`` adds a random play of that length, to see whether memory grows. ``--stand-in``
lets something draw that keeps all cores busy for so many milliseconds a picture: what a faster
machine's model would be, and what server, link and page take beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
from selenium import webdriver

from player.session.rendering.renderer import Renderer
from runtime.pipeline import Pipeline
from tests.player.fakes import BusyRenderer
from tests.player.web.browser import ask, key, open_browser, settled, until
from tests.player.web.served import Served, serving
from tests.player.web.shaping import shaped
from tests.support.screen import missing, screen

ROUND_TRIP = 0.1
BITS = 10e6


@dataclass(frozen=True, slots=True)
class Figures:
    """Milliseconds from inputs to their pictures, and pictures a second."""

    p50: float
    p99: float
    inputs: int
    rate: float
    render: float
    """milliseconds that the model takes"""
    oldest: float = 0.0
    """milliseconds since its place was passed, of any picture on show that was behind"""
    behind: int = 0
    """display frames whose picture was behind"""
    in_flight: int = 0

    def __str__(self) -> str:
        return (
            f"{self.rate:.0f} pictures a second (the model: {1e3 / max(self.render, 0.1):.0f}); "
            f"input to picture p50 {self.p50:.0f} ms, p99 {self.p99:.0f} ms of {self.inputs}; "
            f"oldest on show {self.oldest:.0f} ms of {self.behind} frames behind; "
            f"{self.in_flight} in flight at most"
        )


def clear(browser: webdriver.Chrome) -> None:
    ask(browser, "(w.picture.latencies.length = 0, w.picture.ages.length = 0, true)")


def figures(browser: webdriver.Chrome, served: Served, rate: float = 0.0) -> Figures:
    """Read what the page measured since ``clear``."""
    taken = np.array(ask(browser, "w.picture.latencies"))
    ages = ask(browser, "w.picture.ages")
    times = served.session.worker.milliseconds
    viewers = list(served.stage.viewers.values())
    return Figures(
        float(np.percentile(taken, 50)),
        float(np.percentile(taken, 99)),
        len(taken),
        rate,
        float(np.mean(times)) if times else 0.0,
        max(ages, default=0.0),
        len(ages),
        max((viewer.link.most_in_flight for viewer in viewers), default=0),
    )


def hold(
    browser: webdriver.Chrome, served: Served, *, shift: bool, seconds: float, seeds: int
) -> Figures:
    """Hold → from the start, each time with a seed that was never drawn.

    Pictures are counted for ``seconds``, from where the key begins to move on.
    """
    clear(browser)
    shown = lasted = 0.0
    for _ in range(seeds):
        fresh(browser, served)
        key(browser, "ArrowRight", kind="down", shift=shift)
        until(lambda: ask(browser, "w.head.speed > 0"), what="moving on")
        before, began = ask(browser, "[w.picture.shown, performance.now()]")
        time.sleep(seconds)
        after, ended = ask(browser, "[w.picture.shown, performance.now()]")
        key(browser, "ArrowRight", kind="up", shift=shift)
        settled(browser)
        shown += after - before
        lasted += (ended - began) / 1e3
    return figures(browser, served, shown / lasted)


def tap(browser: webdriver.Chrome, served: Served, taps: int = 40) -> Figures:
    """Press → now and then, always to a picture that nobody has drawn."""
    fresh(browser, served)
    clear(browser)
    for n in range(taps):
        if n % 10 == 9:
            fresh(browser, served, wait=False)
        key(browser, "ArrowRight", shift=n % 2 == 0)
        time.sleep(0.2 + 0.05 * (n % 3))
    settled(browser)
    return figures(browser, served)


def known(browser: webdriver.Chrome, served: Served) -> Figures:
    """Hold Shift and → over a line that the page holds already."""
    until(lambda: ask(browser, "(w.state.cached ?? []).length === 1"), 120, "the whole line")
    until(
        lambda: ask(browser, "w.store.series.get(w.picture.wanted.split('|')[0])?.size >= 401"),
        240,
        "the whole line in the page",
    )
    key(browser, "Home")
    settled(browser)
    clear(browser)
    before = ask(browser, "w.wire.received")
    for name in ("ArrowRight", "ArrowLeft", "ArrowRight"):
        key(browser, name, kind="down", shift=True)
        time.sleep(0.8)
        key(browser, name, kind="up", shift=True)
    settled(browser)
    assert ask(browser, "w.wire.received") == before, "a picture came over the network"
    return figures(browser, served)


def fresh(browser: webdriver.Chrome, served: Served, *, wait: bool = True) -> None:
    """Go to the start of a line that nobody has drawn."""
    seed = served.session.state.request.seed
    key(browser, "Home")
    key(browser, "n")
    until(lambda: served.session.state.request.seed == seed + 1)
    until(lambda: ask(browser, "w.state.request.seed") == seed + 1)
    if wait:
        settled(browser)


def window(served: Served, port: int, seeds: int = 3) -> Figures:
    """Play the same in a window that is a client: → pressed, then Shift and → held.

    Its figures are its own (``--stats``): scrub-to-screen of pictures that were not at hand.
    """
    with screen((1024, 768)) as shown, tempfile.TemporaryDirectory() as folder:
        stats = Path(folder) / "stats.json"
        address = served.url.replace(str(served.port), str(port))
        process = shown.play("play", "--connect", address, "--stats", str(stats))
        shown.window(process)
        time.sleep(4)
        first = served.session.state.request.seed
        for seed in range(seeds):
            shown.do("key", "n", "key", "Home", "sleep", 0.7)
            for _ in range(8):
                shown.do("key", "Right", "sleep", 0.25)
            shown.do("keydown", "shift", "keydown", "Right", "sleep", 1.2)
            shown.do("keyup", "Right", "keyup", "shift", "sleep", 1)
            assert served.session.state.request.seed == first + seed + 1, "it does not perform"
        viewers = list(served.stage.viewers.values())
        shown.do("key", "Escape")
        assert process.wait(30) == 0
        told = json.loads(stats.read_text())
    times = served.session.worker.milliseconds
    taken = told["scrub_unknown_ms"]
    return Figures(
        taken["p50"], taken["p99"], taken["count"], told["pictures_hz"], float(np.mean(times)),
        in_flight=max(viewer.link.most_in_flight for viewer in viewers),
    )  # fmt: skip


def soak(browser: webdriver.Chrome, served: Served, minutes: float) -> list[tuple[float, ...]]:
    """Play at random; return (minutes, server MB, page's heap MB, Chromium MB) now and then."""
    chance = random.Random(16)
    began = time.monotonic()
    rows: list[tuple[float, ...]] = []
    keys = ["ArrowRight", "ArrowLeft", " ", "n", "5", "Home", "End", "a", "b", "i", ",", "."]
    while (passed := (time.monotonic() - began) / 60) < minutes:
        name = chance.choice(keys)
        if name.startswith("Arrow") and chance.random() < 0.5:
            key(browser, name, kind="down", shift=chance.random() < 0.5)
            time.sleep(chance.random())
            key(browser, name, kind="up")
        else:
            key(browser, name)
            time.sleep(0.2 * chance.random())
        if passed >= len(rows) * minutes / 12:
            heap = ask(browser, "performance.memory?.usedJSHeapSize ?? 0")
            chromium = sum(
                child.memory_info().rss
                for child in psutil.Process().children(recursive=True)
                if "chrom" in child.name()
            )
            server = psutil.Process().memory_info().rss
            rows.append((passed, server / 1e6, heap / 1e6, chromium / 1e6))
    return rows


def main() -> None:
    """Print every figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=0.0)
    parser.add_argument("--stand-in", type=float, metavar="MS")
    asked = parser.parse_args()

    def opened() -> Renderer:
        if asked.stand_in is None:
            return Pipeline.open("critters")
        return BusyRenderer(asked.stand_in / 1e3, size=256)

    with (
        tempfile.TemporaryDirectory() as folder,
        serving(Path(folder), open_renderer=opened, picture=(256, 256)) as served,
        open_browser() as browser,
    ):
        browser.get(served.url)
        settled(browser, 120)
        print(f"{os.cpu_count()} cores, load {psutil.getloadavg()[0]:.1f}")
        print("Shift and → held: ", hold(browser, served, shift=True, seconds=0.9, seeds=5))
        print("→ held:           ", hold(browser, served, shift=False, seconds=3.0, seeds=2))
        print("→ pressed:        ", tap(browser, served))
        print("known positions:  ", known(browser, served))
        with shaped(served.port, round_trip=ROUND_TRIP, bits=BITS) as far:
            browser.get(served.url.replace(str(served.port), str(far)))
            settled(browser, 120)
            print("100 ms, 10 Mbit/s")
            print("  → pressed:      ", tap(browser, served))
            print("  → held:         ", hold(browser, served, shift=False, seconds=3.0, seeds=2))
            print("  Shift and → held", hold(browser, served, shift=True, seconds=0.9, seeds=3))
        if not missing():
            browser.get("about:blank")
            print("a window:         ", window(served, served.port))
            with shaped(served.port, round_trip=ROUND_TRIP, bits=BITS) as far:
                print("  100 ms, 10 Mbit/s", window(served, far))
        if asked.minutes:
            browser.get(served.url)
            settled(browser, 120)
            print("minutes, server MB, page's heap MB, Chromium MB")
            for row in soak(browser, served, asked.minutes):
                print("  ".join(f"{value:8.1f}" for value in row))
        print(f"load {psutil.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
