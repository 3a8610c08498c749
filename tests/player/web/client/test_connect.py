"""``wordmorph play --connect``: a window whose pictures come from a server.

It tests ``web/client`` together with ``commands/playing/connect.py``, which opens it.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pygame
import pytest

from player.commands.playing.connect import connect_to
from player.options import RequestOptions
from player.session.motion.moment import Moment
from player.web.client.connection import Connection
from player.web.client.remote import RemoteRenderer
from player.web.server import app, roles
from player.window.window import Window
from runtime.errors import BundleError, ExpressionError, FrameCancelled, RequestError
from runtime.request import Request
from tests.player.fakes import FakeRenderer, picture
from tests.player.web.browser import until
from tests.player.web.served import Client, Served, Two, port_of_its_own, serving
from tests.player.web.shaping import shaped

pytestmark = pytest.mark.usefixtures("dummy_display")


Script = Iterator[None]
"""yields once a turn of the window"""


def press(key: str) -> None:
    pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=ord(key), mod=0, unicode=key))


class Clock:
    """The window's clock, which goes on with a script each turn and looks at what is shown."""

    def __init__(self) -> None:
        self.script: Script | None = None
        self.done = False
        self.ends = time.monotonic() + 60

    def __call__(self) -> float:
        assert time.monotonic() < self.ends, "what the script waits for does not happen"
        if self.script is not None and not self.done:
            try:
                next(self.script)
            except StopIteration:
                self.done = True
                pygame.event.post(pygame.event.Event(pygame.QUIT))
        return time.perf_counter()


def play(
    served: Served, script: Callable[[Window], Script], expression: str | None = None
) -> Window:
    """Let a script play a window on a server to its end, and return the window."""
    remote = connect_to(served.url, expression, RequestOptions(), t=0.0, u=0.5)
    clock = Clock()
    window = Window(
        remote.model.open,
        remote.request,
        picture=remote.model.picture,
        invocation=remote.invocation,
        check=remote.model.check,
        models=remote.models,
        controllers=(remote.follow,),
        now=clock,
    )
    clock.script = script(window)
    window.run()
    assert clock.done
    return window


def a_few_keys(served: Served, window: Window) -> Script:
    here, there = window.state, served.session.state
    while here.frame is None or here.frame.request != here.request:
        yield
    press("5")
    while there.playhead.point[0] != 2000 or here.frame.request.t != 0.5:
        yield
    press("n")
    press("n")
    while there.request.seed != 2 or here.frame.request != there.request:
        yield


def test_a_window_plays_the_servers_session(tmp_path: Path) -> None:
    with serving(tmp_path, "cat -> fox", lossless=True) as served:

        def script(window: Window) -> Script:
            yield from a_few_keys(served, window)
            shown = window.state.frame
            assert shown is not None
            np.testing.assert_array_equal(shown.pixels, picture(shown.request))

        last = play(served, script).state.request
        assert last.expression == "cat -> fox"
        assert last.seed == 2
        until(lambda: not served.stage.viewers, what="the end of the connection")


