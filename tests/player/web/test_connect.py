"""``wordmorph play --connect``: a window whose pictures come from a server."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pygame
import pytest

from player.commands.playing.connect import connect_to
from player.options import Sampling
from player.window.window import Window
from runtime.errors import ExpressionError, RequestError
from tests.player.fakes import picture
from tests.player.web.browser import until
from tests.player.web.served import Client, Served, serving

pytestmark = pytest.mark.usefixtures("dummy_display")


class Clock:
    """The window's clock, which plays a few keys and looks at what is shown."""

    def __init__(self, served: Served) -> None:
        self.served = served
        self.window: Window | None = None
        self.script = self.play()
        self.done = False
        self.ends = time.monotonic() + 60

    def __call__(self) -> float:
        assert time.monotonic() < self.ends, "what the script waits for does not happen"
        if self.window is not None and not self.done:
            try:
                next(self.script)
            except StopIteration:
                self.done = True
                pygame.event.post(pygame.event.Event(pygame.QUIT))
        return time.perf_counter()

    def play(self) -> Iterator[None]:
        window, there = self.window, self.served.session.state
        assert window is not None
        here = window.state
        while here.frame is None or here.frame.request != here.request:
            yield
        pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=pygame.K_5, mod=0, unicode="5"))
        while there.playhead.point[0] != 2000 or here.frame.request.t != 0.5:
            yield
        for unicode in "nn":
            pygame.event.post(
                pygame.event.Event(pygame.KEYDOWN, key=pygame.K_n, mod=0, unicode=unicode)
            )
        while there.request.seed != 2 or here.frame.request != there.request:
            yield
        self.shown = here.frame


def open_window(served: Served, expression: str | None = None) -> tuple[Window, Clock]:
    remote = connect_to(served.url, expression, Sampling(), t=0.0, u=0.5)
    clock = Clock(served)
    window = Window(
        remote.open_renderer,
        remote.request,
        picture=remote.picture,
        invocation=remote.invocation,
        check=remote.check,
        controllers=(remote.follow,),
        now=clock,
    )
    return window, clock


def test_a_window_plays_the_servers_session(tmp_path: Path) -> None:
    with serving(tmp_path, "cat -> fox", lossless=True) as served:
        window, clock = open_window(served)
        clock.window = window
        last = window.run()
        assert clock.done
        assert last.expression == "cat -> fox"
        assert last.seed == 2
        np.testing.assert_array_equal(clock.shown.pixels, picture(clock.shown.request))
        until(lambda: not served.stage.viewers, what="the end of the connection")


def test_a_window_brings_its_own_words(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        with pytest.raises(ExpressionError):
            connect_to(served.url, "cat -> (kitten", Sampling(), t=0.0, u=0.5)
        with pytest.raises(RequestError, match="no table for 77 steps"):
            connect_to(served.url, "cat -> fox", Sampling(steps=77), t=0.0, u=0.5)
        window, clock = open_window(served, "cat -> fox")
        clock.window = window
        window.run()
        assert served.session.state.request.expression == "cat -> fox"


def test_a_window_follows_who_performs(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        performer = Client(served)
        performer.until(lambda: performer.state.get("engine"))
        window, clock = open_window(served)

        def script() -> Iterator[None]:
            performer.say(do="change", request={"seed": 9, "t": 0.25})
            while window.state.frame is None or window.state.frame.request.seed != 9:
                performer.take(0.001)
                yield
            pygame.event.post(
                pygame.event.Event(pygame.KEYDOWN, key=pygame.K_n, mod=0, unicode="n")
            )
            while not performer.state.get("asking"):
                performer.take(0.001)
                yield
            assert served.session.state.request.seed == 9

        clock.script = script()
        clock.window = window
        last = window.run()
        assert clock.done
        assert (last.seed, last.t) == (9, 0.25)
