"""What goes over the wire, and how much of it."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from player.session.actions import ACTIONS
from player.web.client.connection import Connection
from player.web.client.remote import RemoteRenderer
from player.web.server.shown import PAGE_ACTIONS
from player.web.wire.flow import FAR_SECONDS, Flow
from player.web.wire.messages import MAX_BYTES, WireError, read
from player.web.wire.pictures import decode, pack, unpack
from runtime.errors import ExpressionError, RequestError
from runtime.pipeline import Pipeline
from runtime.request import Request
from tests.player.fakes import FakeRenderer, picture
from tests.player.web.served import Client, Two, serving


def test_a_move_is_answered_by_its_picture(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        client = Client(served, "?lossless=1")
        client.until(lambda: client.state.get("engine"))
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
        client = Client(served)
        client.until(lambda: client.state.get("engine"))
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
        client = Client(served)
        client.until(lambda: client.state.get("engine"))
        client.say(do="move", x=2000, y=2000, ahead=[2405, 2000])
        client.picture_at(2405)
        client.until(lambda: client.state["x"] == 2000)
        came = [p[0]["request"]["t"] for p in client.pictures if p[0]["kind"] == "live"]
        assert came[-1] == 2405 / 4000
        client.say(do="move", x=3005, y=2000)
        client.picture_at(3005)


def test_the_command_is_copied_and_the_difference_of_the_marks_is_sent(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        client = Client(served)
        client.until(lambda: client.state.get("engine"))
        n = client.say(do="act", name="copy", value=None)
        received = client.until(
            lambda: next((h for h in client.heard if h.get("say") == "copied"), 0)
        )
        assert received["n"] == n
        assert received["text"].startswith("wordmorph play"), received
        for x, mark in ((400, "mark_a"), (3600, "mark_b")):
            client.say(do="move", x=x, y=2000)
            client.picture_at(x)
            client.say(do="act", name=mark, value=None)
        client.until(lambda: len(client.state["marks"]) == 2)
        assert client.state["marks"] == [["A", 0.1, 0.5, 0], ["B", 0.9, 0.5, 0]]
        for _ in range(2):  # shown again as it was
            count = len(client.pictures)
            client.say(do="act", name="difference", value=None)
            client.until(lambda: client.state["difference"])
            client.until(
                lambda count=count: any(  # type: ignore[misc]
                    p[0]["kind"] == "difference" for p in client.pictures[count:]
                )
            )
            client.say(do="act", name="difference", value=None)
            client.until(lambda: not client.state["difference"])


def test_a_tap_on_the_page_counts_when_it_is_heard(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        client = Client(served)
        client.until(lambda: client.state.get("engine"))
        began = time.perf_counter()
        client.hears(client.say(do="act", name="tap", value=None))
        first = time.perf_counter()
        time.sleep(0.3)
        client.hears(client.say(do="act", name="tap", value=None))
        tempo = served.session.beats.tempo
        assert tempo is not None
        assert began <= tempo.start <= first


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


def test_a_picture_that_cannot_be_drawn_is_refused_to_who_asked_for_it_alone(
    tmp_path: Path,
) -> None:
    def renderer() -> FakeRenderer:
        return FakeRenderer(seconds=0.1, refuse=(0.25,))

    with serving(tmp_path, open_renderer=renderer) as served:
        first, second = Client(served), Client(served)
        first.until(lambda: first.state.get("engine"))
        asked = {"expression": "cat -> kitten", "seed": 5}
        bad = first.say(do="ask", request={**asked, "t": 0.25})
        good = [second.say(do="ask", request={**asked, "t": t}) for t in (0.5, 0.75)]

        def refused(client: Client) -> list[dict[str, object]]:
            return [h for h in client.heard if h.get("say") == "refused"]

        first.until(lambda: refused(first))
        assert [h["n"] for h in refused(first)] == [bad]
        second.until(lambda: {h.get("answers") for h in second.heard} >= set(good))
        assert not refused(second)


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


def test_an_expression_that_cannot_be_read_changes_nothing(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        client = Client(served)
        client.until(lambda: client.state.get("engine"))
        n = client.say(do="change", request={"expression": "cat -> (kitten"})
        received = client.until(
            lambda: next((h for h in client.heard if h.get("say") == "refused"), None)
        )
        assert received["n"] == n
        assert received["text"][received["column"]] == "(", received
        assert served.session.state.request.expression == "cat -> kitten"
        client.say(do="change", request={"seed": 7, "expression": "cat -> fox"})
        client.until(lambda: client.state["request"]["seed"] == 7)
        assert client.state["request"]["expression"] == "cat -> fox"


def test_every_action_can_be_done_and_none_ends_the_server(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        client = Client(served)
        client.until(lambda: client.state.get("engine"))
        for action in ACTIONS:
            n = client.say(do="act", name=action.name, value=None)
            client.hears(n)
        refused = [h for h in client.heard if h.get("say") == "refused"]
        assert len(refused) == len(PAGE_ACTIONS & {action.name for action in ACTIONS}), refused
        n = client.say(do="act", name="seek", value=1.5)
        client.until(lambda: any(h.get("say") == "refused" and h["n"] == n for h in client.heard))
        client.say(do="move", x=4, y=2000)
        client.until(lambda: client.state["x"] == 4)


def test_page_actions_are_rows_of_the_table() -> None:
    assert {action.name for action in ACTIONS} >= PAGE_ACTIONS


def test_a_still_is_offered_and_taken_home(tmp_path: Path) -> None:
    import urllib.error
    import urllib.request

    from tests.player.web.served import TOKEN

    with serving(tmp_path) as served:
        client = Client(served)
        client.until(lambda: client.state.get("shown") is not None)
        client.say(do="act", name="save", value=None)
        [[number, name]] = client.until(lambda: client.state.get("kept"))
        url = f"http://127.0.0.1:{served.port}/kept/{number}"
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(url)
        asked = urllib.request.Request(url, headers={"Authorization": f"Bearer {TOKEN}"})
        with urllib.request.urlopen(asked) as answer:
            assert answer.read() == (tmp_path / name).read_bytes()


def test_a_recording_and_its_take_are_offered_and_no_folder_is_told(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        client = Client(served)
        client.until(lambda: client.state.get("shown") is not None)
        client.say(do="act", name="record", value=None)
        notice = client.until(
            lambda: "recording" in client.state["notice"] and client.state["notice"]
        )
        assert str(tmp_path) not in notice
        assert ".mp4" in notice
        client.until(lambda: client.state["recording"] is not None)
        client.say(do="act", name="record", value=None)
        client.until(lambda: len(client.state["kept"]) == 2)
        names = dict(client.state["kept"])
        assert sorted("".join(Path(name).suffixes[-2:]) for name in names.values()) == [
            ".mp4",
            ".take.json",
        ]
        for number, name in names.items():
            assert served.stage.kept.path(number) == tmp_path / name


def test_one_performs_and_hands_over_when_asked(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        first, second = Client(served), Client(served)
        me, you = first.take(5), second.take(5)
        assert me is not None
        assert you is not None
        second.until(lambda: second.state.get("performer") == me["you"])
        second.say(do="move", x=800, y=2000)
        second.until(lambda: any(h.get("say") == "refused" for h in second.heard))
        assert served.session.state.playhead.x == 0
        second.tell(do="control", want=True)
        first.until(lambda: first.state.get("asking") == [you["you"]])
        first.tell(do="control", want=False, to=you["you"])
        second.until(lambda: second.state["performer"] == you["you"])
        second.say(do="move", x=800, y=2000)
        second.until(lambda: second.state["x"] == 800)
        second.close()
        first.until(lambda: first.state["performer"] is None)
        first.tell(do="control", want=True)
        first.until(lambda: first.state["performer"] == me["you"])


def test_the_same_page_again_takes_its_own_place(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        first = Client(served, "?client=ab12")
        first.until(lambda: first.state.get("performer"))
        again = Client(served, "?client=ab12")
        again.until(lambda: again.you and again.state.get("performer") == again.you)
        assert list(served.stage.viewers) == [again.you]


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


def test_an_address_that_leads_nowhere_is_one_line(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        wrong = served.url.replace("ttt", "uuu")
        for address, line in (
            ("127.0.0.1:8765", "needs an address with a token"),
            ("http://127.0.0.1:8765/", "needs an address with a token"),
            (wrong, "the token is not right"),
            (served.url.replace(str(served.port), "1"), "nobody answers"),
        ):
            with pytest.raises(RequestError, match=line) as refused:
                Connection(address)
            assert "uuu" not in str(refused.value)
            assert "ttt" not in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[" * 5000,
        "{}",
        '{"do":"move","n":1,"x":1e400,"y":0}',
        '{"do":"move","n":1,"x":-1,"y":0}',
        '{"do":"move","n":1,"x":true,"y":0}',
        '{"do":"act","n":1,"name":7}',
        '{"do":"act","n":1,"name":"seek","value":NaN}',
        '{"do":"change","n":1,"request":{"folder":"/etc"}}',
        '{"do":"change","n":1,"request":{"expression":"\\ud800"}}',
        '{"do":"change","n":1,"request":{"seed":"1"}}',
        '{"do":"ask","n":1,"request":{"t":0}}',
        '{"do":"forget","seqs":[-1]}',
        '{"do":"control","want":1}',
        '{"do":"move","n":1,"x":1,"y":0,"ahead":[1]}',
        '{"do":"move","n":1,"x":1,"y":0,"ahead":[1,-1]}',
        '{"do":"have","request":{"expression":"cat"}}',
        '{"do":"have","request":{"expression":"cat"},"places":[[1,0]]}',
        '{"do":"have","request":{"expression":"cat"},"places":[[1,NaN,0]]}',
        '{"do":"have","request":{"seed":1},"places":[]}',
        '{"do":"have","request":{"expression":"%s"},"places":[[1,0,0]]}' % ("x" * 2001),
        '{"do":"have","request":{"expression":"cat","t":0},"places":[[1,0,0]]}',
        '{"do":"have","request":{"expression":"cat","u":0},"places":[]}',
    ],
)
def test_what_is_no_message_is_refused(text: str) -> None:
    with pytest.raises(WireError):
        read(text)


def test_a_header_longer_than_its_message_is_refused() -> None:
    header, data = unpack(pack({"seq": 1}, b"picture"))
    assert (header, data) == ({"seq": 1}, b"picture")
    for damaged in (b"", b"\0\0\0\xff{}", b"\xff\xff\xff\xff{}", b"\0\0\0\2[]"):
        with pytest.raises(ValueError, match=r"."):
            unpack(damaged)
    assert len(pack({"request": asdict(Request("x" * 2000))}, b"")) < MAX_BYTES


def test_a_frame_that_fails_is_told_and_the_session_goes_on(tmp_path: Path) -> None:
    with serving(tmp_path, open_renderer=lambda: FakeRenderer(refuse=(0.25,))) as served:
        client = Client(served)
        client.until(lambda: client.state.get("engine"))
        client.say(do="move", x=1000, y=2000)
        client.until(lambda: "not finite" in client.state.get("error", ""))
        client.say(do="move", x=2000, y=2000)
        client.until(lambda: client.state["error"] == "" and client.state["shown"] == {})
