"""The page in a real browser: what a person at it would notice."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from player.session.actions import HELP
from player.session.words import PRESETS
from tests.player.fakes import FakeRenderer
from tests.player.web.browser import ask, key, open_browser, problems, resize, settled, until
from tests.player.web.served import Client, Served, Two, serving

DRAWN = "[w.picture.drawn.t, w.picture.drawn.u]"
PAD = "cat -> kitten | -3/7*tabby .. +3/7*tabby"


@pytest.fixture(scope="module")
def browser() -> Iterator[webdriver.Chrome]:
    with open_browser() as opened:
        yield opened


@contextlib.contextmanager
def playing(
    browser: webdriver.Chrome, folder: Path, expression: str = "cat -> kitten", seconds: float = 0.0
) -> Iterator[Served]:
    """Serve, and show the page until the end, which must not have complained."""
    with serving(folder, expression, open_renderer=lambda: FakeRenderer(seconds=seconds)) as served:
        problems(browser)  # of the test before
        browser.get(served.url)
        settled(browser)
        until(lambda: browser.find_element(By.ID, "words").text, what="the whole page")
        yield served
        assert not problems(browser)
        browser.get("about:blank")


def reach(browser: webdriver.Chrome, served: Served, x: int, y: int) -> None:
    """Wait until the session stands at (x, y) and the page shows that picture."""
    until(lambda: served.session.state.playhead.point == (x, y), what=f"({x}, {y})")
    until(lambda: ask(browser, DRAWN) == [x / 4000, y / 4000], what=f"the picture of ({x}, {y})")


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


def test_a_held_key_glides_and_its_end_is_reached(
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


def test_fingers_move_the_pad_of_a_phone(browser: webdriver.Chrome, tmp_path: Path) -> None:
    resize(browser, 390, 844)
    with playing(browser, tmp_path, PAD) as served:
        browser.execute_script("document.getElementById('pad').scrollIntoView({block: 'center'})")
        box = browser.execute_script(
            "const b = document.getElementById('pad').getBoundingClientRect();"
            "return [b.x, b.y, b.width, b.height]"
        )
        at = {"x": box[0] + box[2] / 2, "y": box[1] + 4}
        touch = "Input.dispatchTouchEvent"
        browser.execute_cdp_cmd(touch, {"type": "touchStart", "touchPoints": [at]})
        browser.execute_cdp_cmd(touch, {"type": "touchEnd", "touchPoints": []})
        until(lambda: served.session.state.playhead.point[1] == 4000)
        assert abs(served.session.state.playhead.point[0] - 2000) <= 20
        assert browser.execute_script("return document.documentElement.scrollWidth") <= 390
    resize(browser, 1366, 768)


def test_a_finger_on_the_bar_goes_on_when_another_leaves_the_pad(
    browser: webdriver.Chrome, tmp_path: Path
) -> None:
    resize(browser, 390, 844)
    with playing(browser, tmp_path, PAD) as served:
        browser.execute_script("document.getElementById('pad').scrollIntoView({block: 'end'})")
        (x, y, width), on_pad = browser.execute_script(
            "const [bar, pad] = ['bar', 'pad'].map("
            "  (id) => document.getElementById(id).getBoundingClientRect());"
            "return [[bar.x, bar.y + bar.height / 2, bar.width],"
            "  {x: pad.x + pad.width / 2, y: pad.y + 4, id: 2}]"
        )

        def touch(kind: str, *points: dict[str, float]) -> None:
            event = {"type": f"touch{kind}", "touchPoints": list(points)}
            browser.execute_cdp_cmd("Input.dispatchTouchEvent", event)

        def on_bar(share: float) -> dict[str, float]:
            return {"x": x + 10 + share * (width - 20), "y": y, "id": 1}

        def point() -> tuple[int, int]:
            return served.session.state.playhead.point

        touch("Start", on_bar(0.25))
        until(lambda: abs(point()[0] - 1000) <= 20)
        touch("Start", on_bar(0.25), on_pad)
        until(lambda: point()[1] == 4000)
        touch("End", on_pad)
        touch("Move", on_bar(0.75))
        until(lambda: abs(point()[0] - 3000) <= 20, what="the bar's finger")
        touch("End")
        until(lambda: ask(browser, "w.session.dragging.size === 0"))
    resize(browser, 1366, 768)


def test_a_download_that_fails_is_told(browser: webdriver.Chrome, tmp_path: Path) -> None:
    with playing(browser, tmp_path):
        browser.execute_script("globalThis.fetch = () => Promise.reject(new TypeError('gone'))")
        key(browser, "s")
        button = until(lambda: browser.find_elements(By.CSS_SELECTOR, "#kept button"))[0]
        button.click()
        until(lambda: "does not answer" in browser.find_element(By.ID, "notice").text)


def test_an_expression_is_completed_refused_with_a_caret_and_played(
    browser: webdriver.Chrome, tmp_path: Path
) -> None:
    with playing(browser, tmp_path) as served:
        field = browser.find_element(By.ID, "expression")
        field.clear()
        field.send_keys("cat -> (kitt")
        words = browser.find_elements(By.CSS_SELECTOR, "#completions li")
        assert [word.text for word in words] == ["kitten"]
        field.send_keys(Keys.ARROW_DOWN)
        field.send_keys(Keys.ENTER)  # takes the word
        assert field.get_attribute("value") == "cat -> (kitten"
        field.send_keys(Keys.ENTER)
        caret = browser.find_element(By.ID, "caret")
        until(lambda: caret.text)
        text, under, why = caret.get_attribute("textContent").split("\n")  # type: ignore[union-attr]
        assert text == "cat -> (kitten"
        assert under.index("^") == text.index("(")
        assert why
        assert served.session.state.request.expression == "cat -> kitten"
        field.clear()
        field.send_keys("cat -> fox")
        field.send_keys(Keys.ENTER)
        until(lambda: served.session.state.request.expression == "cat -> fox")
        until(lambda: not caret.text)
        key(browser, "ArrowRight")
        until(lambda: served.session.state.playhead.point[0] == 10, what="keys after writing")


def test_tab_takes_the_first_offer_and_arrows_recall_what_was_typed(
    browser: webdriver.Chrome, tmp_path: Path
) -> None:
    typed = ["cat -> fox", "cat -> [-kitten]", "cat -> kitten"]
    with playing(browser, tmp_path, "cat -> tabby") as served:
        browser.execute_script("localStorage.clear()")
        browser.refresh()
        settled(browser)
        field = browser.find_element(By.ID, "expression")
        field.clear()
        field.send_keys("cat -> -kitt", Keys.TAB)
        assert field.get_attribute("value") == "cat -> -kitten"
        field.send_keys(Keys.CONTROL, "a", Keys.NULL)
        field.send_keys(Keys.BACKSPACE)
        offers = browser.find_elements(By.CSS_SELECTOR, "#completions li")
        assert [one.text for one in offers] == list(PRESETS)
        field.send_keys(Keys.TAB)
        assert field.get_attribute("value") == PRESETS[0]
        for expression in typed:
            field.send_keys(Keys.CONTROL, "a", Keys.NULL)
            field.send_keys(expression, Keys.ENTER)
            if expression.endswith("]"):  # refused: it is no expression to come back to
                until(lambda: browser.find_element(By.ID, "caret").text)
            else:
                until(
                    lambda wanted=expression: served.session.state.request.expression == wanted  # type: ignore[misc]
                )
                until(lambda: browser.switch_to.active_element != field)
        browser.refresh()  # what was typed outlasts the page
        settled(browser)
        field = browser.find_element(By.ID, "expression")
        until(lambda: field.get_attribute("value") == "cat -> kitten")
        field.send_keys(Keys.CONTROL, "a", Keys.NULL)
        field.send_keys("a draft ")
        shown = []
        for way in (Keys.ARROW_UP, Keys.ARROW_UP, Keys.ARROW_UP, Keys.ARROW_DOWN, Keys.ARROW_DOWN):
            field.send_keys(way)
            shown.append(field.get_attribute("value"))
        assert shown == [
            "cat -> kitten",
            "cat -> fox",
            "cat -> fox",
            "cat -> kitten",
            "a draft ",
        ]


def test_help_and_buttons_are_the_table_of_actions(
    browser: webdriver.Chrome, tmp_path: Path
) -> None:
    with playing(browser, tmp_path) as served:
        key(browser, "?")
        rows = browser.find_elements(By.CSS_SELECTOR, "#keys dt, #keys dd")
        assert [row.text for row in rows] == [
            " ".join(words.split()) for row in HELP for words in row
        ]
        browser.find_element(By.ID, "close").click()
        browser.find_element(By.CSS_SELECTOR, '[data-action="play"]').click()
        until(lambda: served.session.state.playhead.playing)
        until(lambda: ask(browser, "w.picture.shown") > 3)


def test_a_cue_is_kept_and_recalled(browser: webdriver.Chrome, tmp_path: Path) -> None:
    with playing(browser, tmp_path) as served:
        key(browser, "3")
        reach(browser, served, 1200, 2000)
        key(browser, "m")
        until(lambda: browser.find_elements(By.CSS_SELECTOR, "#cues button"), what="the cue")
        key(browser, "End")
        reach(browser, served, 4000, 2000)
        cue = browser.find_element(By.CSS_SELECTOR, "#cues button")
        cue.click()
        reach(browser, served, 1200, 2000)
        key(browser, "End")
        reach(browser, served, 4000, 2000)
        for modifier, done in (
            (Keys.SHIFT, lambda: served.session.state.gliding is not None),
            (Keys.CONTROL, lambda: not served.session.cues.kept),
        ):  # for the keys that browsers keep
            actions = webdriver.ActionChains(browser)
            actions.key_down(modifier).click(cue).key_up(modifier).perform()
            until(done)
        key(browser, "?")
        assert "F11" in browser.find_element(By.ID, "reserved").text
        key(browser, "Escape")


def test_any_cue_is_glided_to_and_dropped_without_a_keyboard(
    browser: webdriver.Chrome, tmp_path: Path
) -> None:
    with playing(browser, tmp_path) as served:
        kept, state = served.session.cues, served.session.state
        for number, place in enumerate(("3", "5", "7"), 1):
            key(browser, place)
            reach(browser, served, 400 * int(place), 2000)
            key(browser, "m")
            until(lambda many=number: len(kept.kept) == many)  # type: ignore[misc]

        def press(label: str) -> None:
            rows = "//*[@id='cues']/button"
            until(lambda: len(browser.find_elements(By.XPATH, rows)) == len(kept.kept) + 2)
            browser.find_element(By.XPATH, f"{rows}[text()='{label}']").click()

        until(lambda: browser.find_elements(By.CSS_SELECTOR, "#cues button"))
        press("Glide")
        press("2")
        until(lambda: state.gliding is not None)
        until(lambda: state.playhead.point == (2000, 2000))
        press("Glide")
        press("1")
        reach(browser, served, 1200, 2000)
        press("Drop")
        press("2")
        until(lambda: [cue.moment.request.t for cue in kept.kept] == [0.3, 0.7])
        press("2")  # one alone was to be dropped
        reach(browser, served, 2800, 2000)
        assert len(kept.kept) == 2
        key(browser, "?")
        assert "Ctrl+F4" in browser.find_element(By.ID, "reserved").text
        key(browser, "Escape")


def test_every_control_has_a_name(browser: webdriver.Chrome, tmp_path: Path) -> None:
    with playing(browser, tmp_path, PAD):
        tree = browser.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
        controls = {"button", "slider", "textbox", "combobox", "spinbutton", "image", "listbox"}
        met = set()
        for node in tree:
            role = node.get("role", {}).get("value")
            if role in controls and not node.get("ignored"):
                met.add(role)
                assert node.get("name", {}).get("value"), node
        assert {"button", "slider", "combobox", "spinbutton", "image"} <= met
        # or every step of a glide would be spoken
        assert browser.find_element(By.ID, "position").aria_role not in ("status", "alert", "log")


def test_a_watcher_watches_and_asks(browser: webdriver.Chrome, tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        performer = Client(served)
        performer.until(lambda: performer.state.get("engine"))
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


def test_a_server_that_was_started_again_is_found_where_the_page_stood(
    browser: webdriver.Chrome, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with serving(tmp_path, port=port) as served:
        browser.get(served.url)
        settled(browser)
        key(browser, "3")
        until(lambda: served.session.state.playhead.point[0] == 1200)
        for name, shift in (("a", False), ("m", False), (".", False), ("J", True), ("j", False)):
            key(browser, name, shift=shift)
        key(browser, "n")
        until(lambda: served.session.state.request.seed == 1)
        key(browser, "b")
        key(browser, "7")
        until(lambda: served.session.state.playhead.point[0] == 2800)
        settled(browser)
        until(lambda: ask(browser, "w.state.request.seed === 1 && w.state.scanned"), 40, "the scan")
        key(browser, "p")
        until(lambda: ask(browser, "w.state.perceptual"))
    until(lambda: "trying again" in browser.find_element(By.ID, "veil").text)
    with serving(tmp_path, port=port) as served:
        until(lambda: served.session.state.playhead.point[0] == 2800, what="the old place")
        state = served.session.state
        assert state.request.seed == 1
        until(lambda: state.marks == (((1200, 2000), 0), ((1200, 2000), 1)))
        (cue,) = served.session.cues.kept
        assert (cue.moment.request.t, cue.moment.request.seed) == (0.3, 0)
        head = state.playhead
        assert (head.speed, head.loop, head.between) == (2.0, "wrap", True)
        until(lambda: state.playhead.warp is not None, 40, "perceptual time again")
        until(lambda: not browser.find_element(By.ID, "veil").text)
        key(browser, "ArrowRight")
        until(lambda: state.playhead.point[0] == 2810)
        browser.get("about:blank")


def port_of_its_own() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def test_a_page_overwrites_nothing_where_somebody_else_came_first(
    browser: webdriver.Chrome, tmp_path: Path
) -> None:
    port = port_of_its_own()
    with serving(tmp_path, port=port) as served:
        browser.get(served.url)
        settled(browser)
        key(browser, "3")
        until(lambda: served.session.state.playhead.point[0] == 1200)
        browser.execute_script("globalThis.wordmorph.wire.open = () => {}")  # it comes later
    with serving(tmp_path, port=port) as served:
        first = Client(served)
        first.until(lambda: first.state)
        browser.execute_script("const w = wordmorph.wire; delete w.open; w.open()")
        you = until(
            lambda: ask(browser, "w.session.welcomed && w.state.performer && w.session.you")
        )
        first.say(do="change", request={"expression": "cat -> fox"})
        first.until(lambda: first.state["request"]["expression"] == "cat -> fox")
        first.until(lambda: you in first.state["viewers"])
        first.tell(do="control", want=False, to=you)
        first.until(lambda: first.state["performer"] == you)
        until(lambda: ask(browser, "w.session.performs"))
        key(browser, "ArrowRight")
        until(lambda: served.session.state.playhead.point[0] == 10)
        assert served.session.state.request.expression == "cat -> fox"
        browser.get("about:blank")


def test_a_page_that_watched_restores_what_it_saw_where_it_comes_first(
    browser: webdriver.Chrome, tmp_path: Path
) -> None:
    port = port_of_its_own()
    with serving(tmp_path, port=port) as served:
        performer = Client(served)
        performer.say(do="change", request={"seed": 9, "expression": "cat -> fox", "t": 0.3})
        browser.get(served.url)
        until(lambda: ask(browser, "w?.state.request?.seed === 9"))
        assert not ask(browser, "w.session.performs")
    with serving(tmp_path, port=port) as served:
        state = served.session.state
        until(lambda: (state.request.seed, state.request.t) == (9, 0.3), what="the old place")
        assert state.request.expression == "cat -> fox"
        browser.get("about:blank")


def test_a_link_over_which_no_answer_comes_is_given_up(
    browser: webdriver.Chrome, tmp_path: Path
) -> None:
    with playing(browser, tmp_path) as served:
        key(browser, "2")
        reach(browser, served, 800, 2000)
        until(lambda: ask(browser, "w.wire.due === 0"), what="an answer: this link is kept")
        browser.execute_script("globalThis.wordmorph.wire.socket.onmessage = null")
        key(browser, "3")
        until(lambda: "trying again" in browser.find_element(By.ID, "veil").text, 60)
        until(lambda: not browser.find_element(By.ID, "veil").text, what="the server again")
        key(browser, "ArrowRight")
        until(lambda: served.session.state.playhead.point[0] == 1210)


def test_a_link_whose_answers_take_seven_seconds_is_kept(
    browser: webdriver.Chrome, tmp_path: Path
) -> None:
    with playing(browser, tmp_path) as served:
        you = ask(browser, "w.session.you")
        browser.execute_script(
            "const { socket } = wordmorph.wire; const { onmessage } = socket;"
            "socket.onmessage = (event) => setTimeout(() => onmessage(event), 7000);"
        )
        key(browser, "3")
        until(lambda: ask(browser, "w.wire.due > 0"), what="a question")
        until(lambda: ask(browser, "w.wire.due === 0"), 60, what="its answer")
        reach(browser, served, 1200, 2000)
        assert ask(browser, "w.session.you") == you, "it was given up and opened again"


def test_whatever_comes_shows_that_the_link_lives(
    browser: webdriver.Chrome, tmp_path: Path
) -> None:
    with playing(browser, tmp_path):
        before, after = browser.execute_script(
            "const { wire, state } = wordmorph; wire.due = performance.now() + 500;"
            "const before = wire.due;"
            "wire.read(JSON.stringify({ say: 'state', seq: wire.seq, notice: state.notice }));"
            "return [before, wire.due];"
        )
        assert after > before


def test_a_tab_that_was_duplicated_goes_on_beside_its_copy(
    browser: webdriver.Chrome, tmp_path: Path
) -> None:
    with playing(browser, tmp_path) as served:
        client = ask(browser, "w.wire.client")
        copy = Client(served, f"?client={client}")
        copy.until(lambda: copy.state)
        until(lambda: "open elsewhere" in browser.find_element(By.ID, "veil").text)
        key(browser, "ArrowRight")
        until(lambda: not browser.find_element(By.ID, "veil").text, what="the page again")
        copy.until(lambda: len(copy.state["viewers"]) == 2)
        assert ask(browser, "w.wire.client") == ask(browser, "sessionStorage.getItem('client')")
        assert ask(browser, "w.wire.client") != client
        you = ask(browser, "w.session.you")
        copy.tell(do="control", want=False, to=you)
        copy.until(lambda: copy.state["performer"] == you)
        until(lambda: ask(browser, "w.session.performs"))
        key(browser, "ArrowRight")
        until(lambda: served.session.state.playhead.point[0] == 10)
        assert ask(browser, "w.session.you") == you, "later keys open nothing"


def test_a_page_whose_token_counts_no_more_says_so(
    browser: webdriver.Chrome, tmp_path: Path
) -> None:
    port = port_of_its_own()
    with serving(tmp_path, port=port) as served:
        browser.get(served.url)
        settled(browser)
    with serving(tmp_path, port=port, token="u" * 43):
        until(lambda: "another token" in browser.find_element(By.ID, "veil").text)
        browser.get("about:blank")


def test_keys_are_the_players_again_after_a_setting(
    browser: webdriver.Chrome, tmp_path: Path
) -> None:
    with playing(browser, tmp_path) as served:
        state = served.session.state
        seed = browser.find_element(By.ID, "seed")
        key(browser, "#")
        seed.send_keys(Keys.CONTROL, "a", Keys.NULL)
        seed.send_keys("7", Keys.ENTER)
        until(lambda: state.request.seed == 7)
        key(browser, "ArrowRight")
        reach(browser, served, 10, 2000)
        for typed in (Keys.BACKSPACE, "9" * 20):  # no seed at all, and none there is
            key(browser, "#")
            seed.send_keys(Keys.CONTROL, "a", Keys.NULL)
            seed.send_keys(typed, Keys.ENTER)
        key(browser, "#")
        seed.send_keys("5", Keys.ESCAPE)
        webdriver.ActionChains(browser).click(browser.find_element(By.ID, "steps")).perform()
        browser.find_element(By.CSS_SELECTOR, "#steps option[value='2']").click()
        until(lambda: state.request.steps == 2)
        key(browser, "ArrowRight")
        reach(browser, served, 20, 2000)
        assert (state.request.seed, state.request.steps) == (7, 2)


def test_the_next_models_picture_is_shown(browser: webdriver.Chrome, tmp_path: Path) -> None:
    with serving(tmp_path, models=Two(), lossless=True) as served:
        browser.get(served.url)
        settled(browser)
        pixel = "Array.from(w.picture.context.getImageData(20, 20, 1, 1).data.slice(0, 3))"
        before = ask(browser, pixel)
        key(browser, "o")
        until(lambda: ask(browser, pixel) == [255 - value for value in before], what="the negative")
        browser.get("about:blank")


def test_a_picture_that_overtakes_the_settings_of_its_model_stays(
    browser: webdriver.Chrome, tmp_path: Path
) -> None:
    with serving(tmp_path, models=Two()) as served:
        browser.get(served.url)
        settled(browser)
        browser.execute_script(  # settings, others than before, come when the test says so
            "const { session } = wordmorph; const heard = session.heard.bind(session);"
            "session.heard = ({ settings, ...message }) => {"
            "  if (settings) globalThis.late = { ...settings, model: 'other' };"
            "  heard(message);"
            "};"
        )
        key(browser, "o")
        until(lambda: ask(browser, "globalThis.late"), what="another model")
        settled(browser)
        count = ask(browser, "w.store.pictures.size")
        assert count
        browser.execute_script("wordmorph.session.learn({ settings: globalThis.late })")
        assert ask(browser, "w.store.pictures.size") >= count
        settled(browser)
        browser.get("about:blank")


def test_pictures_of_many_seeds_are_told_of_in_few_messages(
    browser: webdriver.Chrome, tmp_path: Path
) -> None:
    with playing(browser, tmp_path):
        browser.execute_script(
            "const { store, state, wire } = wordmorph;"
            "for (let seed = 1000; seed < 2000; seed += 1)"
            "  store.put({ ...state.request, seed }, new Blob(['x']), 1);"
            "wire.socket.close()"
        )
        until(lambda: "trying again" in browser.find_element(By.ID, "veil").text)
        you = ask(browser, "w.session.you")
        until(lambda: ask(browser, "w.session.you") != you and ask(browser, "w.state.settings"))
        you = ask(browser, "w.session.you")
        time.sleep(1.0)
        assert ask(browser, "w.session.there && w.session.you") == you, "it was shown out"


def test_a_finger_that_drifts_from_an_arrow_glides_on(
    browser: webdriver.Chrome, tmp_path: Path
) -> None:
    resize(browser, 390, 844)
    with playing(browser, tmp_path, PAD):
        at = browser.execute_script(
            "const b = document.querySelector('[data-arrow=\"Right\"]').getBoundingClientRect();"
            "return {x: b.x + b.width / 2, y: b.y + b.height / 2}"
        )
        touch = "Input.dispatchTouchEvent"
        browser.execute_cdp_cmd(touch, {"type": "touchStart", "touchPoints": [at]})
        for away in (8, 30, 60, 90):
            moved = {"x": at["x"], "y": at["y"] - away}
            browser.execute_cdp_cmd(touch, {"type": "touchMove", "touchPoints": [moved]})
            time.sleep(0.05)
        assert ask(browser, "w.head.held.size") == 1
        browser.execute_cdp_cmd(touch, {"type": "touchEnd", "touchPoints": []})
        assert ask(browser, "w.head.held.size") == 0
    resize(browser, 1366, 768)


def test_a_lost_link_is_found_again_and_nothing_that_is_here_is_sent_again(
    browser: webdriver.Chrome, tmp_path: Path
) -> None:
    with playing(browser, tmp_path) as served:
        until(lambda: ask(browser, "w.store.pictures.size") >= 401, 40, "the whole line")
        before = ask(browser, "w.wire.received")
        browser.execute_script("globalThis.wordmorph.wire.socket.close()")
        until(lambda: "trying again" in browser.find_element(By.ID, "veil").text)
        until(lambda: not browser.find_element(By.ID, "veil").text, what="the server again")
        time.sleep(1.0)  # idle time would send the line ahead
        each = before / 401
        assert ask(browser, "w.wire.received") - before < 3 * each
        for name, x in (("ArrowRight", 100), ("End", 4000)):
            key(browser, name, shift=True)
            reach(browser, served, x, 2000)


def test_the_difference_of_the_marks_lies_on_the_picture_until_back(
    browser: webdriver.Chrome, tmp_path: Path
) -> None:
    with playing(browser, tmp_path):
        picture = browser.find_element(By.ID, "picture")
        key(browser, "a")
        key(browser, "End")
        settled(browser)
        key(browser, "b")
        until(lambda: ask(browser, "w.state.marks.length") == 2)
        plain = picture.screenshot_as_png
        key(browser, "d")
        until(lambda: ask(browser, "w.picture.laid"), what="the difference")
        assert picture.screenshot_as_png != plain
        until(lambda: "difference" in (picture.get_attribute("aria-label") or ""))
        key(browser, "Escape")
        until(lambda: not ask(browser, "w.picture.laid"))
        until(lambda: picture.screenshot_as_png == plain, what="the picture again")


def test_a_difference_that_is_decoded_too_late_is_not_shown(
    browser: webdriver.Chrome, tmp_path: Path
) -> None:
    with playing(browser, tmp_path):
        key(browser, "a")
        key(browser, "End")
        settled(browser)
        key(browser, "b")
        until(lambda: ask(browser, "w.state.marks.length") == 2)
        browser.execute_script(
            "const decode = createImageBitmap;"
            "globalThis.createImageBitmap = (blob) =>"
            "  new Promise((done) => setTimeout(() => done(decode(blob)), 500));"
        )
        key(browser, "d")
        until(lambda: ask(browser, "w.session.difference"), what="the difference")
        key(browser, "d")
        until(lambda: not ask(browser, "w.state.difference"))
        time.sleep(0.8)
        assert not ask(browser, "w.picture.laid")


def test_the_picture_is_looked_at_closely(browser: webdriver.Chrome, tmp_path: Path) -> None:
    with playing(browser, tmp_path) as served:
        picture = browser.find_element(By.ID, "picture")
        width = "w.picture.canvas.getBoundingClientRect().width"
        wide = ask(browser, width)
        key(browser, "z")
        until(lambda: ask(browser, width) > 1.9 * wide)
        actions = webdriver.ActionChains(browser)
        actions.drag_and_drop_by_offset(picture, 60, 0).perform()
        assert ask(browser, "w.actions.zoom.away[0]") > 0
        assert not served.session.state.playhead.playing, "a drag is no click"
        key(browser, "Escape")
        until(lambda: ask(browser, width) == wide)
        key(browser, "x")
        until(lambda: "input to picture" in browser.find_element(By.ID, "stats").text)


def test_a_tap_on_the_picture_alone_brings_the_controls_back(
    browser: webdriver.Chrome, tmp_path: Path
) -> None:
    with playing(browser, tmp_path) as served:
        browser.find_element(By.ID, "more").click()
        button = browser.find_element(By.CSS_SELECTOR, '#actions [data-action="clean"]')
        browser.execute_script("arguments[0].scrollIntoView()", button)
        button.click()
        transport = browser.find_element(By.ID, "transport")
        until(lambda: not transport.is_displayed(), what="the picture alone")
        browser.find_element(By.ID, "picture").click()
        until(transport.is_displayed, what="the controls")
        assert not served.session.state.playhead.playing


def test_a_copied_command_is_said(browser: webdriver.Chrome, tmp_path: Path) -> None:
    with playing(browser, tmp_path):
        key(browser, "c")
        notice = browser.find_element(By.ID, "notice")
        until(lambda: "copied: wordmorph play" in notice.text)


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
