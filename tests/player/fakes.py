"""A renderer without a model: the picture is a plain function of the request."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from player.session.rendering.renderer import Renderer
from player.session.session import Session
from runtime.errors import EngineError, RequestError
from runtime.language.expression import parse
from runtime.mixing.mix import Plan, plan
from runtime.mixing.tokens import Tokenizer, Tokens
from runtime.request import Frame, Request

SIZE = 64


class Words:
    """A tokenizer that takes each word for a token."""

    length = 77

    def tokens(self, prompt: str) -> Tokens:
        offsets, at = [(0, 0)], 0
        words = prompt.split()
        for word in words:
            start = prompt.index(word, at)
            at = start + len(word)
            offsets.append((start, at))
        offsets.append((len(prompt), len(prompt)))
        return Tokens(prompt, (0,) * self.length, ("BOS", *words, "EOS"), tuple(offsets))


@dataclass
class FakeEngine:
    name: str = "gradient"
    precision: str = "f32"


@dataclass
class FakeRenderer:
    """Draws a gradient with a disc at (t, u), tinted by the seed; ``seconds`` a frame."""

    seconds: float = 0.0
    size: int = SIZE
    refuse: tuple[float, ...] = ()
    engine: FakeEngine = field(default_factory=FakeEngine)
    rendered: list[Request] = field(default_factory=list)
    closed: bool = False
    metadata: dict[str, Any] = field(default_factory=dict)

    def check(self, request: Request) -> None:
        parse(request.expression)

    def plan(self, request: Request) -> Plan:
        return plan(parse(request.expression), cast(Tokenizer, Words()), edit=request.edit)

    def render(self, request: Request) -> Frame:
        assert not self.closed
        if self.seconds:
            time.sleep(self.seconds)
        if request.t in self.refuse:
            raise EngineError("the latent is not finite:\nlower the weights")
        self.rendered.append(request)
        pixels = picture(request, self.size)
        return Frame(pixels, request, {"total": max(self.seconds * 1e3, 1.0)})

    def settings(self) -> dict[str, Any]:
        return {"model": "fake", **self.metadata}

    def close(self) -> None:
        self.closed = True


CORES = os.cpu_count() or 1
BLOCK = bytes(1 << 20)


@dataclass
class BusyRenderer(FakeRenderer):
    """Keeps all cores busy for ``seconds`` a frame, as a model does that draws so fast: outside the
    interpreter's lock, in threads that the render thread starts. The picture moves along with t.
    """

    pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(CORES))

    def render(self, request: Request) -> Frame:
        began = time.perf_counter()
        shift = round(request.t * 4000) % self.size
        pixels = np.roll(_still(request.seed, self.size), shift, axis=1)
        list(self.pool.map(_work, [began + self.seconds] * CORES))
        self.rendered.append(request)
        return Frame(pixels, request, {"total": (time.perf_counter() - began) * 1e3})


def _work(until: float) -> None:
    while time.perf_counter() < until:
        sha256(BLOCK)


@lru_cache
def _still(seed: int, size: int) -> NDArray[np.uint8]:
    return picture(Request("cat", t=0.5, seed=seed), size)


def picture(request: Request, size: int = SIZE) -> NDArray[np.uint8]:
    """Return uint8 [size, size, 3]; every tick of t gives other pixels."""
    y, x = np.mgrid[0:size, 0:size] / (size - 1)
    at_x, at_y = 0.15 + 0.7 * request.t, 0.85 - 0.7 * request.u
    disc = np.clip(1 - ((x - at_x) ** 2 + (y - at_y) ** 2) * 18, 0, 1)
    tint = np.random.default_rng(request.seed).random(3)
    storm = 1 / (1 + np.exp(-(request.t - 0.62) * 120))
    light = np.stack(
        [
            0.25 * x + disc * tint[0] + 0.3 * storm * y,
            0.3 * y + disc * tint[1],
            0.35 - 0.3 * storm * x + disc * tint[2],
        ],
        axis=-1,
    )
    pixels: NDArray[np.uint8] = (np.clip(light, 0, 1) * 255).astype(np.uint8)
    pixels[0, 0] = np.frombuffer(round(request.t * 4000).to_bytes(3, "big"), np.uint8)
    pixels.flags.writeable = False
    return pixels


def turn(session: Session, times: int) -> None:
    """Let so many sixtieths of a second pass."""
    for count in range(times):
        session.turn(1 / 60, count / 60)


def session_of(
    folder: Path,
    expression: str = "cat -> kitten",
    open_renderer: Callable[[], Renderer] = FakeRenderer,
    t: float = 0.0,
    **more: Any,
) -> Session:
    """Return a session that does all work in this thread and keeps what it makes in ``folder``."""
    request = Request(expression, t=t)
    return Session(
        open_renderer, request, picture=(SIZE, SIZE), folder=folder, threads=False, **more
    )


def started(*given: Any, **more: Any) -> Session:
    """Return a ``session_of`` what is given that has begun."""
    made = session_of(*given, **more)
    made.start()
    return made


def ticking(session: Session, before: Callable[[], object] = lambda: None) -> Callable[[int], None]:
    """Return what turns a session so many times at 60 turns a second, ``before`` each of them."""
    clock = [0.0]

    def turn(count: int) -> None:
        for _ in range(count):
            clock[0] += 1 / 60
            before()
            session.turn(1 / 60, clock[0])

    return turn


def refuse_fish(request: Request) -> None:
    """A check of a model that was taught no fish."""
    if "fish" in request.expression:
        raise RequestError("no fish")
