"""What the performer does over the wire, and what everybody is told of it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from player.session.actions import ACTIONS
from player.web.server.shown import PAGE_ACTIONS
from tests.player.web.served import Client, serving


def test_the_command_is_copied_and_the_difference_of_the_marks_is_sent(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        client = Client.ready(served)
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
        client = Client.ready(served)
        began = time.perf_counter()
        client.hears(client.say(do="act", name="tap", value=None))
        first = time.perf_counter()
        time.sleep(0.3)
        client.hears(client.say(do="act", name="tap", value=None))
        tempo = served.session.beats.tempo
        assert tempo is not None
        assert began <= tempo.start <= first


def test_every_action_can_be_done_and_none_ends_the_server(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        client = Client.ready(served)
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
