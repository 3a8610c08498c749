"""What goes over the wire, and how much of it."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from player.web.client.connection import Connection
from player.web.client.remote import RemoteRenderer
from player.web.wire.flow import FAR_SECONDS, Flow
from player.web.wire.pictures import decode
from runtime.errors import ExpressionError, RequestError
from runtime.pipeline import Pipeline
from runtime.request import Request
from tests.player.fakes import FakeRenderer, picture
from tests.player.web.served import Client, Two, serving


def test_a_move_is_answered_by_its_picture(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        client = Client.ready(served, "?lossless=1")
        n = client.say(do="move", x=1237, y=2000)
        asked = client.picture_at(1237)
        assert asked[0]["type"] == "image/png"
        np.testing.assert_array_equal(decode(asked[1]), picture(Request(**asked[0]["request"])))
        client.until(lambda: client.state["heard"] == n)
        assert client.state["x"] == 1237
        assert client.state["performer"] == client.heard[0]["you"]


def test_lossless_pictures_are_those_of_the_pipeline_to_the_pixel(tmp_path: Path) -> None:
    with (
        Pipeline.open("critters") as local,
        serving(
            tmp_path,
            open_renderer=lambda: Pipeline.open("critters"),
            picture=local.size,
            lossless=True,
        ) as served,
    ):
        client = Client(served)
        client.until(lambda: client.state.get("engine"), 60)
        for x in (0, 1237, 4000):
            client.say(do="move", x=x, y=2000)
            header, data = client.picture_at(x)
            np.testing.assert_array_equal(
                decode(data), local.render(Request(**header["request"])).pixels
            )


def test_one_picture_is_in_flight_and_the_newest_is_behind_it(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        client = Client(served, acks=False)
        client.until(lambda: client.pictures)
        for x in range(10, 400, 10):
            client.say(do="move", x=x, y=2000)
            client.take(0.01)
        while client.take(0.3) is not None:
            pass
        assert len(client.pictures) == 1, "pictures came that nobody had room for"
        assert sum(h.get("say") == "state" for h in client.heard) <= 4
        for received in client.heard:
            client.tell(do="ack", seq=received["seq"])
        client.acks = True
        client.until(lambda: client.state["x"] == 390)
        client.until(lambda: len(client.pictures) > 1)
        assert client.pictures[1][0]["request"]["t"] == 390 / 4000, "what came was not the newest"


def test_what_the_browser_has_is_not_sent_again_until_it_is_forgotten(tmp_path: Path) -> None:
    def came(t: float) -> list[int]:
        return [p[0]["seq"] for p in client.pictures if p[0]["request"]["t"] == t]

    with serving(tmp_path) as served:
        client = Client.ready(served)
        for x in (400, 800, 400, 800, 400):
            client.say(do="move", x=x, y=2000)
            client.stands_at(x)
            client.picture_at(x)
        time.sleep(0.1)
        assert len(came(0.1)) == len(came(0.2)) == 1
        client.tell(do="forget", seqs=came(0.2))
        client.say(do="move", x=800, y=2000)
        client.until(lambda: len(came(0.2)) == 2)


def test_what_was_kept_of_an_earlier_connection_is_not_sent_again(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        first = Client(served, "?client=ab12")
        first.until(lambda: len(first.pictures) >= 401, 30)
        kept = {p[0]["request"]["t"]: p[0]["seq"] for p in first.pictures}
        lost = min(kept), max(kept)
        last = max(received["seq"] for received in first.heard)
        first.close()
        again = Client(served, f"?client=ab12&seq={last}")
        again.until(lambda: again.state.get("settings"))
        request = {"expression": "cat -> kitten", "seed": 0}
        places = [[seq, t, 0.0] for t, seq in kept.items() if t not in lost]
        u = again.state["request"]["u"]
        for first_place in range(0, len(places), 200):
            part = [[seq, t, u] for seq, t, _ in places[first_place : first_place + 200]]
            again.tell(do="have", request=request, places=part)
        again.until(lambda: {p[0]["request"]["t"] for p in again.pictures} >= set(lost))
        while again.take(0.5) is not None:
            pass
        assert all(received["seq"] > last for received in again.heard)
        sent = [p[0]["request"]["t"] for p in again.pictures if p[0]["request"]["t"] not in lost]
        assert len(sent) <= 2, "more than what was on its way as it told"
        again.tell(do="forget", seqs=[kept[0.5]])
        again.until(lambda: 0.5 in {p[0]["request"]["t"] for p in again.pictures})


def test_a_picture_is_drawn_where_the_client_will_be(tmp_path: Path) -> None:
    with serving(tmp_path, open_renderer=lambda: FakeRenderer(seconds=0.03)) as served:
        client = Client.ready(served)
        client.say(do="move", x=2000, y=2000, ahead=[2405, 2000])
        client.picture_at(2405)
        client.until(lambda: client.state["x"] == 2000)
        came = [p[0]["request"]["t"] for p in client.pictures if p[0]["kind"] == "live"]
        assert came[-1] == 2405 / 4000
        client.say(do="move", x=3005, y=2000)
        client.picture_at(3005)


def test_another_model_is_met_anew(tmp_path: Path) -> None:
    with serving(tmp_path, models=Two()) as served:
        client = Client(served)
        client.until(lambda: client.pictures and client.state.get("engine"))
        before = len(client.pictures)
        client.say(do="act", name="model", value=None)
        client.until(lambda: sum(h.get("say") == "welcome" for h in client.heard) == 2)
        first = client.state["request"]["t"]
        client.until(lambda: any(p[0]["request"]["t"] == first for p in client.pictures[before:]))
        client.until(lambda: client.state.get("engine"))


def test_no_picture_of_the_last_model_comes_after_the_welcome_of_the_next(tmp_path: Path) -> None:
    with serving(tmp_path, models=Two(), lossless=True) as served:
        client = Client(served)
        client.until(lambda: client.pictures and client.state.get("engine"))
        client.say(do="act", name="model", value=None)
        client.until(lambda: sum(h.get("say") == "welcome" for h in client.heard) == 2)
        met = max(h["seq"] for h in client.heard if h.get("say") == "welcome")
        came = client.until(lambda: [p for p in client.pictures if p[0]["seq"] > met])
        for header, data in came:
            drawn = 255 - picture(Request(**header["request"]))
            np.testing.assert_array_equal(decode(data), drawn, str(header))


def test_idle_time_sends_the_rest_of_the_line_ahead(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        client = Client(served)
        client.until(lambda: len({p[0]["request"]["t"] for p in client.pictures}) == 401, 30)
        kinds = [p[0]["kind"] for p in client.pictures]
        assert kinds.count("ahead") >= 400 - kinds.count("live")
        assert len(client.pictures) == 401, "some were sent twice"


def test_a_line_that_does_not_fit_into_the_clients_cache_is_not_sent_ahead_for_ever(
    tmp_path: Path,
) -> None:
    with serving(tmp_path) as served:
        client = Client(served, acks=False)
        kept: list[int] = []
        while (received := client.take(1.0 if len(kept) == 100 else 10.0)) is not None:
            assert len(client.pictures) < 401, "the line is sent again and again"
            if "say" not in received:
                kept.append(received["seq"])
            if len(kept) > 100:
                client.tell(do="forget", seqs=[kept.pop(0)])
            client.tell(do="ack", seq=received["seq"])
        client.acks = True
        client.say(do="move", x=3990, y=2000)  # what is asked for comes
        client.picture_at(3990)


def test_far_links_have_two_in_flight() -> None:
    for trip, window in ((FAR_SECONDS / 4, 1), (FAR_SECONDS * 2, 2)):
        link, now = Flow(), 0.0
        for _ in range(5):
            seq = link.send_state(now)
            now += trip
            link.ack(seq, now)
        assert link.window == window
        for t in (0.0, 0.25, 0.5):
            if link.takes_picture:
                link.send_picture(Request("cat -> kitten", t), now)
        assert link.in_flight == window


def test_a_remote_renderer_draws_what_the_server_draws(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        connection = Connection(served.url, lossless=True)
        renderer = RemoteRenderer(connection)
        request = Request("cat -> kitten", 0.123, seed=5)
        frame = renderer.render(request)
        np.testing.assert_array_equal(frame.pixels, picture(request))
        assert frame.request == request
        assert not frame.pixels.flags.writeable
        ours, theirs = renderer.plan(request), served.stage.inquiries.planner.plan(request)
        np.testing.assert_array_equal(ours.weights(0.3, 0.5), theirs.weights(0.3, 0.5))
        assert ours.tokens == theirs.tokens
        with pytest.raises(ExpressionError) as refused:
            renderer.check(Request("cat -> (kitten"))
        assert refused.value.column == 7
        with pytest.raises(RequestError, match="no table for 77 steps"):
            renderer.render(Request("cat -> kitten", steps=77))
        renderer.close()
        connection.close()
