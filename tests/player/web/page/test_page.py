"""The page in a real browser: what a person at it would notice."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By

from tests.player.web.browser import ask, key, resize, settled, until
from tests.player.web.page.playing import PAD, playing, reach
from tests.player.web.served import Client, serving


def test_keys_move_as_in_the_window(browser: webdriver.Chrome, tmp_path: Path) -> None:
    with playing(browser, tmp_path, PAD) as served:
        for name, shift, x, y in (
            ("ArrowRight", False, 10, 2000),
            ("ArrowRight", True, 110, 2000),
            ("ArrowLeft", False, 100, 2000),
            ("ArrowUp", False, 100, 2010),
            ("5", False, 2000, 2010),
            ("End", False, 4000, 2010),
            ("Home", False, 0, 2010),
        ):
            key(browser, name, shift=shift)
            reach(browser, served, x, y)
        key(browser, "n")
        until(lambda: served.session.state.request.seed == 1)
        key(browser, "N", shift=True)
        until(lambda: served.session.state.request.seed == 0)


def test_playing_goes_on_after_a_key_and_turns_round(
    browser: webdriver.Chrome, tmp_path: Path
) -> None:
    with playing(browser, tmp_path) as served:
        key(browser, "9")
        key(browser, "ArrowRight")
        for _ in range(3):
            key(browser, ".")
        key(browser, " ")
        state = served.session.state
        until(lambda: state.playhead.playing)
        until(lambda: state.playhead.direction < 0, what="the turn at the end")
        until(lambda: state.playhead.point[0] < 3000)
        assert state.playhead.playing
        until(lambda: ask(browser, "w.picture.drawn.t") < 0.75)


def test_a_move_just_before_an_action_stops_no_later_move(
    browser: webdriver.Chrome, tmp_path: Path
) -> None:
    with playing(browser, tmp_path) as served:
        browser.execute_script(  # in one turn of the page: two moves, so that one waits, and Home
            "for (const key of ['ArrowRight', 'ArrowRight', 'Home'])"
            " for (const kind of ['keydown', 'keyup'])"
            " dispatchEvent(new KeyboardEvent(kind, {key}));"
        )
        reach(browser, served, 0, 2000)
        key(browser, "ArrowRight")
        reach(browser, served, 10, 2000)


def test_a_held_key_moves_on_and_its_end_is_reached(
    browser: webdriver.Chrome, tmp_path: Path
) -> None:
    with playing(browser, tmp_path, seconds=0.01) as served:
        key(browser, "ArrowRight", kind="down")
        time.sleep(1.2)
        key(browser, "ArrowRight", kind="up")
        settled(browser)
        x = served.session.state.playhead.point[0]
        assert 200 < x < 600, "about 40 divisions a second"
        assert x % 10 == 0
        assert ask(browser, "w.head.point[0]") == x
        assert ask(browser, "w.picture.drawn.t") == x / 4000
        assert ask(browser, "w.picture.shown") > 10


def test_the_second_pass_costs_no_network(browser: webdriver.Chrome, tmp_path: Path) -> None:
    with playing(browser, tmp_path):
        until(
            lambda: ask(browser, "w.store.pictures.size") >= 401, 40, "the whole line in the page"
        )
        before = ask(browser, "w.wire.received")
        count = ask(browser, "w.picture.latencies.length")
        for name in ("ArrowRight", "ArrowRight", "ArrowLeft", "ArrowRight"):
            key(browser, name, shift=True)
            settled(browser)
        assert ask(browser, "w.wire.received") == before
        taken = ask(browser, "w.picture.latencies")[count:]
        assert len(taken) == 4
        assert min(taken) < 100, taken


def test_the_bar_is_dragged_and_keeps_the_pointer(
    browser: webdriver.Chrome, tmp_path: Path
) -> None:
    with playing(browser, tmp_path) as served:
        box = browser.find_element(By.ID, "bar").rect
        y = box["y"] + box["height"] / 2

        def mouse(kind: str, share: float, away: float = 0.0) -> None:
            browser.execute_cdp_cmd(
                "Input.dispatchMouseEvent",
                {
                    "type": kind,
                    "x": box["x"] + 10 + share * (box["width"] - 20),
                    "y": y + away,
                    "button": "left",
                    "buttons": 0 if kind == "mouseReleased" else 1,
                    "clickCount": 1,
                },
            )

        mouse("mousePressed", 0.25)
        until(lambda: served.session.state.playhead.point[0] == 1000)
        mouse("mouseMoved", 0.75, away=-200)
        until(lambda: served.session.state.playhead.point[0] == 3000, what="beside the bar")
        mouse("mouseReleased", 0.75)
        mouse("mouseMoved", 0.5)
        settled(browser)
        assert served.session.state.playhead.point[0] == 3000


@pytest.fixture
def phone(browser: webdriver.Chrome) -> Iterator[webdriver.Chrome]:
    """The browser as large as a phone's."""
    resize(browser, 390, 844)
    yield browser
    resize(browser, 1366, 768)