def test_a_window_brings_its_own_words(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        with pytest.raises(ExpressionError):
            connect_to(served.url, "cat -> (kitten", RequestOptions(), t=0.0, u=0.5)
        with pytest.raises(RequestError, match="no table for 77 steps"):
            connect_to(served.url, "cat -> fox", RequestOptions(steps=77), t=0.0, u=0.5)
        play(served, lambda window: a_few_keys(served, window), "cat -> fox")
        assert served.session.state.request.expression == "cat -> fox"


def test_a_window_without_words_plays_on_with_the_options_that_were_typed(tmp_path: Path) -> None:
    with serving(tmp_path, "cat -> fox") as served:
        first = Client.ready(served)
        first.say(do="change", request={"seed": 5, "t": 0.25, "edit": "tail"})
        first.until(lambda: first.state["request"]["seed"] == 5)
        asked = connect_to(
            served.url, None, RequestOptions(seed=7), t=0.0, u=0.75, typed=frozenset({"seed", "u"})
        )
        asked.close()
        assert asked.request == Request("cat -> fox", 0.25, 0.75, seed=7, edit="tail")
        with pytest.raises(RequestError, match="no table for 77 steps"):
            connect_to(
                served.url, None, RequestOptions(steps=77), t=0.0, u=0.5, typed=frozenset({"steps"})
            )


def test_a_window_follows_who_performs(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        performer = Client.ready(served)

        def script(window: Window) -> Script:
            performer.say(do="change", request={"seed": 9, "t": 0.25})
            while window.state.frame is None or window.state.frame.request.seed != 9:
                performer.take(0.001)
                yield
            press("n")
            while not performer.state.get("asking"):
                performer.take(0.001)
                yield
            assert served.session.state.request.seed == 9

        last = play(served, script).state.request
        assert (last.seed, last.t) == (9, 0.25)


def test_who_comes_to_a_full_server_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "MOST_VIEWERS", 1)
    with serving(tmp_path) as served:
        first = Client.ready(served)
        with pytest.raises(RequestError, match=r"refuses \(too many viewers\)"):
            Connection(served.url)
        first.close()
        until(lambda: not served.stage.viewers, what="the end of the first")
        Connection(served.url).close()


def test_a_window_that_plays_by_itself_hands_over_when_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(roles, "YIELD_SECONDS", 1.0)
    with serving(tmp_path) as served:

        def script(window: Window) -> Script:
            here = window.state
            while here.frame is None:
                yield
            other = Client(served)

            def performs() -> bool:
                other.take(0.001)
                return bool(other.you and other.state.get("performer") == other.you)

            press(" ")
            while other.state.get("x", 0) < 40:
                performs()
                yield
            other.tell(do="control", want=True)
            while f"viewer {other.you} asks to perform" not in here.notice:
                performs()
                yield
            while not performs():
                yield
            while here.playhead.playing:
                yield
            assert "watching" in here.notice
            other.say(do="change", request={"seed": 9})
            while here.request.seed != 9:
                performs()
                yield
            assert performs(), "the window took the controls back"
            assert other.state["asking"] == []

        play(served, script)


def test_the_difference_of_the_marks_is_nobodys_picture(tmp_path: Path) -> None:
    with serving(tmp_path, lossless=True) as served:
        performer = Client.ready(served)
        for x, mark in ((400, "mark_a"), (3600, "mark_b")):
            performer.say(do="move", x=x, y=2000)
            performer.picture_at(x)
            performer.say(do="act", name=mark, value=None)
        connection = Connection(served.url)
        renderer = RemoteRenderer(connection)
        request = Request(**performer.state["request"])
        until(lambda: connection.picture(request), what="the picture")
        performer.say(do="act", name="difference", value=None)
        performer.until(lambda: any(p[0]["kind"] == "difference" for p in performer.pictures))
        until(lambda: connection.state["difference"], what="the news")
        time.sleep(0.3)  # it may come after the news
        np.testing.assert_array_equal(renderer.render(request).pixels, picture(request))
        connection.close()


def test_a_window_plays_on_with_the_servers_next_model(tmp_path: Path) -> None:
    with serving(tmp_path, models=Two(), lossless=True) as served:
        performer = Client.ready(served)

        def shows(window: Window, draw: int) -> bool:
            performer.take(0.001)
            frame = window.state.frame
            drawn = None if frame is None else np.abs(draw - picture(frame.request).astype(int))
            return drawn is not None and np.array_equal(frame.pixels, drawn)  # type: ignore[union-attr]

        def script(window: Window) -> Script:
            while not shows(window, 0):
                yield
            performer.say(do="act", name="model", value=None)
            while not shows(window, 255):
                yield
            performer.say(do="move", x=2500, y=2000)
            while window.state.request.t != 0.625 or not shows(window, 255):
                yield

        window = play(served, script)
        with pytest.raises(BundleError, match="plays critters, not other"):
            window.session.played.other_of(Moment(window.session.state.request, "other"))


def test_y_hands_over_at_once_to_who_asks(tmp_path: Path) -> None:
    with serving(tmp_path) as served:

        def script(window: Window) -> Script:
            here = window.state
            while here.frame is None:
                yield
            other = Client(served)
            press("y")
            while here.notice != "nobody asks to perform":
                yield
            other.tell(do="control", want=True)
            while "Y hands over" not in here.notice:
                yield
            press("y")
            while other.state.get("performer") != other.you:
                other.take(0.001)
                yield
            while "watching" not in here.notice:
                yield
            press("y")
            while here.notice != "watching: only the performer hands over":
                yield

        play(served, script)


def test_far_away_many_pictures_come_in_a_round_trip(tmp_path: Path) -> None:
    """What the server shows on the way is shown here too, not one picture a round trip."""
    trip, seconds = 0.25, 2.0
    with (
        serving(tmp_path, "cat -> fox", lossless=True) as served,
        shaped(served.port, round_trip=trip, bits=50e6) as port,
    ):

        def script(window: Window) -> Script:
            state = window.state
            while state.frame is None or state.frame.request != state.request:
                yield
            window.session.stats.pictures.clear()
            began, place = time.monotonic(), 0
            while time.monotonic() < began + seconds:
                place = min(place + 7, 3999)
                state.playhead = replace(state.playhead, x=float(place))
                yield
            while state.frame.request != state.request:
                yield
            np.testing.assert_array_equal(state.frame.pixels, picture(state.request))

        window = play(replace(served, port=port), script)
        assert len(window.session.stats.pictures) > seconds / trip, "two are in flight"


def test_a_window_whose_server_went_away_says_so_and_closes(tmp_path: Path) -> None:
    with serving(tmp_path) as served:

        def script(window: Window) -> Script:
            while window.state.frame is None:
                yield
            served.stop()
            press("n")  # a picture that nobody draws any more
            while "answer" not in window.state.notice:
                yield
            with pytest.raises(RequestError, match=r"answer.*: nothing has changed"):
                window.session.write("cat -> fox")
            press("e")
            for _ in range(5):
                yield

        last = play(served, script).state.request
        assert (last.expression, last.edit) == ("cat -> kitten", "word")
        until = time.monotonic() + 20
        while left := [
            one for one in threading.enumerate() if one.name in ("render", "connection")
        ]:
            assert time.monotonic() < until, left
            time.sleep(0.02)


def test_a_window_brings_a_server_that_was_started_again_to_where_it_stood(tmp_path: Path) -> None:
    with contextlib.ExitStack() as opened:
        port = port_of_its_own()
        served = opened.enter_context(serving(tmp_path, port=port))

        def script(window: Window) -> Script:
            while window.state.frame is None:
                yield
            press("n")
            press("7")
            while served.session.state.request.t != 0.7:
                yield
            served.stop()
            again = opened.enter_context(serving(tmp_path, "cat -> fox", port=port))
            while again.session.state.request != window.state.request:
                yield

        last = play(served, script).state.request
        assert (last.expression, last.t, last.seed) == ("cat -> kitten", 0.7, 1)


def test_a_picture_that_is_waited_for_is_given_up(tmp_path: Path) -> None:
    with serving(tmp_path, open_renderer=lambda: FakeRenderer(seconds=0.3)) as served:
        connection = Connection(served.url)
        renderer = RemoteRenderer(connection)
        timer = threading.Timer(0.05, renderer.cancel)
        timer.start()
        with pytest.raises(FrameCancelled, match="given up"):
            renderer.render(Request("cat -> kitten", 0.123, seed=5))
        request = Request("cat -> kitten", 0.321, seed=5)
        assert renderer.render(request).request == request, "the next was touched"
        assert renderer.settings()["received_as"] == "JPEG"
        connection.close()