def touch(phone: webdriver.Chrome, kind: str, *points: dict[str, float]) -> None:
    event = {"type": f"touch{kind}", "touchPoints": list(points)}
    phone.execute_cdp_cmd("Input.dispatchTouchEvent", event)


def test_fingers_move_the_pad_of_a_phone(phone: webdriver.Chrome, tmp_path: Path) -> None:
    with playing(phone, tmp_path, PAD) as served:
        phone.execute_script("document.getElementById('pad').scrollIntoView({block: 'center'})")
        at = phone.execute_script(
            "const b = document.getElementById('pad').getBoundingClientRect();"
            "return {x: b.x + b.width / 2, y: b.y + 4}"
        )
        touch(phone, "Start", at)
        touch(phone, "End")
        until(lambda: served.session.state.playhead.point[1] == 4000)
        assert abs(served.session.state.playhead.point[0] - 2000) <= 20
        assert phone.execute_script("return document.documentElement.scrollWidth") <= 390


def test_a_finger_on_the_bar_goes_on_when_another_leaves_the_pad(
    phone: webdriver.Chrome, tmp_path: Path
) -> None:
    with playing(phone, tmp_path, PAD) as served:
        phone.execute_script("document.getElementById('pad').scrollIntoView({block: 'end'})")
        (x, y, width), on_pad = phone.execute_script(
            "const [bar, pad] = ['bar', 'pad'].map("
            "  (id) => document.getElementById(id).getBoundingClientRect());"
            "return [[bar.x, bar.y + bar.height / 2, bar.width],"
            "  {x: pad.x + pad.width / 2, y: pad.y + 4, id: 2}]"
        )

        def on_bar(share: float) -> dict[str, float]:
            return {"x": x + 10 + share * (width - 20), "y": y, "id": 1}

        def point() -> tuple[int, int]:
            return served.session.state.playhead.point

        touch(phone, "Start", on_bar(0.25))
        until(lambda: abs(point()[0] - 1000) <= 20)
        touch(phone, "Start", on_bar(0.25), on_pad)
        until(lambda: point()[1] == 4000)
        touch(phone, "End", on_pad)
        touch(phone, "Move", on_bar(0.75))
        until(lambda: abs(point()[0] - 3000) <= 20, what="the bar's finger")
        touch(phone, "End")
        until(lambda: ask(phone, "w.session.dragging.size === 0"))


def test_a_watcher_watches_and_asks(browser: webdriver.Chrome, tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        performer = Client.ready(served)
        browser.get(served.url)
        until(lambda: ask(browser, "w?.state.performer") == performer.you)
        performer.say(do="move", x=1200, y=2000)
        until(
            lambda: performer.take(0.01) or ask(browser, "w.picture.drawn?.t") == 0.3,
            what="what is performed",
        )
        key(browser, "ArrowRight")
        until(lambda: "watching" in browser.find_element(By.ID, "notice").text)
        assert served.session.state.playhead.point[0] == 1200
        browser.find_element(By.ID, "want").click()
        performer.until(lambda: performer.state.get("asking"))
        performer.tell(do="control", want=False)
        until(lambda: ask(browser, "w.state.performer") != performer.you)
        key(browser, "ArrowRight")
        until(lambda: served.session.state.playhead.point[0] == 1210)
        browser.get("about:blank")


def test_a_finger_that_drifts_from_an_arrow_moves_on(
    phone: webdriver.Chrome, tmp_path: Path
) -> None:
    with playing(phone, tmp_path, PAD):
        at = phone.execute_script(
            "const b = document.querySelector('[data-arrow=\"Right\"]').getBoundingClientRect();"
            "return {x: b.x + b.width / 2, y: b.y + b.height / 2}"
        )
        touch(phone, "Start", at)
        for away in (8, 30, 60, 90):
            touch(phone, "Move", {"x": at["x"], "y": at["y"] - away})
            time.sleep(0.05)
        assert ask(phone, "w.head.held.size") == 1
        touch(phone, "End")
        assert ask(phone, "w.head.held.size") == 0


def test_it_fits_a_phone_and_two_desktops(browser: webdriver.Chrome, tmp_path: Path) -> None:
    with playing(browser, tmp_path, PAD):
        for width, height in ((390, 844), (1366, 768), (1920, 1080)):
            resize(browser, width, height)
            time.sleep(0.2)
            wide, tall = browser.execute_script(
                "const d = document.documentElement; return [d.scrollWidth, d.scrollHeight]"
            )
            assert wide <= width
            if width > 900:
                assert tall <= height, "a desktop's page scrolls"
            for id in ("picture", "bar", "transport"):
                rect = browser.find_element(By.ID, id).rect
                assert rect["width"] > 100, id
                assert rect["y"] + rect["height"] <= height, f"{id} is out of sight at {width}"
    resize(browser, 1366, 768)
